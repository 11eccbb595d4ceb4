"""Real parts for the tests of drivers: a running clock, an event log, mock pins, a chip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from hardware.drivers import Around
from hardware.ports import PartEvent
from hardware.readers.pn532 import Pn532Reader
from hardware.specs import ReaderSpec
from simulator.parts.pn532_chip import Pn532Chip
from wire.clock import Instant

WAIT_S = 10.0
"""Far more than anything takes here; only a failing test waits that long."""


class RunningClock:
    """The machine's own clocks."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)


class EventLog:
    """What a part reports, in order."""

    def __init__(self) -> None:
        self._queue: Queue[PartEvent] = Queue()

    def __call__(self, event: PartEvent) -> None:
        self._queue.put(event)

    def next(self) -> PartEvent:
        return self._queue.get(timeout=WAIT_S)

    def expect(self, *kinds: type) -> list[PartEvent]:
        """Take one event per kind, in this order."""
        events = [self.next() for _ in kinds]
        assert [type(event) for event in events] == list(kinds)
        return events

    def none_for(self, seconds: float) -> bool:
        try:
            event = self._queue.get(timeout=seconds)
        except Empty:
            return True
        raise AssertionError(f"unexpected {event}")


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until a check holds."""

    def wait(check: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not check():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.005)

    return wait


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock()


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """Mock pins in place of the Raspberry Pi's."""
    factory = MockFactory()
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    yield factory
    factory.close()
    gpiozero.Device.pin_factory = before


@pytest.fixture
def chip(tmp_path) -> Iterator[Pn532Chip]:
    """A chip on a port named `front`, plugged in."""
    chip = Pn532Chip(tmp_path / "front")
    chip.plug()
    yield chip
    chip.unplug()


@pytest.fixture
def reader(tmp_path, clock) -> Iterator[Pn532Reader]:
    """A reader on the port `front`, not started."""
    reader = Pn532Reader(ReaderSpec(id="front", port=str(tmp_path / "front")), Around(clock))
    yield reader
    reader.close()

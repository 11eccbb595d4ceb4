"""A PN532 card reader: one thread that looks, reports, and comes back from anything."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from hardware.drivers import Around
from hardware.errors import PartError
from hardware.gpio import as_part_error
from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    CardGone,
    CardPresent,
    CardsSeveral,
    Emit,
    Health,
    HealthState,
    PartEvent,
    ReaderDown,
    ReaderUp,
)
from hardware.readers.field import EMPTY, Change, Field, Occupancy, observe
from hardware.readers.pn532_port import Card, Pn532Port
from hardware.specs import ReaderSpec
from wire.clock import Clock

_log = logging.getLogger(__name__)

LOOK_PAUSE_MS = 20
"""Field off between two looks: resets cards (ISO/IEC 14443-3 asks 5 ms), and a tap is
seen within 24 ms in the middle."""

REOPEN_DELAY_MS_MIN = 250
"""First pause before a reader is opened again: an adapter needs about that to come back."""

REOPEN_DELAY_MS_MAX = 3_000
"""Longest pause: a reader that was plugged in works before the person gives up."""

RESET_LOW_MS = 20
RESET_WAKE_MS = 20
"""Reset pulse and start of the chip, both far above its data sheet's 2 ms."""

CLOSE_TIMEOUT_MS = 3_000
"""Longest wait for the thread at `close`: the slowest answer nfcpy waits for, twice."""


def open_part(spec: ReaderSpec, around: Around) -> Pn532Reader:
    """Make what the spec describes; see `Pn532Reader`."""
    return Pn532Reader(spec, around.clock)


class Pn532Reader:
    """A `CardReader` on a PN532 at a serial port. Cards are of level 0: only a UID.

    Args:
        spec: Where it is.
        clock: Source of `mono_ms`.
    """

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        self._spec = spec
        self._part = f"reader {spec.id}"
        self._clock = clock
        self._stop = Event()
        self._thread: Thread | None = None
        self._emit: Emit = _drop
        self._health = HEALTH_UNKNOWN
        self._field: Field = EMPTY
        self._reset: Any = None

    @property
    def health(self) -> Health:
        return self._health

    def start(self, emit: Emit) -> None:
        self._emit = emit
        self._thread = Thread(target=self._run, name=self._part, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_MS / 1000)
        if self._reset is not None:
            with suppress(Exception):
                self._reset.close()
        self._health = HEALTH_CLOSED

    def _run(self) -> None:
        delay_ms = REOPEN_DELAY_MS_MIN
        while not self._stop.is_set():
            try:
                port = self._open()
            except Exception as error:  # noqa: BLE001 nothing may end this thread
                self._went_down(error)
                self._pause(delay_ms)
                delay_ms = min(2 * delay_ms, REOPEN_DELAY_MS_MAX)
                continue
            delay_ms = REOPEN_DELAY_MS_MIN
            try:
                self._came_up()
                self._look_while_it_answers(port)
            except Exception as error:  # noqa: BLE001 nothing may end this thread
                self._went_down(error)
            finally:
                port.close()
            self._pause(delay_ms)

    def _open(self) -> Pn532Port:
        if self._spec.reset_pin is not None:
            self._pulse_reset(self._spec.reset_pin)
        return Pn532Port(self._part, self._spec.port)

    def _pulse_reset(self, pin: int) -> None:
        import gpiozero

        with as_part_error(f"{self._part}, reset at GPIO{pin}"):
            if self._reset is None:
                self._reset = gpiozero.OutputDevice(pin, active_high=False)
            self._reset.on()
            self._pause(RESET_LOW_MS)
            self._reset.off()
            self._pause(RESET_WAKE_MS)

    def _look_while_it_answers(self, port: Pn532Port) -> None:
        while not self._stop.is_set():
            cards = port.cards()
            self._field, change = observe(self._field, tuple(card.uid for card in cards))
            self._report_change(change, cards)
            port.field_off()
            self._pause(LOOK_PAUSE_MS)

    def _report_change(self, change: Change, cards: tuple[Card, ...]) -> None:
        now_ms = self._clock.now().mono_ms
        name = self._spec.id
        if change is Change.CARD:
            card = cards[0]
            self._report(CardPresent(name, card.uid, card.kind, 0, now_ms))
        elif change is Change.SEVERAL:
            self._report(CardsSeveral(name, now_ms))
        elif change is Change.GONE:
            self._report(CardGone(name, now_ms))

    def _came_up(self) -> None:
        self._health = HEALTH_UP
        _log.info("%s is up", self._part)
        self._report(ReaderUp(self._spec.id, self._clock.now().mono_ms))

    def _went_down(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if self._health.state is HealthState.DOWN:
            self._health = Health(HealthState.DOWN, reason)
            return
        self._health = Health(HealthState.DOWN, reason)
        if not isinstance(error, PartError):
            _log.error("%s failed in an unforeseen way", self._part, exc_info=error)
        _log.warning("%s is down: %s", self._part, reason)
        now_ms = self._clock.now().mono_ms
        if self._field.occupancy is not Occupancy.EMPTY:
            self._field = EMPTY
            self._report(CardGone(self._spec.id, now_ms))
        self._report(ReaderDown(self._spec.id, reason, now_ms))

    def _report(self, event: PartEvent) -> None:
        if not self._stop.is_set():
            self._emit(event)

    def _pause(self, pause_ms: int) -> None:
        self._stop.wait(pause_ms / 1000)


def _drop(_event: PartEvent) -> None:
    """Stand in for `emit` until `start`."""

"""Pulses that the kernel numbers: what was lost is known to the pulse."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, Queue

import pytest
from hypothesis import given, strategies as st

from hardware.errors import PartError, SpecError
from hardware.factory import open_meter
from hardware.meters.pulse_gpiod import SEQUENCE, NumberedPulseMeter, PulseCount
from hardware.ports import Quality, Reading
from hardware.specs import MeterSpec


@dataclass
class Edge:
    line_seqno: int


class Line:
    """A line whose kernel queue a test fills, and lets overflow."""

    def __init__(self):
        self.queue = Queue()
        self.released = 0
        self.broken = False

    def pulse(self, *numbers):
        self.queue.put([Edge(number) for number in numbers])

    def wait_edge_events(self, timeout=None):
        if self.broken:
            raise OSError("No such device")
        try:
            self._next = self.queue.get(timeout=0.02)
        except Empty:
            return False
        return True

    def read_edge_events(self, max_events=None):
        return self._next

    def release(self):
        self.released += 1


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def meter(line):
    spec = MeterSpec(unit="Wh", driver="pulse_gpiod", pin=5, units_numerator=5, units_denominator=4)
    made = NumberedPulseMeter(spec, line)
    yield made
    made.close()


def test_pulses_are_counted_and_gaps_are_told(line, meter, eventually):
    line.pulse(1, 2, 3, 4)
    eventually(lambda: meter.read() == Reading(5, Quality.OK, 0))

    line.pulse(8, 9, 10, 11)

    eventually(lambda: meter.read() == Reading(10, Quality.OK, 3))
    assert not meter.survives_restart


def test_what_was_lost_before_the_first_is_told(line, meter, eventually):
    line.pulse(11)

    eventually(lambda: meter.read() == Reading(1, Quality.OK, 10))


def test_a_chip_that_goes_away_is_silence(line, meter, eventually):
    line.pulse(1, 2, 3, 4)
    eventually(lambda: meter.read().total == 5)
    line.broken = True
    eventually(lambda: meter.read() == Reading(5, Quality.SILENT, 0))
    line.broken = False

    eventually(lambda: meter.read().quality is Quality.OK)


def test_the_line_is_given_back_once(line, meter):
    meter.close()
    meter.close()

    assert line.released == 1
    assert meter.read().total == 0


@given(st.lists(st.booleans(), max_size=200), st.integers(0, 5), st.data())
def test_every_pulse_is_counted_or_known_to_be_lost(kept, laps, data):
    start = data.draw(st.sampled_from([0, SEQUENCE - 3])) if laps else 0
    count = PulseCount()
    count._last = start
    numbers = [(start + offset) % SEQUENCE for offset in range(1, len(kept) + 1)]
    seen = [Edge(number) for number, keep in zip(numbers, kept, strict=True) if keep]

    count.take(seen)

    pulses, lost = count.now()
    until = max((at for at, keep in enumerate(kept, start=1) if keep), default=0)
    assert pulses == len(seen)
    assert pulses + lost == until


def test_a_chip_that_is_not_there_is_told_with_what_to_do(clock, tmp_path):
    spec = MeterSpec(unit="Wh", driver="pulse_gpiod", pin=5, path=str(tmp_path / "gpiochip9"))
    with pytest.raises(PartError, match="group gpio"):
        open_meter(spec, clock)
    with pytest.raises(SpecError, match="needs `pin`"):
        open_meter(MeterSpec(unit="Wh", driver="pulse_gpiod"), clock)

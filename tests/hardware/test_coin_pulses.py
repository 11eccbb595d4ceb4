"""Pulses of coins: counted over noise and bounces, told apart by silence, lost ones known."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, Queue

import pytest
from hypothesis import given, strategies as st

from hardware.errors import PartError, SpecError
from hardware.factory import open_acceptor
from hardware.money import coin_pulse
from hardware.money.coin_kernel import SEQUENCE, EdgeNumbers
from hardware.money.coin_pulse import PulseAcceptor
from hardware.money.coin_train import (
    NOTHING,
    PULSES_MAX,
    Edge,
    Shape,
    Train,
    silence,
    take,
    worth_of,
)
from hardware.money.ports import AcceptorDown, AcceptorUp, CashInserted, CashLost
from hardware.money.specs import CashSpec

SHAPE = Shape(10, 500, 250)
PULSE, PAUSE, REST = st.integers(10, 120), st.integers(10, 240), st.integers(250, 2_000)
VALUES = (10, 20, 50)


def read(edges):
    """All trains of a line that then falls silent."""
    train, found = NOTHING, []
    for edge in edges:
        train, done = take(train, edge, SHAPE)
        found += [done] if done else []
    train, done = silence(train)
    return found + ([done] if done else [])


@st.composite
def coins_on_a_line(draw):
    """Coins, and the edges that they and some noise make."""
    now_ms, edges, coins = 0, [], draw(st.lists(st.integers(1, 12), max_size=5))
    for coin in coins:
        now_ms += draw(REST)
        for number in range(coin):
            now_ms += draw(PAUSE) if number else 0
            if draw(st.booleans()):
                # A bounce before the pulse; shorter than a pulse.
                edges += [Edge(now_ms, is_active=True), Edge(now_ms + 2, is_active=False)]
                now_ms += 4
            edges.append(Edge(now_ms, is_active=True))
            now_ms += draw(PULSE)
            edges.append(Edge(now_ms, is_active=False))
    return coins, edges


@given(coins_on_a_line())
def test_coins_are_told_apart_and_noise_is_none(line):
    coins, edges = line

    assert [train.pulses for train in read(edges)] == coins


@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans(), st.integers(0, 3)), max_size=60))
def test_any_edges_make_pulses_or_nothing(steps):
    now_ms, edges = 0, []
    for wait_ms, is_active, lost in steps:
        now_ms += wait_ms
        edges.append(Edge(now_ms, is_active, lost))

    trains = read(edges)

    assert sum(train.pulses for train in trains) <= sum(not edge.is_active for edge in edges)
    assert all(train.pulses or train.lost for train in trains)


def test_a_line_that_hangs_is_no_pulse():
    assert read([Edge(0, is_active=True), Edge(501, is_active=False)]) == []


@pytest.mark.parametrize(
    ("train", "values", "pulse_minor", "worth"),
    [
        (Train(pulses=2), VALUES, 0, 20),
        (Train(pulses=4), VALUES, 0, 0),
        (Train(pulses=2, lost=1), VALUES, 0, 0),
        (Train(pulses=7), (), 50, 350),
        (Train(pulses=7, lost=2), (), 50, 350),
        (Train(pulses=PULSES_MAX + 1), (), 50, 0),
        (Train(lost=2), (), 50, 0),
    ],
)
def test_a_coin_is_worth_what_is_sure(train, values, pulse_minor, worth):
    assert worth_of(train, values, pulse_minor) == worth


@dataclass
class Event:
    line_seqno: int
    timestamp_ns: int = 0
    is_rising: bool = True


@given(st.lists(st.booleans(), max_size=100), st.sampled_from([0, SEQUENCE - 3]))
def test_every_edge_of_the_kernel_is_taken_or_known_to_be_lost(kept, start):
    numbers = EdgeNumbers(active_is_high=True)
    numbers._last = start
    numbered = [(start + offset) % SEQUENCE for offset in range(1, len(kept) + 1)]

    edges = numbers.take(
        [Event(number) for number, keep in zip(numbered, kept, strict=True) if keep]
    )

    until = max((at for at, keep in enumerate(kept, start=1) if keep), default=0)
    assert len(edges) + sum(edge.lost for edge in edges) == until


class Line:
    """Edges that a test gives."""

    def __init__(self):
        self.queue: Queue[list[Edge]] = Queue()
        self.closed = 0
        self.is_broken = False

    def wait(self, wait_ms):
        if self.is_broken:
            raise OSError("No such device")
        try:
            return self.queue.get(timeout=wait_ms / 1_000)
        except Empty:
            return []

    def wake(self):
        self.queue.put([])

    def close(self):
        self.closed += 1

    def pulse(self, count, lost=0, at_ms=0):
        edges = []
        for number in range(count):
            start_ms = at_ms + 100 * number
            edges.append(Edge(start_ms, is_active=True, lost=0 if number else lost))
            edges.append(Edge(start_ms + 50, is_active=False))
        self.queue.put(edges)


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def slot(line, clock, log, monkeypatch):
    monkeypatch.setattr(coin_pulse, "LATE_MS", 0)
    monkeypatch.setattr(coin_pulse, "IDLE_MS", 20)
    spec = CashSpec(id="slot", driver="coin_pulse", pin=5, values=VALUES, gap_ms=60)
    made = PulseAcceptor(spec, clock, line)
    made.start(log)
    log.expect(AcceptorUp)
    yield made
    made.close()


def test_lost_edges_are_told_and_not_credited(slot, line, log):
    line.pulse(2, lost=3)

    (lost,) = log.expect(CashLost)

    assert (lost.acceptor, lost.events) == ("slot", 1)


def test_a_coin_that_nobody_knows_is_told_as_lost(slot, line, log):
    line.pulse(3)
    assert log.expect(CashInserted)[0].value_minor == 50

    line.pulse(4, at_ms=10_000)

    log.expect(CashLost)


def test_a_line_that_is_gone_is_told_and_comes_back(slot, line, log):
    line.is_broken = True
    (down,) = log.expect(AcceptorDown)
    assert "No such device" in down.reason
    line.is_broken = False

    log.expect(AcceptorUp)
    line.pulse(1)
    assert log.expect(CashInserted)[0].value_minor == 10


def test_the_line_is_given_back_once(slot, line):
    slot.close()
    slot.close()

    assert line.closed == 1


def test_noise_on_a_real_pin_is_nothing(pins, clock, log, eventually):
    spec = CashSpec(
        id="slot", driver="coin_pulse", pin=5, pulse_minor=50, value_max_minor=50, gap_ms=50
    )
    slot = open_acceptor(spec, clock)
    slot.start(log)
    log.expect(AcceptorUp)
    pin = pins.pin(5)
    for _ in range(20):
        pin.drive_low()
        pin.drive_high()

    assert log.none_for(0.3)
    slot.close()


def test_pins_are_given_back_and_a_taken_one_is_told(pins, clock):
    spec = CashSpec(id="slot", driver="coin_pulse", pin=5, inhibit_pin=6, values=VALUES)
    slot = open_acceptor(spec, clock)
    assert pins.pin(6).state == 1
    with pytest.raises(PartError, match="slot at GPIO5"):
        open_acceptor(spec, clock)
    slot.close()
    open_acceptor(spec, clock).close()


@pytest.mark.parametrize(
    "fields",
    [
        {"values": VALUES},
        {"pin": 5},
        {"pin": 5, "values": VALUES, "pulse_minor": 1},
        {"pin": 5, "values": VALUES, "pulse_ms_min": 0},
        {"pin": 5, "values": VALUES, "kind": "token"},
        {"pin": 99, "values": VALUES},
    ],
)
def test_a_spec_that_can_not_be(pins, clock, fields):
    with pytest.raises(SpecError):
        open_acceptor(CashSpec(id="slot", driver="coin_pulse", **fields), clock)


def test_a_chip_that_is_not_there_is_told_with_what_to_do(pins, clock, tmp_path):
    spec = CashSpec(
        id="slot", driver="coin_pulse", pin=5, values=VALUES, path=str(tmp_path / "gpiochip9")
    )
    with pytest.raises(PartError, match="group gpio"):
        open_acceptor(spec, clock)

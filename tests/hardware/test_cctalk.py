"""Money on a ccTalk bus: told once whatever the wire does, and what is lost is told, too."""

from __future__ import annotations

from binascii import crc_hqx

import pytest
from hypothesis import given, strategies as st

from hardware.errors import SpecError
from hardware.factory import open_acceptor
from hardware.money import cctalk, cctalk_bus
from hardware.money.cctalk_events import KEPT, fresh_in
from hardware.money.cctalk_frame import HOST, Message, answer_in, decode, encode
from hardware.money.cctalk_words import Worth, bill_worth, coin_worth, encryption_words
from hardware.money.ports import AcceptorDown, AcceptorUp, CashInserted, CashLost
from hardware.money.specs import CashSpec
from hardware.ports import HealthState
from simulator.parts.cash_spec import CashParts
from simulator.parts.cctalk_acceptors import VirtualCoinAcceptor, VirtualNoteAcceptor
from simulator.parts.cctalk_wire import Trouble, VirtualCctalkBus

MESSAGES = st.builds(Message, st.integers(0, 255), st.binary(max_size=60))


# --- messages ---------------------------------------------------------------------------


def test_a_simple_poll_is_as_the_specification_writes_it():
    assert encode(2, Message(254)) == bytes([2, 0, 1, 254, 255])
    assert decode(bytes([1, 0, 2, 0, 253])) == (1, 2, Message(0))


def test_a_crc_is_the_one_of_ccitt_from_zero():
    # CRC of the ASCII digits 1 to 9 is 31C3 in this form ("CRC-16/XMODEM").
    assert crc_hqx(b"123456789", 0) == 0x31C3
    raw = encode(40, Message(254), with_crc=True)
    crc = crc_hqx(bytes([40, 0, 254]), 0)
    assert raw == bytes([40, 0, crc & 0xFF, 254, crc >> 8])


@given(st.integers(2, 255), MESSAGES, st.booleans(), st.booleans())
def test_an_answer_is_found_behind_the_echo_byte_by_byte(address, answer, with_crc, echo):
    question = encode(address, Message(229), with_crc=with_crc)
    raw = encode(HOST, answer, source=address, with_crc=with_crc)
    heard = (question if echo else b"") + raw

    for end in range(len(heard)):
        assert answer_in(heard[:end], question, with_crc=with_crc) is None
    assert answer_in(heard, question, with_crc=with_crc) == answer


@given(MESSAGES, st.booleans(), st.data())
def test_one_wrong_byte_is_never_taken(message, with_crc, data):
    raw = bytearray(encode(HOST, message, source=2, with_crc=with_crc))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(ValueError, match=r"message|checksum|CRC"):
        decode(bytes(raw), with_crc=with_crc)


def test_an_answer_of_somebody_else_is_none():
    with pytest.raises(ValueError, match="somebody else"):
        answer_in(encode(HOST, Message(0), source=3), encode(2, Message(254)))


# --- events -----------------------------------------------------------------------------


class Counter:
    """A device that counts as the specification says."""

    def __init__(self, seq=0):
        self.seq = seq
        self.pairs = [(9, 9) if seq else (0, 0)] * KEPT
        self.all = []

    def add(self, coin):
        self.seq = self.seq % 255 + 1
        self.pairs = [(coin, 1), *self.pairs[:-1]]
        self.all.append((self.seq, coin))

    def buffer(self):
        return bytes([self.seq, *(byte for pair in self.pairs for byte in pair)])


@given(st.integers(0, 255), st.lists(st.lists(st.integers(1, 16), max_size=KEPT), max_size=80))
def test_every_coin_counts_once_also_over_the_wrap(start, looks):
    device = Counter(start)
    last = fresh_in(device.buffer(), None).seq
    seen = []
    for coins in looks:
        for coin in coins:
            device.add(coin)
        fresh = fresh_in(device.buffer(), last)
        again = fresh_in(device.buffer(), fresh.seq)
        assert (fresh.lost, again.entries, again.lost) == (0, (), 0)
        last = fresh.seq
        seen += [(entry.seq, entry.first) for entry in fresh.entries]

    assert seen == device.all


@given(st.integers(1, 255), st.integers(KEPT + 1, 200))
def test_what_was_overwritten_is_told(start, count):
    device = Counter(start)
    for coin in range(count):
        device.add(coin % 16 + 1)

    fresh = fresh_in(device.buffer(), start)

    assert len(fresh.entries) + fresh.lost == count
    assert len(fresh.entries) == KEPT


@given(st.integers(5, 255), st.integers(0, KEPT - 1))
def test_a_device_that_began_anew_is_seen(last, count):
    device = Counter()
    for coin in range(count):
        device.add(coin + 1)

    fresh = fresh_in(device.buffer(), last)

    assert (fresh.was_reset, fresh.lost, len(fresh.entries)) == (True, 0, count)


@given(st.binary(max_size=20).filter(lambda raw: len(raw) != 11))
def test_another_answer_is_no_buffer(raw):
    with pytest.raises(ValueError, match="bytes"):
        fresh_in(raw, 0)


# --- words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "worth"),
    [
        (b"EU200A", Worth("EU", 200)),
        (b"GB005B", Worth("GB", 5)),
        (b"HU2K5A", Worth("HU", 2_500)),
        (b"......", None),
        (b"TK001A", Worth("TK", 1)),
        (b"EU000A", None),
        (b"EU20", None),
        (b"\xff\xfe\x00000", None),
    ],
)
def test_a_coin_says_what_it_is_worth(name, worth):
    assert coin_worth(name) == worth


def test_a_note_is_worth_its_number_times_the_countrys_factor():
    assert bill_worth(b"EU0005A", bytes([100, 0, 2])) == Worth("EU", 500)
    assert bill_worth(b"JP001KA", bytes([1, 0, 0])) == Worth("JP", 1_000)
    assert bill_worth(b"EU0005A", b"\0\0\0") is None
    assert bill_worth(b"EU0005A", b"") is None


@given(st.binary(max_size=12))
def test_any_id_is_a_worth_or_none(name):
    worth = coin_worth(name)
    assert worth is None or (worth.value_minor > 0 and len(worth.country) == 2)


def test_devices_that_encrypt_are_told_apart():
    assert encryption_words(b"") == ""
    assert encryption_words(bytes([0, 0])) == ""
    assert "all of its messages" in encryption_words(bytes([11, 11]))
    assert "DES" in encryption_words(bytes([0, 11]))


# --- on a bus ---------------------------------------------------------------------------


class Bench:
    """A bus with a coin and a note acceptor."""

    def __init__(self, folder, **parts):
        self.coins = VirtualCoinAcceptor(CashParts(id="coins", **parts))
        self.notes = VirtualNoteAcceptor(CashParts(id="notes", kind="cctalk_note", **parts))
        self.bus = VirtualCctalkBus(folder / "bus", {2: self.coins, 40: self.notes})
        self.bus.plug()
        self.port = str(folder / "bus")
        self.opened = []

    def open(self, clock, **fields):
        spec = CashSpec(**{"id": "coins", "driver": "cctalk", "port": self.port, **fields})
        self.opened.append(open_acceptor(spec, clock))
        return self.opened[-1]

    def close(self):
        for acceptor in self.opened:
            acceptor.close()
        self.bus.unplug()


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    """Virtual devices answer at once, and nobody waits for one that doesn't."""
    monkeypatch.setattr(cctalk_bus, "ANSWER_MS", 100)
    monkeypatch.setattr(cctalk, "SILENT_MS", 100)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def coins(bench, clock, log, eventually):
    """The coin acceptor, accepting."""
    acceptor = bench.open(clock, country="EU")
    acceptor.start(log)
    log.expect(AcceptorUp)
    acceptor.set_enabled(True)
    eventually(lambda: bench.coins.accepts)
    return acceptor


def notes(bench, clock, log, eventually):
    acceptor = bench.open(clock, id="notes", kind="note", country="EU", value_max_minor=2_000)
    acceptor.start(log)
    log.expect(AcceptorUp)
    acceptor.set_enabled(True)
    eventually(lambda: bench.notes.accepts)
    return acceptor


def credited(log, count):
    return [event.value_minor for event in log.expect(*[CashInserted] * count)]


@pytest.mark.parametrize("answers", [1, 2, 5])
def test_a_lost_answer_neither_doubles_nor_loses_a_coin(bench, coins, log, eventually, answers):
    bench.bus.lose_answers = answers
    bench.coins.insert(3)
    bench.coins.insert(6)

    # After three lost answers it is down for a moment.
    values: list[int] = []
    while len(values) < 2:
        event = log.next()
        if isinstance(event, CashInserted):
            values.append(event.value_minor)
    assert values == [20, 200]
    eventually(lambda: coins.health.state is HealthState.UP)
    bench.coins.insert(1)
    while not isinstance(event := log.next(), CashInserted):
        pass
    assert event.value_minor == 5


@pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.NONE])
def test_a_disturbed_wire_is_told_and_nothing_is_lost(bench, coins, log, trouble):
    bench.bus.trouble = trouble
    (down,) = log.expect(AcceptorDown)
    assert "address 2" in down.reason
    assert bench.coins.insert(4)

    bench.bus.trouble = Trouble.NONE

    events = [log.next(), log.next()]
    assert {type(event) for event in events} == {CashInserted, AcceptorUp}


def test_more_coins_than_the_device_keeps_are_told_as_lost(bench, coins, log):
    bench.bus.trouble = Trouble.SILENT
    log.expect(AcceptorDown)
    for _ in range(KEPT + 2):
        bench.coins.insert(4)

    bench.bus.trouble = Trouble.NONE

    (lost,) = log.expect(CashLost)
    assert lost.events == 2
    assert credited(log, KEPT) == [50] * KEPT


def test_a_device_that_lost_its_power_is_told_again_what_it_may_accept(
    bench, coins, log, eventually
):
    bench.coins.insert(1)
    credited(log, 1)

    bench.coins.restart()

    eventually(lambda: bench.coins.accepts)
    bench.coins.insert(1)
    assert credited(log, 1) == [5]


def test_a_coin_without_a_credit_is_told_as_lost(bench, coins, log):
    bench.coins.swallow()

    (lost,) = log.expect(CashLost)

    assert (lost.acceptor, lost.events) == ("coins", 1)


def test_what_came_before_the_start_is_not_credited(bench, clock, log):
    bench.coins.answer(Message(231, b"\xff\xff"))
    bench.coins.insert(6)
    acceptor = bench.open(clock, country="EU")

    acceptor.start(log)

    log.expect(AcceptorUp)
    assert log.none_for(0.3)


def serve_alone(bench):
    """Let coins come in while no agent is there, as after a crash."""
    bench.coins.answer(Message(231, b"\xff\xff"))
    bench.coins.answer(Message(228, b"\x01"))


def test_what_came_while_the_agent_was_dead_is_credited_once(bench, coins, clock, log):
    bench.coins.insert(1)
    (booked,) = log.expect(CashInserted)
    coins.close()
    serve_alone(bench)
    bench.coins.insert(3)
    bench.coins.insert(6)
    again = bench.open(clock, country="EU")
    again.resume(booked.device_seq)

    again.start(log)

    assert credited(log, 2) == [20, 200]
    log.expect(AcceptorUp)
    assert log.none_for(0.2)


@pytest.mark.parametrize("coins_after", [0, 1])
def test_rejected_coins_before_a_start_are_no_loss(bench, coins, clock, log, coins_after):
    bench.coins.insert(1)
    (booked,) = log.expect(CashInserted)
    coins.close()
    for _ in range(9):
        assert not bench.coins.insert(1)
    serve_alone(bench)
    for _ in range(coins_after):
        bench.coins.insert(4)
    again = bench.open(clock, country="EU")
    again.resume(booked.device_seq)

    again.start(log)

    if coins_after:
        lost, inserted = log.expect(CashLost, CashInserted)
        assert (lost.events, inserted.value_minor) == (5, 50)
    log.expect(AcceptorUp)


def test_a_coin_worth_more_than_may_come_in_is_given_back(bench, clock, log, eventually):
    acceptor = bench.open(clock, country="EU", value_max_minor=100)
    acceptor.start(log)
    log.expect(AcceptorUp)
    acceptor.set_enabled(True)
    eventually(lambda: bench.coins.accepts)

    assert not bench.coins.insert(6)
    assert bench.coins.insert(5)
    assert credited(log, 1) == [100]


def test_a_note_is_kept_only_while_money_is_wanted(bench, clock, log, eventually):
    acceptor = notes(bench, clock, log, eventually)
    assert bench.notes.insert(1)
    assert credited(log, 1) == [500]
    assert bench.notes.taken == [1]
    bench.bus.trouble = Trouble.SILENT
    log.expect(AcceptorDown)
    assert bench.notes.insert(2)
    acceptor.set_enabled(False)

    bench.bus.trouble = Trouble.NONE

    eventually(lambda: bench.notes.returned == [2])
    log.expect(AcceptorUp)
    assert log.none_for(0.2)
    assert bench.notes.taken == [1]


def test_a_note_that_was_held_at_the_start_goes_back(bench, clock, log, eventually):
    bench.notes.answer(Message(231, b"\xff\xff"))
    bench.notes.insert(1)

    notes(bench, clock, log, eventually)

    eventually(lambda: bench.notes.returned == [1])
    assert log.none_for(0.2)


def test_two_devices_share_a_bus_and_one_may_be_gone(bench, coins, clock, log, eventually):
    notes(bench, clock, log, eventually)
    bench.bus.absent.add(40)
    (down,) = log.expect(AcceptorDown)
    assert down.acceptor == "notes"

    bench.coins.insert(2)

    assert credited(log, 1) == [10]
    bench.bus.absent.clear()
    log.expect(AcceptorUp)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"encryption": "all"}, "it encrypts all of its messages"),
        ({"encryption": "events"}, "it encrypts what it credits"),
        ({"names": ("GB100A",)}, "no coin of EU"),
    ],
)
def test_a_device_that_can_not_be_used_is_refused_in_words(tmp_path, clock, log, parts, words):
    bench = Bench(tmp_path, **parts)
    acceptor = bench.open(clock, country="EU")
    acceptor.start(log)

    (down,) = log.expect(AcceptorDown)

    assert words in down.reason
    bench.close()


def test_a_device_of_the_other_kind_is_refused_in_words(bench, clock, log):
    acceptor = bench.open(clock, country="EU", address=40)
    acceptor.start(log)

    (down,) = log.expect(AcceptorDown)

    assert "'Bill Validator', not one for coins" in down.reason


def test_two_devices_with_one_address_are_refused(bench, coins, clock, log):
    second = bench.open(clock, id="more", country="EU")
    second.start(log)

    (down,) = log.expect(AcceptorDown)

    assert "two devices with the address 2" in down.reason


@pytest.mark.parametrize(
    "fields",
    [
        {"country": "EU", "port": None},
        {},
        {"country": "EU", "values": (1,)},
        {"country": "EU", "kind": "token"},
        {"country": "EU", "checksum": "md5"},
        {"country": "EU", "address": 1},
    ],
)
def test_a_spec_that_can_not_be(clock, fields):
    spec = CashSpec(**{"id": "x", "driver": "cctalk", "port": "/x", **fields})
    with pytest.raises(SpecError):
        open_acceptor(spec, clock)

"""Lines of acceptors and vending machines: what a broken or hostile one may say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hardware.money import mdb_lines, mdb_session
from hardware.money.cctalk_bus import HEARD_BYTES_MAX
from hardware.money.cctalk_events import KEPT, fresh_in
from hardware.money.cctalk_frame import HOST, Message, answer_in, encode
from hardware.money.cctalk_words import VALUE_MINOR_MAX, bill_worth, coin_worth, encryption_words
from hardware.money.coin_train import NOTHING, PULSES_MAX, Edge, Shape, silence, take, worth_of
from hardware.money.mdb_session import Asked, Bus, Ended
from hardware.money.ports import VendResult
from tests.fuzz.target import Check, FaultError, Target

QUESTION = encode(2, Message(229))
PRICE_MINOR_MAX = 10**13
"""Nine digits and four decimal places."""


@contextmanager
def open_cctalk(_: Path) -> Iterator[Check]:
    """What a ccTalk device answers: money that is new once, worth something that can be."""

    def check(data: bytes) -> None:
        for with_crc in (False, True):
            with suppress(ValueError):
                answer = answer_in(data[:HEARD_BYTES_MAX], QUESTION, with_crc=with_crc)
                if answer is not None:
                    _events(answer.data)
        _events(data)
        for worth in (coin_worth(data), bill_worth(data[:7], data[7:]), bill_worth(data, data)):
            if worth is not None and not 0 < worth.value_minor <= VALUE_MINOR_MAX:
                raise FaultError(f"{worth}")
        encryption_words(data)

    yield check


def _events(data: bytes) -> None:
    last = data[-1] if data else None
    with suppress(ValueError):
        fresh = fresh_in(data[:-1], last)
        seqs = [entry.seq for entry in fresh.entries]
        if len(seqs) > KEPT or len(set(seqs)) != len(seqs) or not all(1 <= s <= 255 for s in seqs):
            raise FaultError(f"{fresh}")
        again = fresh_in(data[:-1], fresh.seq)
        if again.entries or again.lost or fresh.lost < 0:
            raise FaultError(f"{fresh}, and then {again}")


@contextmanager
def open_mdb(_: Path) -> Iterator[Check]:
    """What an MDB adapter says: prices that can be, and one end for each approved vend.

    The first byte says which requests are approved.
    """

    def check(data: bytes) -> None:
        lines, rest = mdb_lines.lines_in(data[1:])
        if len(rest) > mdb_lines.LINE_BYTES_MAX + 1:
            raise FaultError(f"{len(rest)} bytes of an unfinished line are kept")
        bus, approved, ended = Bus(), set[str](), list[tuple[str, VendResult]]()
        for number, raw in enumerate(lines):
            line = mdb_lines.read(raw, exponent=number % 5)
            if not 0 <= line.price_minor < PRICE_MINOR_MAX:
                raise FaultError(f"{line}")
            bus, news = mdb_session.hear(bus, line, "run")
            for one in news:
                if isinstance(one, Ended):
                    ended.append((one.request, one.result))
                if isinstance(one, Asked) and data[0] >> (number % 8) & 1:
                    bus, is_told, _ = mdb_session.approve(bus, one.request)
                    approved |= {one.request} if is_told else set()
        _one_end_each(approved, ended)

    yield check


def _one_end_each(approved: set[str], ended: list[tuple[str, VendResult]]) -> None:
    """None that wasn't approved ends; none ends twice, unless the first end wasn't known."""
    for request, _ in ended:
        results = [result for one, result in ended if one == request]
        sure = [result for result in results if result is not VendResult.UNKNOWN]
        twice = len(sure) > 1 or len(results) > 1 + len(sure)
        if request not in approved or twice:
            raise FaultError(f"{request} ended as {results}")


@contextmanager
def open_pulses(_: Path) -> Iterator[Check]:
    """Edges of a pulse line, two bytes each: never more pulses than edges, nor money from none."""
    shape = Shape(10, 200, 250)

    def check(data: bytes) -> None:
        train, at_ms, worth, pulses = NOTHING, 0, 0, 0
        for at in range(0, len(data) - 1, 2):
            at_ms += data[at]
            edge = Edge(at_ms, is_active=bool(data[at + 1] & 1), lost=data[at + 1] >> 6)
            pulses += not edge.is_active
            train, done = take(train, edge, shape)
            worth += worth_of(done, (), 1) if done else 0
        train, done = silence(train)
        worth += worth_of(done, (), 1) if done else 0
        if worth > min(pulses, PULSES_MAX * max(1, pulses)):
            raise FaultError(f"{worth} pulses of {pulses}")

    yield check


def _answers() -> Iterator[bytes]:
    buffer = bytes([7, 3, 1, 0, 14, 5, 1, 1, 1, 2, 1])
    for raw in (buffer, b"EU200A", b"Coin Acceptor", b""):
        yield encode(HOST, Message(0, raw), source=2)
        yield QUESTION + encode(HOST, Message(0, raw), source=2, with_crc=True)
    yield buffer + b"\x05"
    yield bytes([2, 3, 1, 4, 1, *[0] * 6]) + b"\xc8"
    yield b"EU0005A\x64\x00\x02"


def _says() -> Iterator[bytes]:
    begin = b"c,STATUS,DISABLED\r\nc,STATUS,ENABLED\r\nc,STATUS,IDLE,2.00\r\n"
    vend = b"c,STATUS,VEND,1.20,11\r\n"
    for end in (b"c,VEND,SUCCESS\r\n", b'c,ERR,"VEND 3"\r\n', b"c,STATUS,ENABLED\r\n", vend):
        yield b"\xff" + begin + vend + end + b"c,STATUS,IDLE\r\nc,VEND,SUCCESS\r\n"
    yield b"\x00" + begin + vend + b"c,STATUS,INACTIVE\r\nv,4.0.2.0,1\r\nr,ACK\r\n"


TARGETS = (
    Target(
        name="cctalk",
        about="what a ccTalk device answers",
        open=open_cctalk,
        seeds=_answers,
    ),
    Target(
        name="mdb",
        about="what an MDB adapter says",
        open=open_mdb,
        seeds=_says,
    ),
    Target(
        name="pulses",
        about="the edges of a coin acceptor's pulse line",
        open=open_pulses,
        seeds=lambda: (bytes([50, 1, 50, 0] * 5), bytes([50, 1, 50, 0, 255, 1, 60, 0, 9, 65])),
    ),
)

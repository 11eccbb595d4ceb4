"""Journal events as the auditor reads them: its own structs, and its own chain of hashes."""

from __future__ import annotations

from hashlib import sha256

import msgspec

BOOT = "boot"
CONFIG = "config_applied"
STARTED = "session_started"
PROGRESS = "session_progress"
ENDED = "session_ended"
RELEASED = "released"
CASH = "cash_taken"
CODE = "code_redeemed"


class Totals(msgspec.Struct, frozen=True):
    """Running totals of an account in a journal, minor units."""

    spent: int = 0
    released: int = 0
    taken_in: int = 0
    unbacked: int = 0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event of any kind; what its kind doesn't have is 0 or empty.

    Attributes:
        usage: Stretches of use: band, ms and units of each.
        version: Of a configuration a number, of an agent a word.
    """

    kind: str = ""
    seq: int = 0
    session: str = ""
    machine: str = ""
    account: str = ""
    tariff: str = ""
    tariff_version: int = 0
    reason: str = ""
    usage: tuple[tuple[int, int, int], ...] = ()
    charge_minor: int = 0
    backed_minor: int = 0
    unbacked_minor: int = 0
    units_lost: int = 0
    amount_minor: int = 0
    cash: str = ""
    version: int | str = 0
    totals: Totals = Totals()

    @property
    def time_ms(self) -> int:
        """Time used."""
        return sum(stretch[1] for stretch in self.usage)

    @property
    def quantity(self) -> int:
        """Units used."""
        return sum(stretch[2] for stretch in self.usage)


_json: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_msgpack: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
UNREADABLE = Event(kind="unreadable")


def read_event(data: bytes) -> Event:
    """Read one event; bytes that are none come as `UNREADABLE`."""
    try:
        return _json.decode(data) if data[:1] == b"{" else _msgpack.decode(data)
    except msgspec.MsgspecError:
        return UNREADABLE


def first_hash(controller: str, epoch: str) -> bytes:
    """What the first event of a journal is chained to (docs/protocol.md)."""
    return sha256(f"standpipe/v1 journal {controller} {epoch}".encode()).digest()


def next_hash(before: bytes, data: bytes) -> bytes:
    """Chain hash after an event."""
    return sha256(before + data).digest()

"""What differs between coin and note acceptors on ccTalk: their headers and their events.

Source: ccTalk Generic Specification 4.7, part 2: headers 254, 245, 111 (who it is), 231, 228
(what it accepts), 229, 184 (coins), 159, 157, 156, 154, 153 (notes), 232 (self-check).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

from hardware.money.cctalk_bus import Ask, SilentError
from hardware.money.cctalk_events import Entry
from hardware.money.cctalk_words import (
    BILL_FAULTS,
    BILL_MENDED,
    BILL_UNKNOWN_STACKED,
    COIN_FAULTS,
    COIN_SWALLOWED,
    Worth,
    bill_worth,
    coin_worth,
    encryption_words,
)
from hardware.money.specs import CashSpec

POSITIONS_MAX = 16
"""Coins or notes that the two bytes of header 231 have a bit for."""
SIMPLE_POLL, CATEGORY, ENCRYPTION = 254, 245, 111
SELF_CHECK, INHIBITS, MASTER_INHIBIT = 232, 231, 228
COIN_EVENTS, COIN_ID = 229, 184
BILL_EVENTS, BILL_ID, BILL_SCALING, BILL_ROUTE, BILL_MODE = 159, 157, 156, 154, 153
ENCRYPTION_QUESTION = bytes.fromhex("aa55000055aa")
"""Header 111 is asked with this signature, and answered in the clear by any device."""
WITH_ESCROW = b"\x03"
"""Header 153: use the box and the escrow."""
RETURN, STACK = b"\x00", b"\x01"
"""Header 154: route a held note."""


class RefusedError(Exception):
    """Raised when a device answers and can't be used: its own words and what to do."""


class Device(ABC):
    """A device that has said who it is.

    Args:
        spec: What it ought to be.
        ask: Asks it.

    Raises:
        SilentError: It doesn't answer.
        RefusedError: It is another one, encrypts, or has no coin that may be accepted.
    """

    usual_address: ClassVar[int]
    category: ClassVar[tuple[str, ...]]
    events_header: ClassVar[int]
    swallowed_code: ClassVar[int]

    def __init__(self, spec: CashSpec, ask: Ask) -> None:
        _meet(spec, ask, self.category)
        if spec.values:
            found = dict(enumerate(spec.values[:POSITIONS_MAX], start=1))
        else:
            found = self._named(spec.country, ask)
        most_minor = spec.value_max_minor
        self.values = {
            position: worth
            for position, worth in found.items()
            if worth > 0 and (not most_minor or worth <= most_minor)
        }
        """What it may accept: minor units by the device's numbers."""
        if not self.values:
            raise RefusedError(
                f"it has no {spec.kind} of {spec.country or 'those values'} that may come in: "
                "check country, values and value_max_minor"
            )

    def accept(self, ask: Ask, *, wanted: bool) -> None:
        """Let it accept what has a value, or nothing."""
        if not wanted:
            refuse_all(ask)
            return
        mask = sum(1 << (position - 1) for position in self.values)
        ask(INHIBITS, mask.to_bytes(2, "little"))
        ask(MASTER_INHIBIT, b"\x01")

    def is_mended(self, ask: Ask) -> bool:
        """Ask whether it finds nothing wrong with itself."""
        return ask(SELF_CHECK)[:1] == b"\0"

    @abstractmethod
    def fault_after(self, code: int, fault: str) -> str:
        """Say what is wrong with it after a status, in words; empty: nothing."""

    @abstractmethod
    def is_in_box(self, entry: Entry) -> bool:
        """Tell whether an event with a coin or note means that it is in the box."""

    @abstractmethod
    def route(self, ask: Ask, newest: Entry, *, wanted: bool) -> None:
        """Keep or give back what it holds since its newest event."""

    @abstractmethod
    def _named(self, country: str, ask: Ask) -> dict[int, int]:
        """What it names itself, of a country: minor units by its numbers."""


def refuse_all(ask: Ask) -> None:
    """Let a device accept nothing."""
    ask(MASTER_INHIBIT, b"\x00")
    ask(INHIBITS, b"\x00\x00")


def _meet(spec: CashSpec, ask: Ask, category: tuple[str, ...]) -> None:
    """Make sure that it is what it ought to be, and talks in the clear."""
    try:
        ask(SIMPLE_POLL)
    except SilentError:
        # One that encrypts everything answers this question alone.
        if words := encryption_words(_support(ask)):
            raise RefusedError(_encrypted(words)) from None
        raise
    found = ask(CATEGORY).decode("ascii", "replace").strip()
    if not any(word in found.lower() for word in category):
        raise RefusedError(f"it is a {found[:32]!r}, not one for {spec.kind}s: check its address")
    if words := encryption_words(_support(ask)):
        raise RefusedError(_encrypted(words))


def _encrypted(words: str) -> str:
    return f"{words}: have its dealer set it to plain ccTalk, or use its pulse output"


def _support(ask: Ask) -> bytes:
    try:
        return ask(ENCRYPTION, ENCRYPTION_QUESTION, tries=1)
    except SilentError:
        return b""


class CoinDevice(Device):
    """A coin acceptor."""

    usual_address = 2
    category: ClassVar[tuple[str, ...]] = ("coin",)
    events_header = COIN_EVENTS
    swallowed_code = COIN_SWALLOWED

    def fault_after(self, code: int, fault: str) -> str:
        return COIN_FAULTS.get(code, fault)

    def is_in_box(self, entry: Entry) -> bool:
        return entry.first > 0

    def route(self, ask: Ask, newest: Entry, *, wanted: bool) -> None:
        """A coin can't be held."""

    def _named(self, country: str, ask: Ask) -> dict[int, int]:
        found = {}
        for position in range(1, POSITIONS_MAX + 1):
            worth = _of(country, coin_worth(_name(ask, COIN_ID, position)))
            found[position] = worth
        return found


class NoteDevice(Device):
    """A note acceptor. With an escrow a note is kept only while money is wanted."""

    usual_address = 40
    category: ClassVar[tuple[str, ...]] = ("bill", "note")
    events_header = BILL_EVENTS
    swallowed_code = BILL_UNKNOWN_STACKED

    def __init__(self, spec: CashSpec, ask: Ask) -> None:
        super().__init__(spec, ask)
        # One without an escrow refuses, and keeps what it takes.
        with suppress(SilentError):
            ask(BILL_MODE, WITH_ESCROW)

    def fault_after(self, code: int, fault: str) -> str:
        return "" if code in BILL_MENDED else BILL_FAULTS.get(code, fault)

    def is_in_box(self, entry: Entry) -> bool:
        return entry.second == 0

    def route(self, ask: Ask, newest: Entry, *, wanted: bool) -> None:
        if newest.first and newest.second == 1:
            may_keep = wanted and newest.first in self.values
            # What it answers doesn't matter: the next event says where the note is.
            ask(BILL_ROUTE, STACK if may_keep else RETURN)

    def _named(self, country: str, ask: Ask) -> dict[int, int]:
        scaling = ask(BILL_SCALING, country.encode("ascii", "replace"))
        found = {}
        for position in range(1, POSITIONS_MAX + 1):
            worth = _of(country, bill_worth(_name(ask, BILL_ID, position), scaling))
            found[position] = worth
        return found


def _name(ask: Ask, header: int, position: int) -> bytes:
    """Ask for an id; empty: there is none at this position."""
    try:
        return ask(header, bytes([position]))
    except SilentError:
        return b""


def _of(country: str, worth: Worth | None) -> int:
    return worth.value_minor if worth is not None and worth.country == country.upper() else 0


DEVICES: dict[str, type[Device]] = {"coin": CoinDevice, "note": NoteDevice}
"""By what they take."""

"""Which account of a card pays, and how far the card's own limit reaches.

A card names an account and may have purses: accounts in other units. A machine takes the
one whose unit its price has. The limit holds for the card's own account only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from wire.downlink import CardEntry
from wire.errors import AmountError
from wire.money import Unit, known_unit
from wire.tariff import Tariff


@dataclass(frozen=True, slots=True)
class CardLimit:
    """The limit of a card that is in play.

    Attributes:
        account: The account that it holds for.
        limit_minor: The most that the card may cost from its entry on.
        spent_minor: What its sessions here have cost that isn't in the limit yet: since
            the entry arrived, or not booked by the hub then.
    """

    account: str
    limit_minor: int
    spent_minor: int = 0


def limit_of(entry: CardEntry, spent_minor: int) -> CardLimit | None:
    """The limit that an entry says; None: it says none."""
    if entry.limit_minor is None:
        return None
    return CardLimit(entry.account, entry.limit_minor, spent_minor)


def accounts_of(entry: CardEntry) -> tuple[str, ...]:
    """Every account that a card may pay from, its own first."""
    return (entry.account, *entry.purses.values())


def units_of(entry: CardEntry) -> tuple[str, ...]:
    """Every unit that a card may pay in, its own account's first."""
    return (entry.unit, *entry.purses)


def unit_by_code(code: str, tariffs: Iterable[Tariff] = ()) -> Unit:
    """A unit for people to read: the prices here know it, or it ships, or it has cents."""
    for tariff in tariffs:
        if tariff.unit.code == code:
            return tariff.unit
    try:
        return known_unit(code)
    except AmountError:
        return Unit(code)


def paying(entry: CardEntry, unit: str) -> CardEntry | None:
    """The card as it pays in a unit; None: it can't.

    Nothing is known of a purse beyond what is held here: it has no floor, and the limit
    isn't its own.
    """
    if unit == entry.unit:
        return entry
    account = entry.purses.get(unit)
    if account is None:
        return None
    return msgspec.structs.replace(
        entry, account=account, unit=unit, floor_minor=0, limit_minor=None
    )

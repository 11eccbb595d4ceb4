"""A lot: money given for a time and a purpose, and in which order lots are spent.

What of a lot is left is the ledger's balance of `bonus(account, unit, lot)`, what
controllers hold of it that of `escrow(account, unit, lot)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Leg, Move


class LotState(StrEnum):
    """How far a lot's life is."""

    WAITING = "waiting"  # its time hasn't begun, or nobody looked since
    OPEN = "open"
    EXPIRED = "expired"  # its time is over; what controllers hold of it is still awaited
    CLOSED = "closed"  # nothing is left of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot as it was given.

    Attributes:
        id: Id of the gift, made by who gave.
        account: Whose it is now.
        unit: Unit of the money.
        giver: Ledger account that gave: the house, or a sponsor's wallet.
        kinds: Kinds of machines that it pays for; none: all.
        starts_ms: From when on it pays, by the hub's clock.
        expires_ms: From when on it pays no more; None: never.
        amount_minor: How much was given.
        source: Why it exists, in a word: `promo`, `sponsor`, `goodwill`, `voucher`.
        reason: Words of who gave.
        by: Who gave: API key, `cli`, a programme.
        created_ms: When.
        state: How far its life is.
        closed_ms: Since when nothing can be left of it; None: it isn't closed.
    """

    id: str
    account: str
    unit: str
    giver: str
    kinds: tuple[str, ...]
    starts_ms: int
    expires_ms: int | None
    amount_minor: int
    source: str
    reason: str
    by: str
    created_ms: int
    state: LotState
    closed_ms: int | None = None

    @property
    def free_code(self) -> str:
        """Ledger account of what is left and free."""
        return chart.bonus(self.account, self.unit, self.id)

    @property
    def held_code(self) -> str:
        """Ledger account of what is held for rights and holds."""
        return chart.escrow(self.account, self.unit, self.id)

    def pays_at(self, now_ms: int) -> bool:
        """Tell whether it is in its time, by the hub's clock."""
        if self.state not in (LotState.WAITING, LotState.OPEN) or now_ms < self.starts_ms:
            return False
        return self.expires_ms is None or now_ms < self.expires_ms

    def fits(self, kind: str) -> bool:
        """Tell whether it pays for a kind of machine."""
        return not self.kinds or kind in self.kinds

    def fits_all(self, kinds: frozenset[str]) -> bool:
        """Tell whether it pays for every one of these kinds, and there is one."""
        return not self.kinds or (bool(kinds) and kinds.issubset(self.kinds))


def in_order(lots: Iterable[Lot]) -> list[Lot]:
    """Lots in the order in which they are spent.

    Those for the fewest kinds of machines first, then those that expire soonest, then by id.
    """
    return sorted(lots, key=_place)


def nest(kinds: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Tell whether two lots' kinds are equal, disjoint, or one within the other.

    Only then is what each lot pays in the end the same in whichever order charges come:
    two lots that overlap could each have been spared by the other.
    """
    if not kinds or not others:
        return True
    one, other = frozenset(kinds), frozenset(others)
    return one <= other or other <= one or one.isdisjoint(other)


def ends_at(lot: Lot) -> str:
    """Ledger account that gets what is left of a lot when its time is over.

    A sponsor's money goes back to the sponsor's wallet; what the house gave lapses.
    """
    if chart.kind_of(lot.giver) == "wallet":
        return lot.giver
    return chart.house("breakage", lot.unit)


def ending_leg(lot: Lot, code: str, minor: int) -> Leg:
    """The leg by which money of a lot leaves it when its time is over."""
    target = ends_at(lot)
    if chart.kind_of(target) == "wallet":
        sponsor = target.partition("/")[2]
        return Fill(code, (chart.overrun(sponsor, lot.unit), target), minor)
    return Move(code, target, minor)


def source_of(code: str) -> str:
    """Map a ledger account of held money to where the money came from.

    Escrow of a lot is the lot's, other escrow the wallet's; any other code is itself.
    """
    unit, kind = chart.unit_of(code), chart.kind_of(code)
    if kind != "escrow":
        return code
    account, _, lot = code.partition("/")[2].partition("/")
    return chart.bonus(account, unit, lot) if lot else chart.wallet(account, unit)


def _place(lot: Lot) -> tuple[float, float, str]:
    return (
        len(lot.kinds) or math.inf,
        math.inf if lot.expires_ms is None else lot.expires_ms,
        lot.id,
    )

"""Moves the money of usages: into escrow, to revenue and tax, and back where it came from."""

from __future__ import annotations

from collections.abc import Iterable

from hub.charging import lot_rows, lots
from hub.charging.allowances import give_back as wallet_leg
from hub.charging.lot import Lot, LotState
from hub.charging.usage_rows import UsageRow
from hub.charging.usage_state import Part, purchase_legs
from hub.errors import RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Leg, Move
from hub.ledger.writer import Tx
from wire.errors import Code

Sources = tuple[tuple[str, int], ...]
"""Ledger accounts that give, in order, and how much each."""


def allocate(tx: Tx, usage: UsageRow, minor: int) -> Sources:
    """Who gives an amount: lots that fit, in order, then the wallet up to its limit.

    Raises:
        RefusedError: They can't give so much.
    """
    found: list[tuple[str, int]] = []
    left = minor
    for code in lots.pay_codes(tx, usage.account, usage.unit, usage.kind):
        part = min(left, tx.book.spendable(code))
        if part:
            found.append((code, part))
            left -= part
    if left:
        owing = tx.book.balance(chart.overrun(usage.account, usage.unit)) < 0
        raise RefusedError(
            f"{usage.account} can give {minor - left} of {minor} minor units for {usage.kind}: "
            "top it up, or ask for less",
            Code.OVERRUN_OPEN if owing else Code.BALANCE_TOO_LOW,
        )
    return tuple(found)


def hold(tx: Tx, usage: UsageRow, item_id: str, minor: int) -> tuple[Part, ...]:
    """Move an amount into escrow.

    Raises:
        RefusedError: The account can't give so much.
        ConflictError: The id was used for another movement.
    """
    parts = tuple(
        Part(code, _held_code(usage, code), part) for code, part in allocate(tx, usage, minor)
    )
    legs = tuple(Move(part.source, part.code, part.minor) for part in parts)
    _post(tx, usage, item_id, "hold", legs)
    return parts


def purchase(tx: Tx, usage: UsageRow, item_id: str, sources: Sources, rate_ppm: int) -> int:
    """Pay for what was used. Returns the tax within.

    Raises:
        ConflictError: The id was used for another movement.
    """
    live = _lots(tx, usage, (code for code, _ in sources))
    to = (chart.revenue(usage.service, usage.unit), chart.tax(rate_ppm, usage.unit))
    legs, tax = purchase_legs(sources, to, rate_ppm, usage.captured_minor)
    _post(tx, usage, item_id, "purchase", legs)
    for lot in live:
        if tx.book.balance(lot.free_code) == 0 and tx.book.balance(lot.held_code) == 0:
            lot_rows.set_state(tx, lot, LotState.CLOSED)
    return tax


def give_back(tx: Tx, usage: UsageRow, item_id: str, parts: Iterable[Part]) -> None:
    """Return what a hold keeps: to its lots, and to the wallet, where an overrun comes first.

    Raises:
        ConflictError: The id was used for another movement.
    """
    left = [part for part in parts if part.minor]
    _lots(tx, usage, (part.source for part in left))
    legs = tuple(_back(usage, part) for part in left)
    _post(tx, usage, item_id, "release", legs)
    lots.returned(tx, [part.source for part in left])


def _back(usage: UsageRow, part: Part) -> Leg:
    if chart.kind_of(part.source) == "wallet":
        return wallet_leg(usage.account, usage.unit, part.minor)
    return Move(part.code, part.source, part.minor)


def _lots(tx: Tx, usage: UsageRow, codes: Iterable[str]) -> list[Lot]:
    """Lots among ledger accounts. On PostgreSQL they are locked, before any balance is."""
    ids = {code.rpartition("/")[2] for code in codes if code.count("/") > 1}
    if not ids:
        return []
    mine = lot_rows.live_lots(tx, (usage.account,)).get(usage.account, [])
    return [lot for lot in mine if lot.id in ids]


def _held_code(usage: UsageRow, code: str) -> str:
    if chart.kind_of(code) == "wallet":
        return chart.escrow(usage.account, usage.unit)
    return chart.escrow(usage.account, usage.unit, code.rpartition("/")[2])


def _post(tx: Tx, usage: UsageRow, item_id: str, kind: str, legs: tuple[Leg, ...]) -> None:
    """Book a movement; what is free moves nothing."""
    if legs:
        reason = usage.reason if kind == "release" else ""
        tx.book.must_post(
            Item(id=item_id, unit=usage.unit, kind=kind, legs=legs, ref=usage.id, reason=reason)
        )

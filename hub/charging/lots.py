"""Lots of given money: giving them, which are open, and what of an account pays for what.

A gift of the same id is given once. An account's lots that may pay at one time have
kinds that are equal, nested or disjoint; what is in escrow is moved with them
(`hub.charging.backing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from hub.charging import lot_rows
from hub.charging.backing_sql import recompose
from hub.charging.lot import Lot, LotState, ending_leg, nest, source_of
from hub.charging.lot_rows import find_lot, get_lot, live_lots, open_lots
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.store.tables import lots as tables
from hub.store.tables.people import accounts
from wire.errors import Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

__all__ = [
    "Gift",
    "Lot",
    "LotState",
    "expire",
    "expire_early",
    "find_lot",
    "get_lot",
    "give",
    "open_lots",
    "pay_codes",
    "returned",
    "source_of",
]

LOTS_PER_ACCOUNT_MAX = 15
"""A charge that takes from each lot, free and held, with tax apart, still fits an item."""
KINDS_PER_LOT_MAX = 32
"""More kinds than a site has; for all of them a lot without kinds is the better one."""
REASON_LENGTH_MAX = 200
TIME_MS_MAX = 2**53
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")  # it is a part of ledger codes: no slash


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """Money to give an account.

    Attributes:
        id: Made and stored by who gives; the lot's id and the movement's.
        account: Who gets it.
        amount_minor: How much, in the account's unit.
        giver: Ledger account that gives; what is left in the end goes back there when it
            is a sponsor's wallet.
        kinds: Kinds of machines that it may pay for; none: all.
        starts_ms: From when on; in the past: from now on.
        expires_ms: Until when; None: for ever.
        source: Why, in a word.
        reason: Words of who gives.
        by: Who gives.
    """

    id: str
    account: str
    amount_minor: int
    giver: str
    kinds: tuple[str, ...] = ()
    starts_ms: int = 0
    expires_ms: int | None = None
    source: str
    reason: str
    by: str


def give(tx: Tx, gift: Gift) -> Lot:
    """Give an account a lot of money. The same gift again: the lot as it is.

    Args:
        tx: The writer's transaction.
        gift: What to give.

    Raises:
        InputError: The gift can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed.
        RefusedError: Its kinds overlap with another lot's, the account has too many
            lots, or the giver can't give so much.
    """
    _check(gift)
    before = find_lot(tx.connection, gift.id)
    if before is not None:
        if _asked(before) != _normal(gift):
            raise ConflictError(
                f"{gift.id} was used for another gift already: make a new id", Code.ID_CONFLICT
            )
        return before
    lot = _lot_of(tx, gift)
    _check_beside(gift, live_lots(tx, (gift.account,)).get(gift.account, ()))
    free = chart.bonus(gift.account, lot.unit, gift.id)
    tx.book.must_post(
        Item(
            id=gift.id,
            unit=lot.unit,
            kind="gift",
            legs=(Move(gift.giver, free, gift.amount_minor),),
            ref=gift.account,
            reason=gift.reason,
        )
    )
    lot_rows.add_lot(tx, lot)
    recompose(tx, gift.account, f"hold:{gift.id}")
    tx.touch("account", gift.account)
    return lot


def pay_codes(tx: Tx, account: str, unit: str, kind: str = "") -> tuple[str, ...]:
    """Ledger accounts that pay for something now, in order: lots that fit, then the wallet.

    Args:
        tx: The writer's transaction.
        account: Who pays.
        unit: Unit of its money.
        kind: Kind of machine, or of other use; empty: only lots without kinds fit.
    """
    mine = live_lots(tx, (account,)).get(account, ())
    fitting = [lot.free_code for lot in mine if lot.pays_at(tx.now_ms) and lot.fits(kind)]
    return (*fitting, chart.wallet(account, unit))


def expire(tx: Tx, now_ms: int, limit: int) -> int:
    """End lots whose time is over, and open those whose time has begun.

    What is free of a lot lapses, or goes back to its sponsor; what is held waits, and
    goes the same way when it comes back. Called again: what is due by then.

    Args:
        tx: The writer's transaction.
        now_ms: Hub's wall time.
        limit: Lots at most; as many more may be due.

    Returns:
        How many were looked at; below `limit`: no more are due now.
    """
    tx.book.flush()
    begun = lot_rows.due_to_begin(tx.connection, now_ms, limit)
    for lot in begun:
        lot_rows.set_state(tx, lot, LotState.OPEN)
        tx.touch("account", lot.account)
    over = lot_rows.due_to_end(tx.connection, now_ms, limit - len(begun))
    for lot in over:
        _end(tx, lot)
    return len(begun) + len(over)


def has_due(connection: Connection, now_ms: int) -> bool:
    """Whether `expire` has something to do."""
    begun = lot_rows.due_to_begin(connection, now_ms, 1)
    return bool(begun or lot_rows.due_to_end(connection, now_ms, 1))


def expire_early(tx: Tx, lot_id: str) -> Lot:
    """End a lot now: a gift by mistake. Ended before: the lot as it is.

    Raises:
        NotFoundError: No such lot.
    """
    lot = get_lot(tx.connection, lot_id)
    if lot.state in (LotState.WAITING, LotState.OPEN):
        ends_ms = max(tx.now_ms, 0)
        tx.connection.execute(
            update(tables.lots).where(tables.lots.c.id == lot_id).values(expires_ms=ends_ms)
        )
        _end(tx, lot)
    return get_lot(tx.connection, lot_id)


def returned(tx: Tx, codes: Iterable[str]) -> None:
    """Say that money came back to ledger accounts: what of them are lots is seen to.

    A lot that was used up is open again; one whose time is over is emptied at once.
    Whoever credits a lot, other than by `give`, calls this in the same transaction.

    Args:
        tx: The writer's transaction.
        codes: Ledger accounts that were credited; those that are no lots don't matter.
    """
    ids = sorted({code.rpartition("/")[2] for code in codes if chart.kind_of(code) == "bonus"})
    for lot_id in ids:
        lot = find_lot(tx.connection, lot_id)
        if lot is None:
            continue
        over = lot.expires_ms is not None and lot.expires_ms <= tx.now_ms
        if over:
            _end(tx, lot)
        elif lot.state is LotState.CLOSED:
            lot_rows.set_state(tx, lot, LotState.OPEN)
            tx.touch("account", lot.account)


def _end(tx: Tx, lot: Lot) -> None:
    """Empty what is free of a lot; it is closed once nothing of it is held either."""
    live_lots(tx, (lot.account,))  # whoever else moves them waits
    free = tx.book.balance(lot.free_code)
    if free > 0:
        item = Item(
            id=f"expire:{lot.id}:{lot_rows.count_sweep(tx, lot)}",
            unit=lot.unit,
            kind="expire",
            legs=(ending_leg(lot, lot.free_code, free),),
            ref=lot.id,
        )
        tx.book.must_post(item)
        tx.touch("account", lot.account)
    held = tx.book.balance(lot.held_code)
    lot_rows.set_state(tx, lot, LotState.EXPIRED if held else LotState.CLOSED)


def _lot_of(tx: Tx, gift: Gift) -> Lot:
    """The lot that a gift makes, for an account that may get it."""
    # Locked: two gifts at once must see each other's kinds.
    query = select(accounts).where(accounts.c.id == gift.account).with_for_update()
    row = tx.connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"there is no account {gift.account}", Code.ACCOUNT_UNKNOWN)
    if row.state == "closed":
        raise ConflictError(f"{gift.account} is closed: it gets nothing", Code.ACCOUNT_CLOSED)
    if chart.unit_of(gift.giver) != row.unit:
        raise InputError(
            f"{gift.account} has {row.unit}, {gift.giver} can't give that", Code.UNIT_MISMATCH
        )
    if gift.giver == chart.wallet(gift.account, row.unit):
        raise InputError("an account can't give to itself: what it has, it can spend")
    if gift.expires_ms is not None and gift.expires_ms <= max(tx.now_ms, gift.starts_ms):
        raise InputError("a lot must expire after now and after it starts: choose a later time")
    asked = _normal(gift)
    return Lot(
        id=asked.id,
        account=asked.account,
        unit=row.unit,
        giver=asked.giver,
        kinds=asked.kinds,
        starts_ms=asked.starts_ms,
        expires_ms=asked.expires_ms,
        amount_minor=asked.amount_minor,
        source=asked.source,
        reason=asked.reason,
        by=asked.by,
        created_ms=tx.now_ms,
        state=LotState.WAITING if asked.starts_ms > tx.now_ms else LotState.OPEN,
    )


def _normal(gift: Gift) -> Gift:
    """The gift with its kinds in order, so that the same gift looks the same."""
    return replace(gift, kinds=tuple(sorted(set(gift.kinds))))


def _asked(lot: Lot) -> Gift:
    return Gift(
        id=lot.id,
        account=lot.account,
        amount_minor=lot.amount_minor,
        giver=lot.giver,
        kinds=lot.kinds,
        starts_ms=lot.starts_ms,
        expires_ms=lot.expires_ms,
        source=lot.source,
        reason=lot.reason,
        by=lot.by,
    )


def _check(gift: Gift) -> None:
    if _ID.fullmatch(gift.id) is None:
        raise InputError("a gift's id is 1 to 200 letters, digits and _ . : -")
    if not 1 <= gift.amount_minor <= AMOUNT_MINOR_MAX:
        raise InputError(
            f"{gift.amount_minor} can't be given: 1 to {AMOUNT_MINOR_MAX} minor units",
            Code.AMOUNT_INVALID,
        )
    if len(gift.kinds) > KINDS_PER_LOT_MAX or not all(is_name(kind) for kind in gift.kinds):
        raise InputError(
            f"kinds are at most {KINDS_PER_LOT_MAX} kinds of machines, such as washer; none: all"
        )
    if not is_name(gift.source):
        raise InputError("source is a short word in lower case, such as promo")
    if len(gift.reason) > REASON_LENGTH_MAX or not gift.reason.isprintable():
        raise InputError(f"a reason is at most {REASON_LENGTH_MAX} printable characters")
    if not 0 <= gift.starts_ms <= TIME_MS_MAX or not 0 <= (gift.expires_ms or 0) <= TIME_MS_MAX:
        raise InputError("times are whole milliseconds since 1970")


def _check_beside(gift: Gift, others: Sequence[Lot]) -> None:
    """Check a gift against the lots that the account has."""
    if len(others) >= LOTS_PER_ACCOUNT_MAX:
        raise RefusedError(
            f"{gift.account} has {len(others)} lots that aren't used up: that is the most. "
            "Let it spend one, or expire one, first.",
            Code.LIMIT_EXCEEDED,
        )
    for other in others:
        if other.state is not LotState.EXPIRED and not nest(gift.kinds, other.kinds):
            raise RefusedError(
                f"{gift.account} has lot {other.id} for {', '.join(other.kinds)}: a lot for "
                f"{', '.join(gift.kinds)} overlaps with it. Give the same kinds, kinds within "
                "it, around it, or none of it; or expire that lot first.",
                Code.LOT_UNFIT,
            )

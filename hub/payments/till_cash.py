"""Cash that goes into and out of a drawer apart from people's payments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from hub.errors import RefusedError, StoreError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.records import check_amount, check_id, check_reason, conflict
from hub.payments.shift_records import current_shift
from hub.payments.tills import check_cash, lock_till
from hub.store.tables.money_in import shifts, till_movements
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

KIND = "till_cash"
"""Kind of the item by which it is booked."""
_MOVEMENTS = select(till_movements, shifts.c.till).join(
    shifts, shifts.c.id == till_movements.c.shift
)


class Direction(StrEnum):
    """Which way cash moves, as the drawer sees it."""

    IN = "in"
    OUT = "out"


class Place(StrEnum):
    """Where cash of a drawer goes, or comes from."""

    SAFE = "safe"  # a drop, or more change
    BANK = "bank"
    OTHER = "other"  # a purchase, a found coin: kept in suspense until someone explains it


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Cash put in or taken out.

    Attributes:
        id: Made and stored by who asks.
        till: Which drawer.
        direction: Which way.
        place: Where from or to.
        amount_minor: How much, > 0.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
        at_ms: When it was booked; 0 while it is asked for.
        shift: In which shift; empty while it is asked for.
    """

    id: str
    till: str
    direction: Direction
    place: Place
    amount_minor: int
    reason: str
    by: str
    at_ms: int = 0
    shift: str = ""


def move_cash(tx: Tx, asked: Movement) -> Movement:
    """Book cash that a person puts in or takes out. The same again: as it was booked.

    Raises:
        InputError: The amount, the reason or the id can't be one.
        NotFoundError: The till isn't registered.
        ConflictError: The id was used otherwise, or the clock is before the opening.
        RefusedError: No shift is open there, or less is in the drawer by the book.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    till = lock_till(tx, asked.till)
    before = _find(tx.connection, asked.id)
    if before is not None:
        if replace(before, at_ms=0, shift="") != asked:
            raise conflict(asked.id)
        return before
    check_cash(tx, till.id, till.unit)
    shift = current_shift(tx.connection, till.id)
    if shift is None:  # a shift was just found open
        raise StoreError(f"{till.id} has no shift in progress")
    cash, other = chart.cash(till.id, till.unit), _place(asked.place, till.unit)
    if asked.direction is Direction.OUT:
        _check_drawer(-tx.book.balance(cash), asked)
        leg = Move(other, cash, asked.amount_minor)
    else:
        leg = Move(cash, other, asked.amount_minor)
    tx.book.must_post(
        Item(id=asked.id, unit=till.unit, kind=KIND, legs=(leg,), ref=till.id, reason=asked.reason)
    )
    return _keep(tx, asked, shift.id)


def list_movements(
    connection: Connection, shift: str, *, after: tuple[int, str] | None, limit: int
) -> list[Movement]:
    """Movements of a shift, newest first, one more than `limit` if there are more."""
    query = _MOVEMENTS.where(till_movements.c.shift == shift).order_by(
        till_movements.c.at_ms.desc(), till_movements.c.id.desc()
    )
    if after is not None:
        query = query.where(tuple_(till_movements.c.at_ms, till_movements.c.id) < after)
    return [_movement(row) for row in connection.execute(query.limit(limit + 1))]


def _keep(tx: Tx, asked: Movement, shift: str) -> Movement:
    tx.connection.execute(
        insert(till_movements).values(
            id=asked.id,
            shift=shift,
            direction=asked.direction.value,
            place=asked.place.value,
            amount_minor=asked.amount_minor,
            reason=asked.reason,
            by=asked.by,
            at_ms=tx.now_ms,
        )
    )
    tx.touch("till", asked.till)
    return replace(asked, shift=shift, at_ms=tx.now_ms)


def _check_drawer(in_drawer: int, asked: Movement) -> None:
    if asked.amount_minor > in_drawer:
        raise RefusedError(
            f"{in_drawer} minor units are in {asked.till} by the book, not "
            f"{asked.amount_minor}: count again. Nothing changed.",
            Code.BALANCE_TOO_LOW,
        )


def _place(place: Place, unit: str) -> str:
    if place is Place.OTHER:
        return chart.house("suspense", unit)
    return chart.clearing(place.value, unit)


def _find(connection: Connection, movement: str) -> Movement | None:
    row = connection.execute(_MOVEMENTS.where(till_movements.c.id == movement)).first()
    return None if row is None else _movement(row)


def _movement(row: Row[Any]) -> Movement:
    return Movement(
        id=row.id,
        till=row.till,
        direction=Direction(row.direction),
        place=Place(row.place),
        amount_minor=row.amount_minor,
        reason=row.reason,
        by=row.by,
        at_ms=row.at_ms,
        shift=row.shift,
    )

"""Shifts of tills as they are kept, and the table of what may be done with one."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, or_, select, tuple_

from hub.errors import ConflictError, NotFoundError
from hub.store.tables.money_in import shifts
from wire.errors import Code


class ShiftState(StrEnum):
    """What may happen at a till."""

    CLOSED = "closed"
    OPEN = "open"
    COUNTING = "counting"


class Step(StrEnum):
    """What a person does with a shift."""

    OPEN = "open"
    COUNT = "count"
    RESUME = "resume"
    CLOSE = "close"


STEPS: dict[tuple[ShiftState, Step], ShiftState] = {
    (ShiftState.CLOSED, Step.OPEN): ShiftState.OPEN,
    (ShiftState.OPEN, Step.COUNT): ShiftState.COUNTING,
    (ShiftState.COUNTING, Step.RESUME): ShiftState.OPEN,
    (ShiftState.COUNTING, Step.CLOSE): ShiftState.CLOSED,
}
"""Every step that there is; any other is refused and changes nothing."""
_ADVICE = {
    ShiftState.CLOSED: "has no open shift: open one first",
    ShiftState.OPEN: "has an open shift: begin to count it, then close it",
    ShiftState.COUNTING: "is being counted: close its shift, or resume it",
}


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift; amounts in minor units of its till's unit.

    Attributes:
        id: Made by who opened it.
        till: Where.
        unit: Unit of the cash.
        state: What may happen.
        float_minor: Counted at the start.
        from_safe_minor: Of it, put in from the safe; below 0: went to the safe.
        opening_difference_minor: Counted at the start beyond what book and safe explain.
        opening_reason: Why.
        opened_ms: When.
        opened_by: Who.
        in_minor: Cash that came in; None: not closed yet.
        out_minor: Cash that went out.
        expected_minor: Float + in - out.
        counted_minor: Counted at the end.
        denominations: As counted: value and number of pieces.
        left_minor: Stayed in the drawer; the rest went to the safe.
        difference_minor: Counted more than expected; below 0: less.
        reason: Why.
        closed_ms: When; None: not yet.
        closed_by: Who.
        close_id: Made by who closed it.
        first_transfer: Number of the till's newest transfer when it opened.
        last_transfer: Number of the till's newest transfer before the close.
    """

    id: str
    till: str
    unit: str
    state: ShiftState
    float_minor: int
    from_safe_minor: int
    opening_difference_minor: int
    opening_reason: str
    opened_ms: int
    opened_by: str
    in_minor: int | None
    out_minor: int | None
    expected_minor: int | None
    counted_minor: int | None
    denominations: tuple[tuple[int, int], ...]
    left_minor: int | None
    difference_minor: int | None
    reason: str
    closed_ms: int | None
    closed_by: str
    close_id: str
    first_transfer: int
    last_transfer: int | None


def next_state(till: str, state: ShiftState, step: Step) -> ShiftState:
    """State after a step.

    Raises:
        ConflictError: There is no such step; says what there is to do.
    """
    found = STEPS.get((state, step))
    if found is None:
        raise ConflictError(f"{till} {_ADVICE[state]}. Nothing changed.", Code.TILL_CLOSED)
    return found


def get_shift(connection: Connection, shift: str) -> Shift:
    """Read a shift.

    Raises:
        NotFoundError: No such shift.
    """
    found = find_shift(connection, shift)
    if found is None:
        raise NotFoundError(f"there is no shift {shift}")
    return found


def find_shift(connection: Connection, shift: str) -> Shift | None:
    """Read a shift, or None."""
    row = connection.execute(select(shifts).where(shifts.c.id == shift)).first()
    return None if row is None else _shift(row)


def shift_closed_by(connection: Connection, till: str, close_id: str) -> Shift | None:
    """The shift of a till that this close ended, or None."""
    query = select(shifts).where(shifts.c.till == till, shifts.c.close_id == close_id)
    row = connection.execute(query).first()
    return None if row is None else _shift(row)


def current_shift(connection: Connection, till: str) -> Shift | None:
    """The shift in progress at a till, or None: it is closed."""
    return current_shifts(connection, (till,)).get(till)


def current_shifts(connection: Connection, tills: Collection[str]) -> dict[str, Shift]:
    """Shifts in progress, by till; a closed till is left out."""
    query = select(shifts).where(
        shifts.c.till.in_(tills), shifts.c.state != ShiftState.CLOSED.value
    )
    return {row.till: _shift(row) for row in connection.execute(query)}


def last_close_ms(connection: Connection, till: str) -> int | None:
    """When the last shift of a till ended; None: none ever did."""
    query = select(func.max(shifts.c.closed_ms)).where(shifts.c.till == till)
    return connection.execute(query).scalar()


def list_shifts(
    connection: Connection,
    *,
    till: str = "",
    differing: bool = False,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Shift]:
    """Shifts, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        till: Of which till; empty: of all.
        differing: Only those whose count differed from the book, at either end.
        after: `opened_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(shifts).order_by(shifts.c.opened_ms.desc(), shifts.c.id.desc())
    if till:
        query = query.where(shifts.c.till == till)
    if differing:
        query = query.where(
            or_(shifts.c.difference_minor != 0, shifts.c.opening_difference_minor != 0)
        )
    if after is not None:
        query = query.where(tuple_(shifts.c.opened_ms, shifts.c.id) < after)
    return [_shift(row) for row in connection.execute(query.limit(limit + 1))]


def _shift(row: Row[Any]) -> Shift:
    values = dict(row._mapping)  # noqa: SLF001 a public name of SQLAlchemy
    return Shift(
        **(
            values
            | {
                "state": ShiftState(row.state),
                "denominations": msgspec.json.decode(
                    row.denominations, type=tuple[tuple[int, int], ...]
                ),
            }
        )
    )

"""Shifts of a till: closed, open, counting, closed.

Who opens a shift counts what is in the drawer; who closes it counts again without being
told what to expect. The book knows what came in and went out between, so the difference
is a fact: it is booked to `suspense` and shown. While a drawer is counted no cash moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, update

from hub.errors import ConflictError, InputError, StoreError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Leg
from hub.ledger.writer import Tx
from hub.payments.drawer import (
    check_count,
    closing_legs,
    count_denominations,
    open_drawer,
    opening_legs,
)
from hub.payments.records import check_id, check_reason, conflict
from hub.payments.shift_records import (
    Shift,
    ShiftState,
    Step,
    current_shift,
    find_shift,
    get_shift,
    last_close_ms,
    next_state,
    shift_closed_by,
)
from hub.payments.takings import newest_transfer, takings_of
from hub.payments.tills import Till, TillKind, lock_till
from hub.store.tables.money_in import shifts
from wire.errors import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a shift; the id is the shift's.

    Attributes:
        id: Made and stored by who asks.
        till: Where.
        float_minor: Counted in the drawer; None: an acceptor's, as the book says.
        from_safe_minor: Of it, put in from the safe; None: what the count needs.
        reason: Why the count differs from the book; needed when it does.
        by: Id of the API key, or `cli`.
    """

    id: str
    till: str
    float_minor: int | None
    from_safe_minor: int | None = None
    reason: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What closes the shift of a till.

    Attributes:
        id: Made and stored by who asks.
        till: Where.
        counted_minor: Counted in the drawer; None: `denominations` say it.
        denominations: Value and number of each coin and note; empty: only the sum is known.
        left_minor: Stays in the drawer for the next shift; the rest goes to the safe.
        reason: Why the count differs from the book; needed when it does.
        by: Id of the API key, or `cli`.
    """

    id: str
    till: str
    counted_minor: int | None = None
    denominations: tuple[tuple[int, int], ...] = ()
    left_minor: int = 0
    reason: str = ""
    by: str


def open_shift(tx: Tx, asked: Opening) -> Shift:
    """Open a shift. The same again: the shift as it is.

    Raises:
        InputError: The count is out of range or missing, or differs without a reason.
        NotFoundError: The till isn't registered.
        ConflictError: The id was used otherwise, a shift is in progress, or the clock is
            before the last shift's end.
    """
    check_id(asked.id)
    till = lock_till(tx, asked.till)
    before = find_shift(tx.connection, asked.id)
    if before is not None:
        if not _is_same_opening(before, asked):
            raise conflict(asked.id)
        return before
    next_state(till.id, _state(tx, till.id), Step.OPEN)
    last_ms = last_close_ms(tx.connection, till.id)
    _check_clock(tx, till.id, last_ms)
    if asked.float_minor is None and till.kind is not TillKind.ACCEPTOR:
        raise InputError("count what is in the drawer: float_minor is needed")
    cash = chart.cash(till.id, till.unit)
    opened = open_drawer(
        -tx.book.balance(cash), asked.float_minor, asked.from_safe_minor, is_first=last_ms is None
    )
    _check_explained(asked.reason, opened.difference_minor)
    legs = opening_legs(till.id, till.unit, opened)
    _post(tx, till, (asked.id, "shift_opened", asked.reason), legs)
    tx.connection.execute(
        insert(shifts).values(
            id=asked.id,
            till=till.id,
            unit=till.unit,
            state=ShiftState.OPEN.value,
            float_minor=opened.float_minor,
            from_safe_minor=opened.from_safe_minor,
            opening_difference_minor=opened.difference_minor,
            opening_reason=asked.reason,
            opened_ms=tx.now_ms,
            opened_by=asked.by,
            first_transfer=newest_transfer(tx, cash),
        )
    )
    tx.touch("till", till.id)
    return get_shift(tx.connection, asked.id)


def begin_count(tx: Tx, till: str) -> Shift:
    """Stop cash at a till, so that its drawer can be counted. Begun before: as it is.

    Raises:
        NotFoundError: The till isn't registered.
        ConflictError: It has no open shift.
    """
    return _step(tx, till, Step.COUNT)


def resume(tx: Tx, till: str) -> Shift:
    """Let cash move again at a till that was about to be counted. Open: as it is.

    Raises:
        NotFoundError: The till isn't registered.
        ConflictError: It has no shift in progress.
    """
    return _step(tx, till, Step.RESUME)


def close_shift(tx: Tx, asked: Closing) -> Shift:
    """Close the shift of a till by its count. The same again: the shift as it was closed.

    Raises:
        InputError: The count is out of range or missing, or differs without a reason.
        NotFoundError: The till isn't registered.
        ConflictError: The id was used otherwise, no shift is being counted there, or the
            clock is before its opening.
    """
    check_id(asked.id)
    till = lock_till(tx, asked.till)
    counted = _counted(asked)
    before = shift_closed_by(tx.connection, till.id, asked.id)
    if before is not None:
        if not _is_same_closing(before, asked, counted):
            raise conflict(asked.id)
        return before
    next_state(till.id, _state(tx, till.id), Step.CLOSE)
    shift = current_shift(tx.connection, till.id)
    if shift is None:  # the table of steps just said otherwise
        raise StoreError(f"{till.id} has no shift in progress")
    _check_clock(tx, till.id, shift.opened_ms)
    _close(tx, till, shift, asked, counted)
    tx.touch("till", till.id)
    return get_shift(tx.connection, shift.id)


def expected_of(tx: Tx, shift: Shift, last: int) -> tuple[int, int, int]:
    """Cash that came in and went out in a shift, and what must be in the drawer.

    Raises:
        StoreError: The book's balance says otherwise.
    """
    cash = chart.cash(shift.till, shift.unit)
    takings = takings_of(tx.connection, cash, after=shift.first_transfer, through=last)
    came = sum(one.in_minor for one in takings)
    went = sum(one.out_minor for one in takings)
    expected = shift.float_minor + came - went
    if expected != -tx.book.balance(cash):
        raise StoreError(f"{cash} stands at {tx.book.balance(cash)}, its shift at {expected}")
    return came, went, expected


def _close(tx: Tx, till: Till, shift: Shift, asked: Closing, counted: int) -> None:
    last = newest_transfer(tx, chart.cash(till.id, till.unit))
    came, went, expected = expected_of(tx, shift, last)
    difference = counted - expected
    _check_explained(asked.reason, difference)
    legs = closing_legs(
        till.id,
        till.unit,
        difference_minor=difference,
        to_safe_minor=counted - asked.left_minor,
    )
    _post(tx, till, (asked.id, "shift_closed", asked.reason), legs)
    tx.connection.execute(
        update(shifts)
        .where(shifts.c.id == shift.id)
        .values(
            state=ShiftState.CLOSED.value,
            in_minor=came,
            out_minor=went,
            expected_minor=expected,
            counted_minor=counted,
            denominations=msgspec.json.encode(asked.denominations).decode(),
            left_minor=asked.left_minor,
            difference_minor=difference,
            reason=asked.reason,
            closed_ms=tx.now_ms,
            closed_by=asked.by,
            close_id=asked.id,
            last_transfer=last,
        )
    )


def _step(tx: Tx, name: str, step: Step) -> Shift:
    till = lock_till(tx, name)
    shift = current_shift(tx.connection, till.id)
    done = {Step.COUNT: ShiftState.COUNTING, Step.RESUME: ShiftState.OPEN}[step]
    if shift is not None and shift.state is done:
        return shift
    state = next_state(till.id, ShiftState.CLOSED if shift is None else shift.state, step)
    tx.connection.execute(
        update(shifts)
        .where(shifts.c.till == till.id, shifts.c.state != ShiftState.CLOSED.value)
        .values(state=state.value)
    )
    tx.touch("till", till.id)
    found = current_shift(tx.connection, till.id)
    if found is None:
        raise StoreError(f"{till.id} has no shift in progress")
    return found


def _post(tx: Tx, till: Till, about: tuple[str, str, str], legs: tuple[Leg, ...]) -> None:
    """Book what an opening or a close moves, if anything: id, kind and reason."""
    if legs:
        id_, kind, reason = about
        tx.book.must_post(
            Item(id=id_, unit=till.unit, kind=kind, legs=legs, ref=till.id, reason=reason)
        )


def _state(tx: Tx, till: str) -> ShiftState:
    shift = current_shift(tx.connection, till)
    return ShiftState.CLOSED if shift is None else shift.state


def _check_clock(tx: Tx, till: str, earlier_ms: int | None) -> None:
    if earlier_ms is not None and tx.now_ms < earlier_ms:
        raise ConflictError(
            f"the hub's clock is before what was last done with the shift of {till}: set it "
            "right. Nothing changed.",
            Code.PERIOD_CLOSED,
        )


def _check_explained(reason: str, difference: int) -> None:
    if difference and not reason.strip():
        raise InputError(
            f"the count differs from the book by {difference} minor units: count again, "
            "or give the reason. Nothing changed."
        )
    if reason:
        check_reason(reason)


def _counted(asked: Closing) -> int:
    counted = asked.counted_minor
    if asked.denominations:
        total = count_denominations(asked.denominations)
        if counted not in (None, total):
            raise InputError(f"the denominations make {total}, not {counted}: count again")
        counted = total
    if counted is None:
        raise InputError("count the drawer: give counted_minor or its denominations")
    check_count(counted)
    if not 0 <= asked.left_minor <= counted:
        raise InputError(
            f"0 to {counted} minor units can be left in the drawer", Code.AMOUNT_INVALID
        )
    return counted


def _is_same_opening(before: Shift, asked: Opening) -> bool:
    return (
        (before.till, before.opening_reason, before.opened_by)
        == (asked.till, asked.reason, asked.by)
        and asked.float_minor in (None, before.float_minor)
        and asked.from_safe_minor in (None, before.from_safe_minor)
    )


def _is_same_closing(before: Shift, asked: Closing, counted: int) -> bool:
    return (
        before.counted_minor,
        before.left_minor,
        before.denominations,
        before.reason,
        before.closed_by,
    ) == (counted, asked.left_minor, asked.denominations, asked.reason, asked.by)

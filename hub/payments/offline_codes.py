"""Offline codes: issued for one controller, written out, voided.

A code that was sold is money owed to whoever holds it: it waits in `clearing/codes` from
the sale until a controller says that it was typed. A promotional one is nothing until
then. Its digits follow from its counter and a secret of the hub, and are kept nowhere.

Voiding tells the hub only. A controller without network still takes the digits, and what
it then reports is a fact: it is booked from `suspense`, with an alarm. So void what was
lost or never handed out; a code is surely dead once its controller has another key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, select, update

from hub.charging.code_rows import (
    PROVIDER,
    CodeBatch,
    CodeFunding,
    CodeState,
    code_mark_of,
    find_batch,
    get_batch,
)
from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.records import check_id, check_reason, check_till, conflict
from hub.payments.tills import check_cash
from hub.store.tables.codes import code_batches, offline_codes
from hub.store.tables.fleet import controllers
from hub.units import find_unit
from wire.codes import (
    AMOUNTS_MINOR,
    COUNTERS,
    FIRST_YEAR,
    WINDOW,
    YEARS,
    OfflineCode,
    write_code,
)
from wire.errors import AmountError, Code

CODES_PER_BATCH_MAX = 500
"""A roll of slips; one transaction writes them all in some 10 ms."""
NAME_LENGTH_MAX = 120
MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCodes:
    """Codes that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        name: What people read; the reason of a gift.
        controller: Where they can be typed, and nowhere else.
        funding: Whether they are sold or given.
        unit: Unit of the money.
        amount_minor: Of each code, one of `wire.codes.AMOUNTS_MINOR`.
        count: How many, 1 to `CODES_PER_BATCH_MAX`.
        last_year: Year at whose end they end, UTC; 0: never.
        till: Sold ones: where the cash for all of them was put.
        by: Id of the API key, or `cli`.
    """

    id: str
    name: str
    controller: str
    funding: CodeFunding
    unit: str
    amount_minor: int
    count: int
    last_year: int = 0
    till: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidCodes:
    """Codes to take out of use.

    Attributes:
        id: Made and stored by who asks.
        batch: Of which batch.
        counters: Which; empty: all that weren't used, as far as the hub knows.
        till: Where the money of sold ones is paid back; empty: it lapses to `breakage`.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    batch: str
    counters: tuple[int, ...] = ()
    till: str = ""
    reason: str
    by: str


def issue(tx: Tx, asked: NewCodes) -> CodeBatch:
    """Issue codes for a controller; sold ones are paid for now. The same again: as it is.

    Raises:
        InputError: Something is out of range, or the unit isn't known.
        NotFoundError: No such controller.
        ConflictError: The id was used otherwise.
        RefusedError: The controller has no key for codes or too many of them, or the till
            is closed or of another unit.
    """
    check_id(asked.id)
    _check(tx, asked)
    before = find_batch(tx.connection, asked.id)
    if before is not None:
        if _asked(before) != asked:
            raise conflict(asked.id)
        return before
    if asked.last_year and asked.last_year < _year(tx):
        raise InputError("the codes would have ended already: choose a later year")
    mark = _lock_key(tx, asked.controller)
    first = _first_counter(tx, asked, mark)
    if asked.funding is CodeFunding.SOLD:
        _take_cash(tx, asked)
    tx.connection.execute(
        insert(code_batches).values(
            id=asked.id,
            name=asked.name,
            funding=asked.funding.value,
            controller=asked.controller,
            key_mark=mark,
            unit=asked.unit,
            amount_minor=asked.amount_minor,
            count=asked.count,
            first_counter=first,
            last_year=asked.last_year,
            till=asked.till,
            by=asked.by,
            at_ms=tx.now_ms,
        )
    )
    rows = [
        {
            "controller": asked.controller,
            "key_mark": mark,
            "counter": first + place,
            "batch": asked.id,
        }
        for place in range(asked.count)
    ]
    tx.connection.execute(insert(offline_codes), rows)
    return get_batch(tx.connection, asked.id)


def write_codes(tx: Tx, batch_id: str, key: bytes) -> list[tuple[int, str]]:
    """Write out the digits of a batch's unused codes, now or again.

    Args:
        tx: A transaction, for reading.
        batch_id: Which batch.
        key: The controller's key for codes.

    Returns:
        Counter and digits of each.

    Raises:
        NotFoundError: No such batch.
        ConflictError: None is unused, or the controller has another key by now, under
            which they are worth nothing.
    """
    batch = get_batch(tx.connection, batch_id)
    if batch.key_mark != code_mark_of(tx.connection, batch.controller):
        raise ConflictError(
            f"{batch.controller} has been enrolled with another key since: these codes can't "
            "be typed there any more. Void them and issue others."
        )
    counters = _counters(tx, batch_id, ())
    if not counters:
        raise ConflictError(f"no code of {batch_id} is unused", Code.CODE_USED)
    return [
        (
            counter,
            write_code(
                key,
                batch.controller,
                batch.unit,
                OfflineCode(counter, batch.amount_minor, batch.last_year),
            ),
        )
        for counter in counters
    ]


def void(tx: Tx, asked: VoidCodes) -> CodeBatch:
    """Take codes out of use and pay sold ones back. The same again: the batch as it is.

    Raises:
        InputError: The reason, the till or the id can't be one.
        NotFoundError: No such batch.
        ConflictError: The id was used otherwise, or one isn't unused any more.
        RefusedError: The till is closed, or of another unit.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    batch = get_batch(tx.connection, asked.batch)
    if _was_voided(tx, asked):
        return batch
    counters = _counters(tx, asked.batch, asked.counters)
    missing = sorted(set(asked.counters).difference(counters))
    if missing or not counters:
        which = f"{missing[0]} of {asked.batch}" if missing else f"none of {asked.batch}"
        raise ConflictError(f"{which} can be voided: it was used, voided, or never was there")
    if batch.funding is CodeFunding.SOLD:
        _pay_back(tx, batch, asked, len(counters))
    tx.connection.execute(
        update(offline_codes)
        .where(offline_codes.c.batch == batch.id, offline_codes.c.counter.in_(counters))
        .values(
            state=CodeState.VOID.value,
            movement=asked.id,
            reason=asked.reason,
            ended_ms=tx.now_ms,
        )
    )
    return batch


def _lock_key(tx: Tx, controller: str) -> str:
    """Mark of the key that a controller has; nobody issues for it meanwhile."""
    mine = select(controllers.c.id).where(controllers.c.id == controller)
    tx.connection.execute(mine.with_for_update())
    mark = code_mark_of(tx.connection, controller)
    if not mark:
        raise RefusedError(
            f"{controller} has no key for codes: enrol it anew, standpipe-hub enrol "
            f"{controller}. Nothing changed.",
            Code.STATE_CONFLICT,
        )
    return mark


def _first_counter(tx: Tx, asked: NewCodes, mark: str) -> int:
    """The next counter; a code must not be so far above another that it pushes it out."""
    of_key = (offline_codes.c.controller == asked.controller) & (offline_codes.c.key_mark == mark)
    highest = tx.connection.execute(select(func.max(offline_codes.c.counter)).where(of_key))
    first = int(highest.scalar() or 0) + 1
    last = first + asked.count - 1
    if last >= COUNTERS:
        raise RefusedError(
            f"{asked.controller} has had {first - 1} codes, and {COUNTERS - 1} are the most for "
            "one key: enrol it with a new key. Nothing changed.",
            Code.LIMIT_EXCEEDED,
        )
    still_open = of_key & (offline_codes.c.state == CodeState.ISSUED.value)
    lowest = tx.connection.execute(select(func.min(offline_codes.c.counter)).where(still_open))
    oldest = int(lowest.scalar() or first)
    if last - oldest >= WINDOW:
        raise RefusedError(
            f"code {oldest} of {asked.controller} isn't used yet, and a controller remembers "
            f"{WINDOW} codes: void the oldest ones first. Nothing changed.",
            Code.LIMIT_EXCEEDED,
        )
    return first


def _take_cash(tx: Tx, asked: NewCodes) -> None:
    check_cash(tx, asked.till, asked.unit)
    cash, owed = chart.cash(asked.till, asked.unit), chart.clearing(PROVIDER, asked.unit)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=asked.unit,
            kind="codes_sold",
            legs=(Move(cash, owed, asked.amount_minor * asked.count),),
            ref=asked.id,
            reason=asked.name,
        )
    )


def _pay_back(tx: Tx, batch: CodeBatch, asked: VoidCodes, count: int) -> None:
    other = chart.house("breakage", batch.unit)
    if asked.till:
        check_cash(tx, asked.till, batch.unit)
        other = chart.cash(asked.till, batch.unit)
    leg = Move(chart.clearing(PROVIDER, batch.unit), other, batch.amount_minor * count)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=batch.unit,
            kind="codes_void",
            legs=(leg,),
            ref=batch.id,
            reason=asked.reason,
        )
    )


def _counters(tx: Tx, batch: str, named: tuple[int, ...]) -> list[int]:
    """Counters of a batch's unused codes, of all or of those named; locked."""
    query = (
        select(offline_codes.c.counter)
        .where(offline_codes.c.batch == batch, offline_codes.c.state == CodeState.ISSUED.value)
        .order_by(offline_codes.c.counter)
        .with_for_update()
    )
    if named:
        query = query.where(offline_codes.c.counter.in_(named))
    return list(tx.connection.execute(query).scalars())


def _was_voided(tx: Tx, asked: VoidCodes) -> bool:
    query = select(offline_codes.c.counter, offline_codes.c.reason).where(
        offline_codes.c.batch == asked.batch,
        offline_codes.c.movement == asked.id,
        offline_codes.c.state == CodeState.VOID.value,
    )
    rows = tx.connection.execute(query).all()
    if not rows:
        return False
    same = {row.reason for row in rows} == {asked.reason}
    if not same or (asked.counters and set(asked.counters) != {row.counter for row in rows}):
        raise conflict(asked.id)
    return True


def _check(tx: Tx, asked: NewCodes) -> None:
    if asked.amount_minor not in AMOUNTS_MINOR:
        near = sorted(AMOUNTS_MINOR, key=lambda one: (abs(one - asked.amount_minor), one))[:2]
        raise InputError(
            f"a code can't be worth {asked.amount_minor} minor units: "
            f"{min(near)} and {max(near)} are the nearest that it can",
            Code.AMOUNT_INVALID,
        )
    if not 1 <= asked.count <= CODES_PER_BATCH_MAX:
        raise InputError(f"a batch has 1 to {CODES_PER_BATCH_MAX} codes")
    if not 1 <= len(asked.name.strip()) <= NAME_LENGTH_MAX or not asked.name.isprintable():
        raise InputError(f"a batch needs a name of 1 to {NAME_LENGTH_MAX} printable characters")
    if asked.last_year and not FIRST_YEAR <= asked.last_year < FIRST_YEAR + YEARS:
        raise InputError(f"codes end in {FIRST_YEAR} to {FIRST_YEAR + YEARS - 1}, or never")
    try:
        find_unit(tx.connection, asked.unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    if asked.funding is CodeFunding.SOLD:
        if not asked.till:
            raise InputError("sold codes are paid for at a till: name it")
        check_till(asked.till)
    elif asked.till:
        raise InputError("nobody pays for promotional codes: leave the till out")


def _year(tx: Tx) -> int:
    return datetime.fromtimestamp(tx.now_ms // MS_PER_S, UTC).year


def _asked(batch: CodeBatch) -> NewCodes:
    """A batch as it was asked for."""
    return NewCodes(
        id=batch.id,
        name=batch.name,
        controller=batch.controller,
        funding=batch.funding,
        unit=batch.unit,
        amount_minor=batch.amount_minor,
        count=batch.count,
        last_year=batch.last_year,
        till=batch.till,
        by=batch.by,
    )

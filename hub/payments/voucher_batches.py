"""Batches of vouchers: made, printed once, voided, expired.

A voucher that was sold is money owed to whoever holds it: it waits in
`clearing/vouchers` from the sale to its redemption. A promotional one is nothing until
someone redeems it. Codes are shown once, when they are printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, Connection, insert, select, update

from hub.errors import ConflictError, InputError
from hub.ids import Entropy
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.records import check_amount, check_id, check_reason, check_till, conflict
from hub.payments.tills import check_cash
from hub.payments.voucher_codes import ENTROPY_BYTES, hash_code, make_code
from hub.payments.voucher_rows import Batch, Funding, VoucherState, find_batch, lock_batch
from hub.store.tables.money_in import voucher_batches, vouchers
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.ids import is_name

VOUCHER_MINOR_MAX = 100_000
"""As a top-up: a thousand euros on a card."""
VOUCHERS_PER_BATCH_MAX = 1_000
"""A box of cards; one transaction writes them all in some 20 ms."""
NAME_LENGTH_MAX = 120
KINDS_MAX = 32
DAYS_MAX = 3_650
PROVIDER = "vouchers"
"""Sold vouchers are owed in `clearing/vouchers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        name: What people read; the reason of a gift.
        funding: Whether it is sold or given.
        unit: Unit of the money.
        amount_minor: Of each voucher.
        count: How many, 1 to `VOUCHERS_PER_BATCH_MAX`.
        expires_ms: When the codes end; None: never.
        kinds: Given ones: machine kinds that the gift pays; empty: all.
        gift_days: Given ones: days until a redeemed gift ends; None: never.
        till: Sold ones: where the cash for all of them was put.
        by: Id of the API key, or `cli`.
    """

    id: str
    name: str
    funding: Funding
    unit: str
    amount_minor: int
    count: int
    expires_ms: int | None = None
    kinds: tuple[str, ...] = ()
    gift_days: int | None = None
    till: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """Vouchers to take out of use.

    Attributes:
        id: Made and stored by who asks.
        batch: Of which batch.
        serials: Which; empty: all that weren't used.
        till: Where the money of sold ones is paid back; empty: it lapses to `breakage`.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    batch: str
    serials: tuple[int, ...] = ()
    till: str = ""
    reason: str
    by: str


def create_batch(tx: Tx, asked: NewBatch) -> Batch:
    """Make a batch; a sold one is paid for now. The same again: the batch as it is.

    Raises:
        InputError: Something is out of range, or the unit isn't known.
        ConflictError: The id was used otherwise.
        RefusedError: The till is closed, or of another unit.
    """
    check_id(asked.id)
    _check(tx, asked)
    before = find_batch(tx.connection, asked.id)
    if before is not None:
        if _asked(before) != asked:
            raise conflict(asked.id)
        return before
    if asked.expires_ms is not None and asked.expires_ms <= tx.now_ms:
        raise InputError("the vouchers would have expired already: choose a later end")
    if asked.funding is Funding.SOLD:
        _take_cash(tx, asked)
    tx.connection.execute(
        insert(voucher_batches).values(
            id=asked.id,
            name=asked.name,
            funding=asked.funding.value,
            unit=asked.unit,
            amount_minor=asked.amount_minor,
            count=asked.count,
            expires_ms=asked.expires_ms,
            kinds=msgspec.json.encode(asked.kinds).decode(),
            gift_days=asked.gift_days,
            till=asked.till,
            by=asked.by,
            at_ms=tx.now_ms,
        )
    )
    rows = [{"batch": asked.id, "serial": serial} for serial in range(1, asked.count + 1)]
    tx.connection.execute(insert(vouchers), rows)
    return lock_batch(tx, asked.id)


def print_codes(
    tx: Tx, batch_id: str, secret: bytes, entropy: Entropy, *, again: bool
) -> list[tuple[int, str]]:
    """Make the codes of a batch's unused vouchers: the only moment when they are known.

    Args:
        tx: The writer's transaction.
        batch_id: Which batch.
        secret: Key of the stored hashes.
        entropy: Makes the codes.
        again: Make new ones although some were shown; the old ones are worth nothing then.

    Returns:
        Serial and code of each.

    Raises:
        NotFoundError: No such batch.
        ConflictError: They were shown already, or none is left to print.
    """
    batch = lock_batch(tx, batch_id)
    if batch.printed_ms is not None and not again:
        raise ConflictError(
            f"the codes of {batch_id} were shown once and are kept nowhere: void the batch, or "
            "print again, which makes the old codes worthless. Nothing changed."
        )
    serials = _serials(tx, batch_id, VoucherState.ISSUED, ())
    if not serials or batch.is_over(tx.now_ms):
        raise ConflictError(f"no voucher of {batch_id} is left to print", Code.CODE_EXPIRED)
    made = [(serial, make_code(entropy(ENTROPY_BYTES))) for serial in serials]
    for serial, code in made:
        tx.connection.execute(
            update(vouchers)
            .where(vouchers.c.batch == batch_id, vouchers.c.serial == serial)
            .values(code_hash=hash_code(secret, code))
        )
    tx.connection.execute(
        update(voucher_batches).where(voucher_batches.c.id == batch_id).values(printed_ms=tx.now_ms)
    )
    return made


def void_vouchers(tx: Tx, asked: Void) -> Batch:
    """Take vouchers out of use and pay sold ones back. The same again: the batch as it is.

    Raises:
        InputError: The reason, the till or the id can't be one.
        NotFoundError: No such batch.
        ConflictError: The id was used otherwise, or one isn't unused any more.
        RefusedError: The till is closed, or of another unit.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    batch = lock_batch(tx, asked.batch)
    if _was_voided(tx, asked):
        return batch
    serials = _serials(tx, asked.batch, VoucherState.ISSUED, asked.serials)
    missing = sorted(set(asked.serials).difference(serials))
    if missing or not serials:
        which = f"{missing[0]} of {asked.batch}" if missing else f"none of {asked.batch}"
        raise ConflictError(f"{which} can be voided: it was used, voided, or never was there")
    if batch.funding is Funding.SOLD:
        other = chart.house("breakage", batch.unit)
        if asked.till:
            check_cash(tx, asked.till, batch.unit)
            other = chart.cash(asked.till, batch.unit)
        _end_liability(tx, batch, (asked.id, "voucher_void", asked.reason), other, len(serials))
    _end(tx, batch.id, serials, VoucherState.VOID, (asked.id, asked.reason))
    return lock_batch(tx, asked.batch)


def expire_vouchers(tx: Tx, now_ms: int, limit: int) -> int:
    """End vouchers of batches whose time is over; what was paid for them lapses.

    Args:
        tx: The writer's transaction.
        now_ms: Hub's wall time.
        limit: Vouchers at most; as many more may be due.

    Returns:
        How many were ended; below `limit`: no more are due now.
    """
    done = 0
    query = (
        select(voucher_batches.c.id)
        .where(_is_over(now_ms))
        .order_by(voucher_batches.c.expires_ms, voucher_batches.c.id)
        .limit(limit)
    )
    for batch_id in tx.connection.execute(query).scalars().all():
        batch = lock_batch(tx, batch_id)
        serials = _serials(tx, batch_id, VoucherState.ISSUED, ())[: limit - done]
        if serials:
            id_ = f"voucher-expiry:{batch_id}:{serials[0]}"
            if batch.funding is Funding.SOLD:
                other = chart.house("breakage", batch.unit)
                _end_liability(tx, batch, (id_, "voucher_expired", ""), other, len(serials))
            _end(tx, batch_id, serials, VoucherState.EXPIRED, (id_, ""))
        done += len(serials)
        if done >= limit:
            return done
        tx.connection.execute(
            update(voucher_batches)
            .where(voucher_batches.c.id == batch_id)
            .values(swept_ms=tx.now_ms)
        )
    return done


def has_expired(connection: Connection, now_ms: int) -> bool:
    """Whether `expire_vouchers` has something to do."""
    over = select(voucher_batches.c.id).where(_is_over(now_ms))
    return connection.execute(over.limit(1)).first() is not None


def _is_over(now_ms: int) -> ColumnElement[bool]:
    return voucher_batches.c.swept_ms.is_(None) & (voucher_batches.c.expires_ms <= now_ms)


def _take_cash(tx: Tx, asked: NewBatch) -> None:
    check_cash(tx, asked.till, asked.unit)
    cash, owed = chart.cash(asked.till, asked.unit), chart.clearing(PROVIDER, asked.unit)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=asked.unit,
            kind="voucher_sold",
            legs=(Move(cash, owed, asked.amount_minor * asked.count),),
            ref=asked.id,
            reason=asked.name,
        )
    )


def _end_liability(
    tx: Tx, batch: Batch, about: tuple[str, str, str], other: str, count: int
) -> None:
    """Book that sold vouchers are owed no more: id, kind and reason."""
    id_, kind, reason = about
    leg = Move(chart.clearing(PROVIDER, batch.unit), other, batch.amount_minor * count)
    tx.book.must_post(
        Item(id=id_, unit=batch.unit, kind=kind, legs=(leg,), ref=batch.id, reason=reason)
    )


def _end(
    tx: Tx, batch: str, serials: Sequence[int], state: VoucherState, why: tuple[str, str]
) -> None:
    movement, reason = why
    tx.connection.execute(
        update(vouchers)
        .where(vouchers.c.batch == batch, vouchers.c.serial.in_(serials))
        .values(state=state.value, payment=movement, reason=reason, ended_ms=tx.now_ms)
    )


def _serials(tx: Tx, batch: str, state: VoucherState, named: Sequence[int]) -> list[int]:
    """Serials of a batch's vouchers in a state, of all or of those named; locked."""
    query = (
        select(vouchers.c.serial)
        .where(vouchers.c.batch == batch, vouchers.c.state == state.value)
        .order_by(vouchers.c.serial)
        .with_for_update()
    )
    if named:
        query = query.where(vouchers.c.serial.in_(named))
    return list(tx.connection.execute(query).scalars())


def _was_voided(tx: Tx, asked: Void) -> bool:
    query = select(vouchers.c.batch, vouchers.c.serial, vouchers.c.reason).where(
        vouchers.c.batch == asked.batch,
        vouchers.c.payment == asked.id,
        vouchers.c.state == VoucherState.VOID.value,
    )
    rows = tx.connection.execute(query).all()
    if not rows:
        return False
    same = {row.reason for row in rows} == {asked.reason}
    if not same or (asked.serials and set(asked.serials) != {row.serial for row in rows}):
        raise conflict(asked.id)
    return True


def _check(tx: Tx, asked: NewBatch) -> None:
    check_amount(asked.amount_minor, 1, VOUCHER_MINOR_MAX)
    if not 1 <= asked.count <= VOUCHERS_PER_BATCH_MAX:
        raise InputError(f"a batch has 1 to {VOUCHERS_PER_BATCH_MAX} vouchers")
    if not 1 <= len(asked.name.strip()) <= NAME_LENGTH_MAX or not asked.name.isprintable():
        raise InputError(f"a batch needs a name of 1 to {NAME_LENGTH_MAX} printable characters")
    try:
        find_unit(tx.connection, asked.unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    if asked.funding is Funding.SOLD:
        if not asked.till:
            raise InputError("sold vouchers are paid for at a till: name it")
        if asked.kinds or asked.gift_days is not None:
            raise InputError("what was paid for goes to the wallet: no kinds, no days")
        check_till(asked.till)
    else:
        _check_gift(asked)


def _check_gift(asked: NewBatch) -> None:
    if asked.till:
        raise InputError("nobody pays for promotional vouchers: leave the till out")
    if len(asked.kinds) > KINDS_MAX or not all(is_name(kind) for kind in asked.kinds):
        raise InputError(f"name at most {KINDS_MAX} kinds of machines, such as washer")
    if asked.gift_days is not None and not 1 <= asked.gift_days <= DAYS_MAX:
        raise InputError(f"a gift lasts 1 to {DAYS_MAX} days")


def _asked(batch: Batch) -> NewBatch:
    return NewBatch(
        id=batch.id,
        name=batch.name,
        funding=batch.funding,
        unit=batch.unit,
        amount_minor=batch.amount_minor,
        count=batch.count,
        expires_ms=batch.expires_ms,
        kinds=batch.kinds,
        gift_days=batch.gift_days,
        till=batch.till,
        by=batch.by,
    )

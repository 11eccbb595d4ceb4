"""Rows of vouchers and their batches. A code is never among them, only its hash."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, tuple_

from hub.errors import NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.money_in import voucher_batches, vouchers


class Funding(StrEnum):
    """Who pays for a voucher."""

    SOLD = "sold"  # whoever bought it: it is owed until it is redeemed
    PROMO = "promo"  # the operator, when it is redeemed


class VoucherState(StrEnum):
    """How far a voucher's life is."""

    ISSUED = "issued"
    USED = "used"
    VOID = "void"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of vouchers; see `hub.payments.voucher_batches.NewBatch`.

    Attributes:
        id: Made by who asked for it.
        name: What people read.
        funding: Who pays.
        unit: Unit of the money.
        amount_minor: Of each voucher.
        count: How many there are.
        expires_ms: When the codes end; None: never.
        kinds: Machine kinds that a gift pays; empty: all.
        gift_days: Days until a redeemed gift ends; None: never.
        till: Where sold ones were paid for.
        by: Who made it.
        at_ms: When.
        printed_ms: When the codes were shown; None: never.
    """

    id: str
    name: str
    funding: Funding
    unit: str
    amount_minor: int
    count: int
    expires_ms: int | None
    kinds: tuple[str, ...]
    gift_days: int | None
    till: str
    by: str
    at_ms: int
    printed_ms: int | None

    def is_over(self, now_ms: int) -> bool:
        """Tell whether its codes have ended."""
        return self.expires_ms is not None and self.expires_ms <= now_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """One voucher, without its code.

    Attributes:
        batch: Of which batch.
        serial: Its number in the batch, from 1.
        state: How far its life is.
        account: Who redeemed it; empty: nobody.
        payment: The movement that ended it; empty: none did.
        reason: Why it was voided.
        ended_ms: When it was ended; None: it may be redeemed.
    """

    batch: str
    serial: int
    state: VoucherState
    account: str
    payment: str
    reason: str
    ended_ms: int | None


def get_batch(connection: Connection, batch: str) -> Batch:
    """Read a batch.

    Raises:
        NotFoundError: No such batch.
    """
    found = find_batch(connection, batch)
    if found is None:
        raise NotFoundError(f"there is no batch of vouchers {batch}")
    return found


def find_batch(connection: Connection, batch: str) -> Batch | None:
    """Read a batch, or None."""
    query = select(voucher_batches).where(voucher_batches.c.id == batch)
    row = connection.execute(query).first()
    return None if row is None else _batch(row)


def lock_batch(tx: Tx, batch: str) -> Batch:
    """Read a batch that nobody else prints, voids or ends meanwhile.

    Raises:
        NotFoundError: No such batch.
    """
    mine = select(voucher_batches.c.id).where(voucher_batches.c.id == batch)
    tx.connection.execute(mine.with_for_update())
    return get_batch(tx.connection, batch)


def lock_by_hash(tx: Tx, code_hash: str) -> Voucher | None:
    """The voucher with a code, which nobody else redeems meanwhile; None: there is none."""
    query = select(vouchers).where(vouchers.c.code_hash == code_hash).with_for_update()
    row = tx.connection.execute(query).first()
    return None if row is None else _voucher(row)


def list_batches(
    connection: Connection, *, after: tuple[int, str] | None, limit: int
) -> list[Batch]:
    """Batches, newest first, one more than `limit` if there are more."""
    query = select(voucher_batches).order_by(
        voucher_batches.c.at_ms.desc(), voucher_batches.c.id.desc()
    )
    if after is not None:
        query = query.where(tuple_(voucher_batches.c.at_ms, voucher_batches.c.id) < after)
    return [_batch(row) for row in connection.execute(query.limit(limit + 1))]


def list_vouchers(connection: Connection, batch: str, *, after: int, limit: int) -> list[Voucher]:
    """Vouchers of a batch in the order of serials, one more than `limit` if there are more."""
    query = (
        select(vouchers)
        .where(vouchers.c.batch == batch, vouchers.c.serial > after)
        .order_by(vouchers.c.serial)
        .limit(limit + 1)
    )
    return [_voucher(row) for row in connection.execute(query)]


def count_states(connection: Connection, batch: str) -> dict[VoucherState, int]:
    """How many vouchers of a batch are in each state."""
    query = (
        select(vouchers.c.state, func.count().label("many"))
        .where(vouchers.c.batch == batch)
        .group_by(vouchers.c.state)
    )
    found = {VoucherState(row.state): int(row.many) for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in VoucherState}


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        id=row.id,
        name=row.name,
        funding=Funding(row.funding),
        unit=row.unit,
        amount_minor=row.amount_minor,
        count=row._mapping["count"],  # noqa: SLF001 a tuple has a method of this name
        expires_ms=row.expires_ms,
        kinds=msgspec.json.decode(row.kinds, type=tuple[str, ...]),
        gift_days=row.gift_days,
        till=row.till,
        by=row.by,
        at_ms=row.at_ms,
        printed_ms=row.printed_ms,
    )


def _voucher(row: Row[Any]) -> Voucher:
    return Voucher(
        batch=row.batch,
        serial=row.serial,
        state=VoucherState(row.state),
        account=row.account,
        payment=row.payment,
        reason=row.reason,
        ended_ms=row.ended_ms,
    )

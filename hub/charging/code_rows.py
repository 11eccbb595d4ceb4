"""Rows of offline codes and their batches. The digits are never among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select, tuple_, update

from hub.errors import NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.codes import code_batches, offline_codes
from hub.store.tables.fleet import controllers

PROVIDER = "codes"
"""Sold codes are owed in `clearing/codes` until they are redeemed."""


class CodeFunding(StrEnum):
    """Who pays for a code."""

    SOLD = "sold"  # whoever bought it: it is owed until it is redeemed
    PROMO = "promo"  # the operator, when it is redeemed


class CodeState(StrEnum):
    """How far a code's life is, as far as the hub knows."""

    ISSUED = "issued"
    USED = "used"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBatch:
    """Codes that were issued together; see `hub.payments.offline_codes.NewCodes`.

    Attributes:
        id: Made by who asked for it.
        name: What people read.
        funding: Who pays.
        controller: Where they can be typed.
        key_mark: Of the controller's key that they are bound to.
        unit: Unit of the money.
        amount_minor: Of each code.
        count: How many there are.
        first_counter: Counter of the first; the others follow.
        last_year: Year at whose end they end, UTC; 0: never.
        till: Where sold ones were paid for.
        by: Who issued them.
        at_ms: When.
    """

    id: str
    name: str
    funding: CodeFunding
    controller: str
    key_mark: str
    unit: str
    amount_minor: int
    count: int
    first_counter: int
    last_year: int
    till: str
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """One code, without its digits.

    Attributes:
        counter: Its number at its controller.
        state: How far its life is.
        account: Who redeemed it; empty: nobody.
        movement: The movement that ended it; empty: none did.
        reason: Why it was voided.
        ended_ms: When it was ended; None: it may be redeemed.
    """

    counter: int
    state: CodeState
    account: str
    movement: str
    reason: str
    ended_ms: int | None


@dataclass(slots=True)
class Redeemable:
    """A code as booking meets it.

    Attributes:
        counter: Its number at its controller.
        state: How far its life is; changed as events are planned.
        funding: Who pays.
        unit: Unit of the money.
        amount_minor: What it is worth.
        name: Of its batch.
        account: Who redeemed it just now; empty: nobody did.
        movement: By which movement.
        given: Of a promotional one: the lot was given for it just now.
    """

    counter: int
    state: CodeState
    funding: CodeFunding
    unit: str
    amount_minor: int
    name: str
    account: str = ""
    movement: str = ""
    given: bool = False


_REDEEMABLE = (
    select(
        offline_codes.c.counter,
        offline_codes.c.state,
        code_batches.c.funding,
        code_batches.c.unit,
        code_batches.c.amount_minor,
        code_batches.c.name,
    )
    .join(code_batches, code_batches.c.id == offline_codes.c.batch)
    .where(
        offline_codes.c.controller == bindparam("controller"),
        offline_codes.c.key_mark
        == select(controllers.c.code_mark)
        .where(controllers.c.id == bindparam("controller"))
        .scalar_subquery(),
        offline_codes.c.counter.in_(bindparam("wanted", expanding=True)),
    )
    .order_by(offline_codes.c.counter)
    .with_for_update(of=offline_codes)
)


def load_redeemable(tx: Tx, controller: str, counters: Iterable[int]) -> dict[int, Redeemable]:
    """Codes of a controller's current key, by counter; those that aren't known are left out.

    On PostgreSQL nobody voids them to the end of the transaction.
    """
    asked = {"controller": controller, "wanted": sorted(set(counters))}
    return {
        row.counter: Redeemable(
            row.counter,
            CodeState(row.state),
            CodeFunding(row.funding),
            row.unit,
            row.amount_minor,
            row.name,
        )
        for row in tx.connection.execute(_REDEEMABLE, asked)
    }


def save_redeemed(tx: Tx, controller: str, codes: Iterable[Redeemable]) -> None:
    """Write that codes of a controller's current key were redeemed."""
    mark = code_mark_of(tx.connection, controller)
    for code in codes:
        tx.connection.execute(
            update(offline_codes)
            .where(
                offline_codes.c.controller == controller,
                offline_codes.c.key_mark == mark,
                offline_codes.c.counter == code.counter,
            )
            .values(
                state=CodeState.USED.value,
                account=code.account,
                movement=code.movement,
                ended_ms=tx.now_ms,
            )
        )


def code_mark_of(connection: Connection, controller: str) -> str:
    """Mark of a controller's key for codes; empty: it has none.

    Raises:
        NotFoundError: No such controller.
    """
    query = select(controllers.c.code_mark).where(controllers.c.id == controller)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFoundError(f"there is no controller {controller}")
    return str(found)


def find_batch(connection: Connection, batch: str) -> CodeBatch | None:
    """Read a batch, or None."""
    row = connection.execute(select(code_batches).where(code_batches.c.id == batch)).first()
    return None if row is None else _batch(row)


def get_batch(connection: Connection, batch: str) -> CodeBatch:
    """Read a batch.

    Raises:
        NotFoundError: No such batch.
    """
    found = find_batch(connection, batch)
    if found is None:
        raise NotFoundError(f"there is no batch of codes {batch}")
    return found


def list_batches(
    connection: Connection, controller: str, *, after: tuple[int, str] | None, limit: int
) -> list[CodeBatch]:
    """Batches, newest first, one more than `limit` if there are more; "": of any controller."""
    query = select(code_batches).order_by(code_batches.c.at_ms.desc(), code_batches.c.id.desc())
    if controller:
        query = query.where(code_batches.c.controller == controller)
    if after is not None:
        query = query.where(tuple_(code_batches.c.at_ms, code_batches.c.id) < after)
    return [_batch(row) for row in connection.execute(query.limit(limit + 1))]


def list_codes(connection: Connection, batch: str, *, after: int, limit: int) -> list[IssuedCode]:
    """Codes of a batch in the order of counters, one more than `limit` if there are more."""
    query = (
        select(offline_codes)
        .where(and_(offline_codes.c.batch == batch, offline_codes.c.counter > after))
        .order_by(offline_codes.c.counter)
        .limit(limit + 1)
    )
    return [_code(row) for row in connection.execute(query)]


def count_states(connection: Connection, batch: str) -> dict[CodeState, int]:
    """How many codes of a batch are in each state."""
    query = (
        select(offline_codes.c.state, func.count().label("many"))
        .where(offline_codes.c.batch == batch)
        .group_by(offline_codes.c.state)
    )
    found = {CodeState(row.state): int(row.many) for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in CodeState}


def _batch(row: Row[Any]) -> CodeBatch:
    return CodeBatch(
        id=row.id,
        name=row.name,
        funding=CodeFunding(row.funding),
        controller=row.controller,
        key_mark=row.key_mark,
        unit=row.unit,
        amount_minor=row.amount_minor,
        count=row._mapping["count"],  # noqa: SLF001 a tuple has a method of this name
        first_counter=row.first_counter,
        last_year=row.last_year,
        till=row.till,
        by=row.by,
        at_ms=row.at_ms,
    )


def _code(row: Row[Any]) -> IssuedCode:
    return IssuedCode(
        counter=row.counter,
        state=CodeState(row.state),
        account=row.account,
        movement=row.movement,
        reason=row.reason,
        ended_ms=row.ended_ms,
    )

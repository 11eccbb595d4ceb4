"""Rows of usages: what is held, what was captured, and every step as it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update

from hub.charging.usage_state import Part, StepKind, UsageState
from hub.errors import NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.usage import usage_holds, usage_steps, usages

OLD_MS = 7 * 86_400_000
"""A hold open for longer is shown to a person; nothing but a person or its caller ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A usage as far as it is.

    Attributes:
        id: Made by the caller.
        account: Who pays.
        member: Whose limits hold; None: nobody's.
        card_ref: Reference of the card that was tapped; empty: none was.
        service: What is used.
        kind: What that is.
        unit: Unit of the money.
        tariff: Tariff, frozen when it began.
        tariff_version: Its version.
        state: How far it is.
        held_minor: What is held for it now.
        captured_minor: What was paid for it, with tax.
        tax_minor: Tax within.
        beyond_minor: Part of the captured that no hold covered.
        refunded_minor: What was given back of it.
        time_ms: Time used, as captured last.
        quantity: Base units used, as captured last.
        reason: Why its hold was released.
        by: Id of the API key that began it.
        started_ms: When it began.
        ended_ms: When it ended; None: it is open.
    """

    id: str
    account: str
    member: str | None
    card_ref: str
    service: str
    kind: str
    unit: str
    tariff: str
    tariff_version: int
    state: UsageState
    held_minor: int = 0
    captured_minor: int = 0
    tax_minor: int = 0
    beyond_minor: int = 0
    refunded_minor: int = 0
    time_ms: int = 0
    quantity: int = 0
    reason: str = ""
    by: str
    started_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a usage, and how things stood after it. It never changes.

    Attributes:
        id: Made by the caller.
        usage: Of which usage.
        kind: What it did.
        amount_minor: How much it held, captured or released.
        tax_minor: Tax within what it captured.
        beyond_minor: Part of that which no hold covered.
        state: The usage after it.
        held_minor: Held after it.
        captured_minor: Captured in all after it.
        reason: Words of who released.
        by: Id of the API key.
        at_ms: When.
    """

    id: str
    usage: str
    kind: StepKind
    amount_minor: int
    tax_minor: int = 0
    beyond_minor: int = 0
    state: UsageState
    held_minor: int
    captured_minor: int
    reason: str = ""
    by: str
    at_ms: int


def find_step(connection: Connection, step_id: str) -> tuple[Step, str] | None:
    """A step and the digest of what was asked, or None."""
    row = connection.execute(select(usage_steps).where(usage_steps.c.id == step_id)).first()
    return None if row is None else (_step(row), row.digest)


def steps_of(connection: Connection, usage_id: str, limit: int) -> list[Step]:
    """Steps of a usage, oldest first."""
    query = select(usage_steps).where(usage_steps.c.usage == usage_id)
    query = query.order_by(usage_steps.c.place).limit(limit)
    return [_step(row) for row in connection.execute(query)]


def get_usage(connection: Connection, usage_id: str, *, lock: bool = False) -> UsageRow:
    """Read a usage.

    Args:
        connection: To read from.
        usage_id: Which.
        lock: Keep others from changing it until the transaction ends.

    Raises:
        NotFoundError: No such usage.
    """
    query = select(usages).where(usages.c.id == usage_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFoundError(f"there is no usage {usage_id}")
    return usage_of(row)


def list_usages(
    connection: Connection,
    *,
    match: Mapping[str, str],
    open_only: bool,
    after: tuple[int, str] | None,
    limit: int,
) -> list[UsageRow]:
    """Usages, newest first; open ones alone: oldest first, since those need a person.

    Args:
        connection: A connection for reading.
        match: Columns and their wanted values.
        open_only: Leave out what has ended.
        after: `started_ms` and id of the row that the page follows.
        limit: Page size; one more is read.
    """
    key = tuple_(usages.c.started_ms, usages.c.id)
    query = select(usages)
    for column, value in match.items():
        query = query.where(usages.c[column] == value)
    if open_only:
        query = query.where(usages.c.ended_ms.is_(None))
        query = query.order_by(usages.c.started_ms, usages.c.id)
        query = query if after is None else query.where(key > after)
    else:
        query = query.order_by(usages.c.started_ms.desc(), usages.c.id.desc())
        query = query if after is None else query.where(key < after)
    return [usage_of(row) for row in connection.execute(query.limit(limit + 1))]


def parts_of(connection: Connection, usage_id: str) -> tuple[Part, ...]:
    """What a usage's hold keeps, by bucket, in the order it was held."""
    query = select(usage_holds).where(usage_holds.c.usage == usage_id).order_by(usage_holds.c.place)
    return tuple(Part(row.source, row.code, row.minor) for row in connection.execute(query))


def add_usage(tx: Tx, usage: UsageRow) -> None:
    """Write a new usage."""
    tx.connection.execute(insert(usages).values(**_columns(usage)))


def save_usage(tx: Tx, usage: UsageRow, parts: tuple[Part, ...]) -> None:
    """Write a usage and what its hold keeps; a hold that ended keeps nothing."""
    tx.connection.execute(update(usages).where(usages.c.id == usage.id).values(**_columns(usage)))
    tx.connection.execute(delete(usage_holds).where(usage_holds.c.usage == usage.id))
    keep_parts(tx, usage, parts)


def keep_parts(tx: Tx, usage: UsageRow, parts: tuple[Part, ...]) -> None:
    """Write what a new hold keeps."""
    rows = [
        {
            "usage": usage.id,
            "place": place,
            "account": usage.account,
            "source": part.source,
            "code": part.code,
            "minor": part.minor,
        }
        for place, part in enumerate(parts)
    ]
    if rows and usage.ended_ms is None:
        tx.connection.execute(insert(usage_holds), rows)


def add_step(tx: Tx, step: Step, digest: str) -> Step:
    """Write a step that was taken in this transaction, which locked the usage."""
    mine = usage_steps.c.usage == step.usage
    before = tx.connection.execute(select(func.max(usage_steps.c.place)).where(mine)).scalar()
    tx.connection.execute(
        insert(usage_steps).values(
            id=step.id,
            usage=step.usage,
            place=(before or 0) + 1,
            kind=step.kind.value,
            digest=digest,
            amount_minor=step.amount_minor,
            tax_minor=step.tax_minor,
            beyond_minor=step.beyond_minor,
            state=step.state.value,
            held_minor=step.held_minor,
            captured_minor=step.captured_minor,
            reason=step.reason,
            by=step.by,
            at_ms=step.at_ms,
        )
    )
    return step


def usage_of(row: Row[Any]) -> UsageRow:
    """A usage of a row of `usages`."""
    names = UsageRow.__dataclass_fields__
    values = {name: row._mapping[name] for name in names}  # noqa: SLF001 a public name of SQLAlchemy
    return UsageRow(**values | {"state": UsageState(row.state)})


def _columns(usage: UsageRow) -> dict[str, Any]:
    values = {name: getattr(usage, name) for name in UsageRow.__dataclass_fields__}
    return values | {"state": usage.state.value}


def _step(row: Row[Any]) -> Step:
    values = {name: row._mapping[name] for name in Step.__dataclass_fields__}  # noqa: SLF001 as above
    return Step(**values | {"kind": StepKind(row.kind), "state": UsageState(row.state)})

"""Closed periods as they are kept: what an invoice is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select

from hub.ledger.writer import Tx
from hub.store.tables.billing import periods


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A closed period of an account, money in minor units.

    Attributes:
        account: Whose.
        unit: Unit of its money.
        starts_ms: When it began.
        ends_ms: When it ended, and the next began.
        timezone: By whose days.
        opening_minor: Wallet and what was held of it, at the beginning.
        closing_minor: The same at the end: opening and all sums.
        sums: Signed sums by kind of item.
        due_minor: What became receivable.
        paid_minor: How much of that is paid.
        paid_ms: When all was paid; None: something is open.
        item: Item of the book that made the receivable; empty: nothing was due.
        last_transfer: Last movement that belongs to it; later ones belong to the next.
        request: Id of who closed it before its time; empty: the calendar.
        by: Who closed it: `calendar`, or the id of an API key.
        closed_ms: When it was closed.
    """

    account: str
    unit: str
    starts_ms: int
    ends_ms: int
    timezone: str
    opening_minor: int
    closing_minor: int
    sums: dict[str, int]
    due_minor: int
    paid_minor: int
    paid_ms: int | None
    item: str
    last_transfer: int
    request: str
    by: str
    closed_ms: int

    @property
    def open_minor(self) -> int:
        """What is still to pay."""
        return self.due_minor - self.paid_minor


def keep_period(tx: Tx, period: Period) -> None:
    """Store a period that was closed in this transaction."""
    values = {column.name: getattr(period, column.name) for column in periods.columns}
    values["sums"] = msgspec.json.encode(period.sums, order="sorted").decode()
    tx.connection.execute(insert(periods).values(**values))


def list_periods(
    connection: Connection, account: str, *, before_ms: int | None, limit: int
) -> list[Period]:
    """Closed periods of an account, newest first, one more than `limit` if there are more."""
    query = select(periods).where(periods.c.account == account).order_by(periods.c.ends_ms.desc())
    if before_ms is not None:
        query = query.where(periods.c.ends_ms < before_ms)
    return [period_of(row) for row in connection.execute(query.limit(limit + 1))]


def last_period(connection: Connection, account: str) -> Period | None:
    """The period that was closed last, or None."""
    found = list_periods(connection, account, before_ms=None, limit=1)
    return found[0] if found else None


def period_by_request(connection: Connection, request: str) -> Period | None:
    """The period that was closed by a request, or None."""
    row = connection.execute(select(periods).where(periods.c.request == request)).first()
    return None if row is None else period_of(row)


def period_of(row: Row[Any]) -> Period:
    """A row as a period."""
    values = dict(row._mapping)  # noqa: SLF001 a public name of SQLAlchemy
    values["sums"] = msgspec.json.decode(values["sums"], type=dict[str, int])
    return Period(**values)

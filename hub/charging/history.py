"""Sessions as they were booked: for looking, for refunds, for figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_

from hub.errors import NotFoundError
from hub.store.tables.charging import sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as far as it is booked.

    Attributes:
        id: Made by its controller.
        controller: Where.
        machine: Which machine.
        account: Who pays.
        card_ref: Reference of the card that was tapped.
        tariff: Tariff, frozen at the start.
        tariff_version: Its version.
        unit: Unit of the money.
        state: `running`, `ended` or `refunded`.
        reason: Why it ended; empty: it runs.
        started_ms: When it began, by the controller's clock.
        ended_ms: When it ended; None: it runs.
        time_ms: Time used.
        quantity: Base units used.
        charge_minor: What it cost.
        tax_minor: Tax within.
        backed_minor: Part paid from backed rights.
        unbacked_minor: Part beyond them.
        overrun_minor: Part beyond the wallet too.
        rerated_minor: The hub's own price, where it differs; None: it doesn't.
        refunded_minor: What was given back.
        started_online: Whether the hub was reachable at the start.
        booked_ms: When the hub booked it last.
        member: Whose card it was, of an organisation's members; None: nobody's of them.
        kind: Kind of the machine when it began.
    """

    id: str
    controller: str
    machine: str
    account: str
    card_ref: str
    tariff: str
    tariff_version: int
    unit: str
    state: str
    reason: str
    started_ms: int
    ended_ms: int | None
    time_ms: int
    quantity: int
    charge_minor: int
    tax_minor: int
    backed_minor: int
    unbacked_minor: int
    overrun_minor: int
    rerated_minor: int | None
    refunded_minor: int
    started_online: bool
    booked_ms: int
    member: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Takings:
    """What sessions brought in a stretch of time.

    Attributes:
        count: Sessions that began in it.
        charge_minor: Their charges.
        refunded_minor: What was given back of them.
    """

    count: int
    charge_minor: int
    refunded_minor: int


def get_session(connection: Connection, session: str) -> Session:
    """Read a session.

    Raises:
        NotFoundError: None of that id was reported.
    """
    row = connection.execute(select(sessions).where(sessions.c.id == session)).first()
    if row is None:
        raise NotFoundError(f"there is no session {session}: its controller may not have synced")
    return _session(row)


def list_sessions(
    connection: Connection,
    *,
    match: dict[str, str] | None = None,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Session]:
    """Sessions, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        match: `account`, `machine` or `state` to its value.
        after: `started_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(sessions).order_by(sessions.c.started_ms.desc(), sessions.c.id.desc())
    for name, value in (match or {}).items():
        query = query.where(sessions.c[name] == value)
    if after is not None:
        query = query.where(tuple_(sessions.c.started_ms, sessions.c.id) < after)
    return [_session(row) for row in connection.execute(query.limit(limit + 1))]


def takings(connection: Connection, unit: str, from_ms: int, to_ms: int) -> Takings:
    """What sessions that began in [from_ms, to_ms) cost, in one unit."""
    within = (sessions.c.started_ms >= from_ms) & (sessions.c.started_ms < to_ms)
    sums = (
        func.count(),
        func.coalesce(func.sum(sessions.c.charge_minor), 0),
        func.coalesce(func.sum(sessions.c.refunded_minor), 0),
    )
    row = connection.execute(select(*sums).where(within & (sessions.c.unit == unit))).one()
    return Takings(int(row[0]), int(row[1]), int(row[2]))


def running_count(connection: Connection) -> int:
    """How many sessions run, as far as is booked."""
    query = select(func.count()).select_from(sessions).where(sessions.c.state == "running")
    return int(connection.execute(query).scalar_one())


def _session(row: Row[Any]) -> Session:
    values = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    values["started_online"] = bool(values["started_online"])
    return Session(**values)

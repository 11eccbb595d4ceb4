"""Alarms: what a person should look at. One open alarm per matter; again counts.

A matter is (code, controller, subject). It is cleared by what raised it, when that
is over, or by a person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, Row, and_, select, text, update

from hub.errors import NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.fleet import alarms
from wire.ids import RANDOM_BYTES, format_id

DETAIL_LENGTH_MAX = 500
SUBJECT_LENGTH_MAX = 128
OPEN_MAX = 10_000
"""Open alarms; more says nothing more, and a broken controller must not fill the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What an alarm is about.

    Attributes:
        code: What happened, a `wire.errors.Code` or its number.
        controller: Where; empty: the hub itself.
        machine: Which machine; empty: none.
        subject: What of it: a machine, an account, a kind of event; key to clear it.
        detail: Words for people.
    """

    code: int
    controller: str = ""
    machine: str = ""
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm as people see it; `count` says how often, `cleared_ms` None: open."""

    id: str
    code: int
    controller: str
    machine: str
    subject: str
    detail: str
    raised_ms: int
    last_ms: int
    count: int
    cleared_ms: int | None


_AGAIN = text(
    "UPDATE alarms SET count = count + 1, last_ms = :now_ms, detail = :detail"
    " WHERE code = :code AND controller = :controller AND subject = :subject"
    " AND cleared_ms IS NULL"
)
# The same matter raised, cleared and raised within one millisecond has one id.
_FIRST = text(
    "INSERT INTO alarms (id, code, controller, machine, subject, detail, raised_ms, last_ms)"
    " SELECT :id, :code, :controller, :machine, :subject, :detail, :now_ms, :now_ms"
    " WHERE (SELECT count(*) FROM alarms WHERE cleared_ms IS NULL) < :open_max"
    " ON CONFLICT (id) DO UPDATE SET cleared_ms = NULL, count = alarms.count + 1"
)
_CLEAR = text(
    "UPDATE alarms SET cleared_ms = :now_ms WHERE code = :code AND controller = :controller"
    " AND subject = :subject AND cleared_ms IS NULL"
)


def raise_alarm(tx: Tx, matter: Matter) -> None:
    """Raise an alarm, or count it once more when it is open already."""
    subject = matter.subject[:SUBJECT_LENGTH_MAX]
    values = {
        "code": int(matter.code),
        "controller": matter.controller,
        "subject": subject,
        "detail": matter.detail[:DETAIL_LENGTH_MAX],
        "now_ms": tx.now_ms,
    }
    if tx.connection.execute(_AGAIN, values).rowcount == 0:
        name = f"{int(matter.code)} {matter.controller} {subject}"
        digest = hashlib.blake2b(name.encode(), digest_size=RANDOM_BYTES).digest()
        more = {
            "id": format_id("alm", tx.now_ms, digest),
            "machine": matter.machine,
            "open_max": OPEN_MAX,
        }
        tx.connection.execute(_FIRST, values | more)
    tx.touch("alarm", matter.controller)


def clear_alarm(tx: Tx, code: int, controller: str, subject: str = "") -> bool:
    """Clear a matter because it is over; True: it was open."""
    values = {
        "code": int(code),
        "controller": controller,
        "subject": subject[:SUBJECT_LENGTH_MAX],
        "now_ms": tx.now_ms,
    }
    if tx.connection.execute(_CLEAR, values).rowcount == 0:
        return False
    tx.touch("alarm", controller)
    return True


def dismiss_alarm(tx: Tx, alarm_id: str) -> Alarm:
    """Clear an alarm because a person saw to it. Cleared before: as it was.

    Raises:
        NotFoundError: No such alarm.
    """
    row = tx.connection.execute(select(alarms).where(alarms.c.id == alarm_id)).first()
    if row is None:
        raise NotFoundError(f"there is no alarm {alarm_id}")
    if row.cleared_ms is None:
        tx.connection.execute(
            update(alarms).where(alarms.c.id == alarm_id).values(cleared_ms=tx.now_ms)
        )
        tx.touch("alarm", row.controller)
    return _alarm(tx.connection.execute(select(alarms).where(alarms.c.id == alarm_id)).one())


def list_alarms(
    connection: Connection, *, open_only: bool, after: tuple[int, str] | None, limit: int
) -> list[Alarm]:
    """Alarms, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        open_only: Leave out what is cleared.
        after: `raised_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(alarms).order_by(alarms.c.raised_ms.desc(), alarms.c.id.desc())
    if open_only:
        query = query.where(alarms.c.cleared_ms.is_(None))
    if after is not None:
        earlier = and_(alarms.c.raised_ms == after[0], alarms.c.id < after[1])
        query = query.where((alarms.c.raised_ms < after[0]) | earlier)
    return [_alarm(row) for row in connection.execute(query.limit(limit + 1))]


def _alarm(row: Row[tuple[object, ...]]) -> Alarm:
    return Alarm(**row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping

"""Looks after usages: old holds are shown to a person, and rows are held against the book."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, and_, select, text, update

from hub.charging.usage_rows import OLD_MS
from hub.fleet.alarms import Matter, raise_alarm
from hub.ledger.writer import Tx
from hub.store.tables.usage import usages
from wire.errors import Code

FAULTS_PER_CHECK_MAX = 20
DAY_MS = 86_400_000


def remind_of_holds(tx: Tx, now_ms: int, limit: int) -> int:
    """Tell people of holds that are open for long.

    The holds stay: only who opened one, or a person, can know whether it is needed.

    Args:
        tx: The writer's transaction.
        now_ms: Wall time.
        limit: Holds at a time.

    Returns:
        How many were told of; as many as `limit`: there may be more.
    """
    old = (
        select(usages)
        .where(_is_old(now_ms))
        .order_by(usages.c.started_ms)
        .limit(limit)
        .with_for_update()
    )
    found = tx.connection.execute(old).all()
    for row in found:
        words = (
            f"{row.id} at {row.service} holds {row.held_minor} {row.unit} minor units of "
            f"{row.account} for {(now_ms - row.started_ms) // DAY_MS} days: ask who opened it, "
            "and capture or release it"
        )
        raise_alarm(tx, Matter(code=Code.HOLD_OLD, subject=row.id, detail=words))
        tx.connection.execute(
            update(usages).where(usages.c.id == row.id).values(reminded_ms=now_ms)
        )
    return len(found)


def has_old_holds(connection: Connection, now_ms: int) -> bool:
    """Whether `remind_of_holds` has something to do."""
    return (
        connection.execute(select(usages.c.id).where(_is_old(now_ms)).limit(1)).first() is not None
    )


def _is_old(now_ms: int) -> ColumnElement[bool]:
    return and_(
        usages.c.ended_ms.is_(None),
        usages.c.reminded_ms.is_(None),
        usages.c.started_ms <= now_ms - OLD_MS,
    )


_PARTS = text("""
    SELECT u.id, u.held_minor, coalesce(sum(h.minor), 0) AS kept
    FROM usages AS u LEFT JOIN usage_holds AS h ON h.usage = u.id
    GROUP BY u.id, u.held_minor
    HAVING u.held_minor <> coalesce(sum(h.minor), 0) LIMIT :most
""")
_PAID = text("""
    SELECT u.id, u.captured_minor, coalesce(sum(t.amount), 0) AS booked
    FROM usages AS u
    LEFT JOIN items AS i ON i.ref = u.id AND i.kind = 'purchase'
    LEFT JOIN transfers AS t ON t.item = i.id
    GROUP BY u.id, u.captured_minor
    HAVING u.captured_minor <> coalesce(sum(t.amount), 0) LIMIT :most
""")
_ITEMS = text("""
    SELECT i.id FROM items AS i WHERE i.kind = 'purchase'
        AND NOT EXISTS (SELECT 1 FROM usages AS u WHERE u.id = i.ref) LIMIT :most
""")


def audit_usage(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    That escrow is what controllers and holds keep is `audit_charging`'s to check.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    for row in connection.execute(_PARTS, most):
        yield f"usage {row.id} holds {row.held_minor}, its parts keep {row.kept}"
    for row in connection.execute(_PAID, most):
        yield f"usage {row.id} captured {row.captured_minor}, {row.booked} is booked"
    for row in connection.execute(_ITEMS, most):
        yield f"item {row.id} pays for a usage that isn't known"

"""What follows from a refund beside the book: the session, the usage, a member's limits."""

from __future__ import annotations

from sqlalchemy import and_, case, select, update

from hub.ledger.writer import Tx
from hub.payments.given_back import Charged
from hub.people import spending
from hub.people.spending import Spend
from hub.store.tables.charging import sessions
from hub.store.tables.usage import usages

SESSION_ITEM = "session"
"""Kind of the item by which ingest books a session's charge; its `ref` is the session."""
USAGE_ITEM = "purchase"
"""Kind of the item by which a usage's capture is booked; its `ref` is the usage."""


def note(tx: Tx, charged: Charged, amount_minor: int) -> None:
    """Note a refund where its charge is kept, in the transaction that books it."""
    if charged.kind == SESSION_ITEM:
        _note_session(tx, charged.ref, amount_minor)
    elif charged.kind == USAGE_ITEM:
        _note_usage(tx, charged.ref, amount_minor)


def _note_session(tx: Tx, session: str, amount_minor: int) -> None:
    total = sessions.c.refunded_minor + amount_minor
    whole = total == sessions.c.charge_minor
    mine = and_(sessions.c.id == session, sessions.c.state != "running")
    tx.connection.execute(
        update(sessions)
        .where(mine)
        .values(refunded_minor=total, state=case((whole, "refunded"), else_=sessions.c.state))
    )
    row = tx.connection.execute(select(sessions).where(sessions.c.id == session)).one()
    if row.member is not None:
        spent = Spend(
            member=row.member,
            started_ms=row.started_ms,
            booked_ms=row.booked_ms,
            kind=row.kind,
            spent_minor=-amount_minor,
        )
        spending.note(tx, (spent,))
    tx.touch("session", session)


def _note_usage(tx: Tx, usage: str, amount_minor: int) -> None:
    tx.connection.execute(
        update(usages)
        .where(usages.c.id == usage)
        .values(refunded_minor=usages.c.refunded_minor + amount_minor)
    )
    row = tx.connection.execute(select(usages).where(usages.c.id == usage)).first()
    if row is not None and row.member is not None:
        spent = Spend(
            member=row.member,
            started_ms=row.started_ms,
            booked_ms=row.started_ms,
            kind=row.kind,
            spent_minor=-amount_minor,
        )
        spending.note(tx, (spent,))

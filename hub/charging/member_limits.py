"""How far a member's limits reach at a machine: what was granted counts until it is booked."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, or_, select

from hub.ledger.writer import Tx
from hub.people.limits import Used
from hub.people.members import Member, MemberState, find_members
from hub.people.periods import day_at, number_of
from hub.people.spending import left_for
from hub.store.tables.charging import sessions, wants
from wire.errors import Code

UNHEARD_MS = 120_000
"""A grant whose session isn't heard of by then led to none: a tap that wasn't waited for.
Only the member's limit forgets it; the money stays held until its holder gives it back."""

_GRANTED = (
    select(wants.c.kind, wants.c.granted_minor, wants.c.answered_ms, sessions.c.started_ms)
    .select_from(wants.outerjoin(sessions, sessions.c.id == wants.c.session))
    .where(
        wants.c.member == bindparam("member"),
        wants.c.granted_minor > 0,
        or_(
            sessions.c.state == "running",
            and_(sessions.c.id.is_(None), wants.c.answered_ms > bindparam("heard_since_ms")),
        ),
    )
)


def check_member(tx: Tx, member_id: str, kind: str) -> tuple[int | None, int]:
    """What a member may still spend at a machine kind now.

    On PostgreSQL the member stays locked to the end of the transaction, so that two
    requests at once don't both get what is left.

    Args:
        tx: The writer's transaction.
        member_id: Who.
        kind: Of the machine or service.

    Returns:
        Minor units left, None: no limit; and why nothing may be spent, 0: nothing forbids it.
    """
    member = find_members(tx.connection, (member_id,), lock=True).get(member_id)
    if member is None or member.state is not MemberState.ACTIVE:
        return 0, int(Code.CARD_BLOCKED)
    if not member.limits:
        return None, 0
    left = left_for(tx, member, kind, granted_to(tx.connection, member, tx.now_ms))
    return left, int(Code.SPENDING_LIMIT) if left == 0 else 0


def granted_to(connection: Connection, member: Member, now_ms: int) -> list[Used]:
    """What was granted to sessions of a member that haven't ended, by day and kind."""
    asked = {"member": member.id, "heard_since_ms": now_ms - UNHEARD_MS}
    return [
        Used(_day(row.started_ms or row.answered_ms, member), row.kind, row.granted_minor)
        for row in connection.execute(_GRANTED, asked)
    ]


def _day(wall_ms: int, member: Member) -> int:
    return number_of(day_at(wall_ms, member.timezone))

"""Members: the people of an organisation that share its account, each with limits.

The account's money is the organisation's. A member has cards of its own, and limits on
what those may spend; what was spent is kept in sums of days (`hub.people.spending`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, tuple_

from hub.errors import NotFoundError
from hub.people.limits import Limit, Standing, Used, first_day_needed, standings
from hub.store.tables.members import member_spend, members

LIMITS_DECODED_MAX = 4_096


class MemberState(StrEnum):
    """Whether a member's cards may start anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an organisation.

    Attributes:
        id: `mem_…`.
        account: The organisation's account.
        name: What staff call it.
        state: Whether its cards may start anything.
        timezone: By which its days, weeks and months are read, for ever.
        limits: What it may spend; none: whatever the account can.
        listed_minor: What is left to spend, as its cards were last listed; None: no limit.
        least_minor: The same over limits for single kinds, too.
        turns_ms: When its next period begins; None: it has no limit.
        created_ms: When it was added.
    """

    id: str
    account: str
    name: str
    state: MemberState
    timezone: str
    limits: tuple[Limit, ...]
    listed_minor: int | None
    least_minor: int | None
    turns_ms: int | None
    created_ms: int


def get_member(connection: Connection, member_id: str) -> Member:
    """Read a member.

    Raises:
        NotFoundError: No such member.
    """
    found = find_members(connection, (member_id,))
    if not found:
        raise NotFoundError(f"there is no member {member_id}")
    return found[member_id]


def find_members(
    connection: Connection, ids: Iterable[str], *, lock: bool = False
) -> dict[str, Member]:
    """Members by id; unknown ones are left out.

    Args:
        connection: To read from.
        ids: At most a statement's worth.
        lock: Keep others from changing them until the transaction ends.
    """
    query = select(members).where(members.c.id.in_(sorted(set(ids)))).order_by(members.c.id)
    rows = connection.execute(query.with_for_update() if lock else query)
    return {row.id: member_of(row) for row in rows}


def list_members(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Member]:
    """An account's members, oldest first, one more than `limit` if there are more."""
    key = (members.c.created_ms, members.c.id)
    query = select(members).where(members.c.account == account).order_by(*key)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [member_of(row) for row in connection.execute(query.limit(limit + 1))]


def standings_of(
    connection: Connection,
    of: Iterable[Member],
    now_ms: int,
    more: Mapping[str, tuple[Used, ...]] | None = None,
) -> dict[str, tuple[Standing, ...]]:
    """How members' limits stand: one statement, over the days of a month at most.

    Args:
        connection: To read from.
        of: The members, at most a statement's worth.
        now_ms: Wall time.
        more: What counts too, by member: granted to sessions that aren't booked yet.
    """
    limited = [member for member in of if member.limits]
    used: dict[str, list[Used]] = {member.id: [] for member in limited}
    for member_id, extra in (more or {}).items():
        used.get(member_id, []).extend(extra)
    if limited:
        first = min(first_day_needed(now_ms, member.timezone) for member in limited)
        for row in connection.execute(_days(used, first)):
            used[row.member].append(Used(row.day, row.kind, row.spent_minor + row.held_minor))
    return {
        member.id: standings(member.limits, used[member.id], now_ms, member.timezone)
        for member in limited
    }


def member_of(row: Row[Any]) -> Member:
    """A row of `members`."""
    return Member(
        id=row.id,
        account=row.account,
        name=row.name,
        state=MemberState(row.state),
        timezone=row.timezone,
        limits=_limits(row.limits),
        listed_minor=row.listed_minor,
        least_minor=row.least_minor,
        turns_ms=row.turns_ms,
        created_ms=row.created_ms,
    )


def _days(of: Iterable[str], first: int) -> Any:
    return select(member_spend).where(
        member_spend.c.member.in_(sorted(of)), member_spend.c.day >= first
    )


@lru_cache(maxsize=LIMITS_DECODED_MAX)
def _limits(stored: str) -> tuple[Limit, ...]:
    return msgspec.json.decode(stored, type=tuple[Limit, ...])

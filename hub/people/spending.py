"""What members spend: running sums of each local day and machine kind.

The sums change in the transaction that books the money, so they can be recomputed from
sessions and usages at any moment (`audit_spending`). A late fact counts in the day of
its start. A fact beyond a limit is booked, and a person is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, text, tuple_, update

from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.people.limits import Standing, Used, left_minor
from hub.people.members import Member, find_members, member_of, standings_of
from hub.people.periods import day_at, number_of
from hub.store.tables.members import member_spend, members
from wire.errors import Code

EARLIEST_MS = 1_577_836_800_000
"""2020-01-01: a start before it is a wrong clock, and counts when it was booked."""
AHEAD_MS_MAX = 5 * 60_000
"""A right clock isn't further ahead of the hub's."""
FAULTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A change of what a member spent.

    Attributes:
        member: Who.
        started_ms: When the use began that it is for, wall time.
        booked_ms: When that use was booked: counts where `started_ms` can't be true.
        kind: Machine kind.
        spent_minor: More charged; below 0: given back.
        held_minor: More held; below 0: no longer.
    """

    member: str
    started_ms: int
    booked_ms: int
    kind: str
    spent_minor: int = 0
    held_minor: int = 0


_ADD = text(
    "INSERT INTO member_spend (member, day, kind, spent_minor, held_minor)"
    " VALUES (:member, :day, :kind, :spent, :held)"
    " ON CONFLICT (member, day, kind) DO UPDATE SET"
    " spent_minor = member_spend.spent_minor + excluded.spent_minor,"
    " held_minor = member_spend.held_minor + excluded.held_minor"
)
_CHANGE = text(
    "UPDATE member_spend SET spent_minor = spent_minor + :spent, held_minor = held_minor + :held"
    " WHERE member = :member AND day = :day AND kind = :kind"
)


def note(tx: Tx, spends: Sequence[Spend]) -> None:
    """Add to the sums what was charged, held or given back; the card list follows.

    A handful of statements however many there are; none without any.
    """
    if not spends:
        return
    found = find_members(tx.connection, {one.member for one in spends}, lock=True)
    sums: dict[tuple[str, int, str], list[int]] = {}
    for one in spends:
        member = found.get(one.member)
        if member is None:
            continue
        total = sums.setdefault((one.member, day_number(one, member), one.kind), [0, 0])
        total[0] += one.spent_minor
        total[1] += one.held_minor
    more: list[dict[str, Any]] = []
    less: list[dict[str, Any]] = []
    for (member_id, day, kind), (spent, held) in sorted(sums.items()):
        row = {"member": member_id, "day": day, "kind": kind, "spent": spent, "held": held}
        # What becomes less has a row; an insert of it would break the CHECK at once.
        (less if min(spent, held) < 0 else more).append(row)
    if more:
        tx.connection.execute(_ADD, more)
    if less:
        tx.connection.execute(_CHANGE, less)
    follow(tx, found.values())


def follow(tx: Tx, of: Iterable[Member], *, turned: bool = False) -> None:
    """Bring what is listed of members' limits up to date, and tell of limits passed.

    Args:
        tx: The writer's transaction.
        of: Members; those without limits cost nothing.
        turned: A period began or a limit changed: what was passed may be over.
    """
    now = {member.id: member for member in of}
    stand = standings_of(tx.connection, now.values(), tx.now_ms)
    changed = []
    for member in now.values():
        found = stand.get(member.id, ())
        left = left_minor(found, None)
        least = min((one.left_minor for one in found), default=None)
        turns_ms = min((one.ends_ms for one in found), default=None)
        before = (member.listed_minor, member.least_minor)
        if (left, least, turns_ms) != (*before, member.turns_ms):
            tx.connection.execute(
                update(members)
                .where(members.c.id == member.id)
                .values(listed_minor=left, least_minor=least, turns_ms=turns_ms)
            )
        if (left, least) != before:
            changed.append(member.id)
        _tell(tx, member, found, turned=turned)
    if changed:
        card_list.relist_members(tx, changed)


def refresh_limits(tx: Tx, now_ms: int, limit: int) -> int:
    """Let limits be fresh whose period is over. For a job that runs every minute or so.

    Args:
        tx: The writer's transaction.
        now_ms: Wall time.
        limit: Members at a time.

    Returns:
        How many were looked at; as many as `limit`: there may be more.
    """
    due = (
        select(members)
        .where(members.c.turns_ms <= now_ms)
        .order_by(members.c.turns_ms, members.c.id)
        .limit(limit)
        .with_for_update()
    )
    found = [member_of(row) for row in tx.connection.execute(due)]
    follow(tx, found, turned=True)
    return len(found)


def has_stale_limits(connection: Connection, now_ms: int) -> bool:
    """Whether `refresh_limits` has something to do."""
    due = select(members.c.id).where(members.c.turns_ms <= now_ms)
    return connection.execute(due.limit(1)).first() is not None


def left_for(tx: Tx, member: Member, kind: str, more: Sequence[Used] = ()) -> int | None:
    """What a member may still spend at a machine kind, ≥ 0; None: as much as there is.

    Args:
        tx: The writer's transaction; the caller locked the member.
        member: Who.
        kind: Of the machine.
        more: What was granted to its sessions and isn't booked yet.
    """
    stand = standings_of(tx.connection, (member,), tx.now_ms, {member.id: tuple(more)})
    return left_minor(stand.get(member.id, ()), kind)


def list_days(
    connection: Connection, member_id: str, *, after: tuple[int, str] | None, limit: int
) -> list[Row[Any]]:
    """A member's sums, newest day first, one more than `limit` if there are more."""
    key = (member_spend.c.day, member_spend.c.kind)
    query = select(member_spend).where(member_spend.c.member == member_id)
    query = query.order_by(*(column.desc() for column in key))
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return list(connection.execute(query.limit(limit + 1)))


def day_number(spend: Spend, member: Member) -> int:
    """The local day in which something counts."""
    started_ms = spend.started_ms
    if not EARLIEST_MS <= started_ms <= spend.booked_ms + AHEAD_MS_MAX:
        started_ms = spend.booked_ms
    return number_of(day_at(started_ms, member.timezone))


def audit_spending(connection: Connection) -> Iterator[str]:
    """Recompute every sum from sessions and usages, one member after another.

    Yields:
        A sentence for each sum that isn't what was booked.
    """
    for row in connection.execute(_STRANGERS, {"most": FAULTS_MAX}):
        yield f"{row.id} was spent by {row.member}, who isn't a member"
    faults = 0
    for row in connection.execute(select(members).order_by(members.c.id)).all():
        for fault in _differences(connection, member_of(row)):
            yield fault
            faults += 1
            if faults == FAULTS_MAX:
                return


def _differences(connection: Connection, member: Member) -> Iterator[str]:
    booked: dict[tuple[int, str], list[int]] = {}
    for row in connection.execute(_BOOKED, {"member": member.id}):
        spend = Spend(
            member=member.id, started_ms=row.started_ms, booked_ms=row.booked_ms, kind=row.kind
        )
        total = booked.setdefault((day_number(spend, member), row.kind), [0, 0])
        total[0] += row.spent_minor
        total[1] += row.held_minor
    mine = select(member_spend).where(member_spend.c.member == member.id)
    kept = {
        (row.day, row.kind): [row.spent_minor, row.held_minor] for row in connection.execute(mine)
    }
    for day, kind in sorted({*booked, *kept}):
        right, sums = booked.get((day, kind), [0, 0]), kept.get((day, kind), [0, 0])
        if right != sums:
            yield (
                f"{member.id} on {day} at {kind or 'no kind'}: {sums[0]} spent and {sums[1]} held "
                f"are kept, {right[0]} and {right[1]} are booked"
            )


def _tell(tx: Tx, member: Member, found: Iterable[Standing], *, turned: bool) -> None:
    passed = [one for one in found if one.used_minor > one.limit.amount_minor]
    if passed:
        one = passed[0]
        of_kind = f" at {one.limit.kind}" if one.limit.kind else ""
        words = (
            f"{member.id} has used {one.used_minor} of {one.limit.amount_minor} a "
            f"{one.limit.period.value}{of_kind}: it was booked, as what is used always is"
        )
        raise_alarm(tx, Matter(code=Code.SPENDING_LIMIT, subject=member.id, detail=words))
    elif turned:
        clear_alarm(tx, Code.SPENDING_LIMIT, "", member.id)


_BOOKED = text(
    "SELECT started_ms, booked_ms, kind, charge_minor - refunded_minor AS spent_minor,"
    " 0 AS held_minor FROM sessions WHERE member = :member AND state <> 'running'"
    " UNION ALL"
    " SELECT started_ms, started_ms, kind, captured_minor - refunded_minor, held_minor"
    " FROM usages WHERE member = :member"
)
_STRANGERS = text(
    "SELECT id, member FROM sessions WHERE member IS NOT NULL"
    " AND member NOT IN (SELECT id FROM members)"
    " UNION ALL SELECT id, member FROM usages WHERE member IS NOT NULL"
    " AND member NOT IN (SELECT id FROM members) LIMIT :most"
)

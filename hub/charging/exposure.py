"""Exposure: the most that could be spent beyond backed rights if all lines were cut now.

For each account and controller it is the largest, over every floor that the controller
may still hold, of its amount less the unbacked spending booked since (`docs/protocol.md`,
"Rights come down"). What follows from a site's rule alone has no row per account and
controller: it is summed from a histogram of caps and levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select, text

from hub.store.tables.fleet import controllers, site_floors

Floors = tuple[int, int, int]
"""Floor of an account by the highest level of its cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What is at stake at one controller, minor units.

    Attributes:
        controller: Which.
        site: Where it stands.
        floors_minor: Most that can be spent there, or was and isn't known, on floors.
        held_minor: Backed rights that it holds: in escrow, never a loss.
        left_minor: Backed rights of journals before its current one: at risk until they
            come, or are forfeited.
        heard_ms: When it was heard last; None: never.
    """

    controller: str
    site: str
    floors_minor: int
    held_minor: int
    left_minor: int
    heard_ms: int | None


# Level and cap of each account as last listed, counted: a handful of rows.
_CAPS = text("""
    SELECT caps.level, caps.cap_minor, count(*) AS accounts FROM floor_caps AS caps
    JOIN (SELECT account, max(list_revision) AS newest FROM floor_caps GROUP BY account) AS last
        ON last.account = caps.account AND last.newest = caps.list_revision
    JOIN accounts ON accounts.id = caps.account AND accounts.unit = :unit
    WHERE caps.cap_minor > 0
    GROUP BY caps.level, caps.cap_minor
""")
# All caps that a controller may go by of accounts listed anew after what it surely holds.
_CHANGED = text("""
    SELECT caps.account, caps.level, caps.cap_minor, caps.list_revision
    FROM floor_caps AS caps
    JOIN (SELECT DISTINCT account FROM floor_caps WHERE list_revision > :held) AS changed
        ON changed.account = caps.account
    JOIN accounts ON accounts.id = caps.account AND accounts.unit = :unit
    WHERE caps.list_revision > :held OR caps.list_revision = (
        SELECT max(earlier.list_revision) FROM floor_caps AS earlier
        WHERE earlier.account = caps.account AND earlier.list_revision <= :held)
    ORDER BY caps.account, caps.list_revision
""")
# Each account that has rights at a controller: what they expose, and its cap as listed.
_RIGHTS = text("""
    SELECT sent.controller, sent.epoch, sent.account,
        max(sent.amount_minor + sent.unbacked_minor) AS reach, min(sent.revision) AS oldest,
        held.unbacked_minor, caps.level, caps.cap_minor
    FROM floors_sent AS sent
    JOIN allowances AS held ON held.account = sent.account
        AND held.controller = sent.controller AND held.epoch = sent.epoch
    JOIN accounts ON accounts.id = sent.account AND accounts.unit = :unit
    LEFT JOIN floor_caps AS caps ON caps.account = sent.account AND caps.list_revision = (
        SELECT max(newest.list_revision) FROM floor_caps AS newest
        WHERE newest.account = sent.account)
    WHERE :account = '' OR sent.account = :account
    GROUP BY sent.controller, sent.epoch, sent.account, held.unbacked_minor, caps.level,
        caps.cap_minor
""")
_HELD = text("""
    SELECT held.controller, held.epoch, sum(held.granted_minor + held.taken_in_minor
        - held.spent_minor - held.released_minor - held.forfeited_minor) AS minor
    FROM allowances AS held
    JOIN accounts ON accounts.id = held.account AND accounts.unit = :unit
    GROUP BY held.controller, held.epoch
""")


def exposures(connection: Connection, unit: str) -> list[Exposure]:
    """Exposure of each controller that ever began a journal, in the order of names.

    Args:
        connection: A connection for reading.
        unit: Unit of the money that is counted; other accounts are left out.
    """
    rows = connection.execute(
        select(controllers).where(controllers.c.epoch != "").order_by(controllers.c.id)
    ).all()
    by_rights = _by_controller(connection.execute(_RIGHTS, {"unit": unit, "account": ""}))
    held = connection.execute(_HELD, {"unit": unit}).all()
    caps = connection.execute(_CAPS, {"unit": unit}).all()
    changed: dict[int, list[Row[tuple[object, ...]]]] = {}
    found = []
    for row in rows:
        floors = _floors(connection, row.site, row.held_list_revision)
        behind = row.held_list_revision
        if behind not in changed:
            wanted = {"unit": unit, "held": behind}
            changed[behind] = list(connection.execute(_CHANGED, wanted).all())
        rule = sum(_floor(floors, cap.level, cap.cap_minor) * cap.accounts for cap in caps)
        mine = by_rights.get(row.id, ())
        found.append(
            Exposure(
                controller=row.id,
                site=row.site,
                floors_minor=_unless_revoked(
                    row, rule + _behind(floors, changed[behind]) + _more(row, floors, mine)
                ),
                held_minor=_sum(held, row.id, row.epoch, current=True),
                left_minor=_sum(held, row.id, row.epoch, current=False),
                heard_ms=row.heard_ms,
            )
        )
    return found


def total_minor(found: Iterable[Exposure]) -> int:
    """What to hold against the operator's loss budget."""
    return sum(one.floors_minor for one in found)


def account_exposure(connection: Connection, account: str, unit: str) -> dict[str, int]:
    """What one account exposes at each controller, minor units; 0 is left out."""
    rights = connection.execute(_RIGHTS, {"unit": unit, "account": account}).all()
    found: dict[str, int] = {}
    for row in connection.execute(select(controllers).where(controllers.c.epoch != "")).all():
        floors = _floors(connection, row.site, row.held_list_revision)
        wanted = {"unit": unit, "held": row.held_list_revision, "account": account}
        caps = connection.execute(_CAPS_OF_ONE, wanted).all()
        rule = max((_floor(floors, cap.level, cap.cap_minor) for cap in caps), default=0)
        mine = [right for right in rights if right.controller == row.id]
        current = [right for right in mine if right.epoch == row.epoch]
        minor = sum(_reach(right) for right in mine if right.epoch != row.epoch)
        if not current:
            minor += rule
        for right in current:
            unheld = rule - right.unbacked_minor if right.oldest > row.held_revision else 0
            minor += max(_reach(right), unheld)
        minor = _unless_revoked(row, minor)
        if minor:
            found[row.id] = minor
    return found


_CAPS_OF_ONE = text("""
    SELECT caps.level, caps.cap_minor FROM floor_caps AS caps
    JOIN accounts ON accounts.id = caps.account AND accounts.unit = :unit
    WHERE caps.account = :account AND (caps.list_revision > :held OR caps.list_revision = (
        SELECT max(earlier.list_revision) FROM floor_caps AS earlier
        WHERE earlier.account = :account AND earlier.list_revision <= :held))
""")


def _unless_revoked(controller: Row[tuple[object, ...]], minor: int) -> int:
    """Nothing that a revoked controller says is booked, so it can charge nobody."""
    return 0 if controller.state == "revoked" else minor


def _floors(connection: Connection, site: str, held_list_revision: int) -> Floors:
    """The largest floors of a site that a controller may still go by."""
    rows = connection.execute(
        select(site_floors)
        .where(site_floors.c.site == site)
        .order_by(site_floors.c.list_revision.desc())
    ).all()
    possible = []
    for row in rows:
        possible.append((row.floor_level0_minor, row.floor_level1_minor, row.floor_level2_minor))
        if row.list_revision <= held_list_revision:
            break
    low, middle, high = (max((floors[i] for floors in possible), default=0) for i in range(3))
    # An account of level 2 may also have a card of level 0 with a larger floor.
    return low, max(low, middle), max(low, middle, high)


def _floor(floors: Floors, level: int | None, cap_minor: int | None) -> int:
    if level is None or cap_minor is None:
        return 0
    return min(floors[level], cap_minor)


def _behind(floors: Floors, changed: Iterable[Row[tuple[object, ...]]]) -> int:
    """How much more the caps allow that a controller may still go by, than the newest."""
    most: dict[str, int] = {}
    newest: dict[str, int] = {}
    for row in changed:
        floor = _floor(floors, row.level, row.cap_minor)
        most[row.account] = max(floor, most.get(row.account, 0))
        newest[row.account] = floor
    return sum(most.values()) - sum(newest.values())


def _more(
    controller: Row[tuple[object, ...]],
    floors: Floors,
    rights: Iterable[Row[tuple[object, ...]]],
) -> int:
    """What rights expose beyond, or below, the rule for the same accounts."""
    total = 0
    for right in rights:
        if right.epoch != controller.epoch:
            total += _reach(right)
            continue
        rule = _floor(floors, right.level, right.cap_minor)
        # Until a first right is surely held, the controller may go by the rule.
        unheld = rule - right.unbacked_minor if right.oldest > controller.held_revision else 0
        total += max(_reach(right), unheld) - rule
    return total


def _reach(right: Row[tuple[object, ...]]) -> int:
    return max(0, int(right.reach) - int(right.unbacked_minor))


def _by_controller(
    rows: Iterable[Row[tuple[object, ...]]],
) -> Mapping[str, list[Row[tuple[object, ...]]]]:
    found: dict[str, list[Row[tuple[object, ...]]]] = {}
    for row in rows:
        found.setdefault(row.controller, []).append(row)
    return found


def _sum(
    held: Iterable[Row[tuple[object, ...]]], controller: str, epoch: str, *, current: bool
) -> int:
    return sum(
        int(row.minor)
        for row in held
        if row.controller == controller and (row.epoch == epoch) is current
    )

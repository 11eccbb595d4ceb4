"""Rights as they go down: what each controller may be told about an account.

A right is sent again, with the controller's next revision, when its amount, target or
grants differ from what was sent last, or when unbacked spending was booked since, which
frees floor. What follows from the site's rule alone is in the card list, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from hub.charging import allowances, rights_sql
from hub.charging.backing_sql import kinds_at
from hub.charging.means import Means, means_of
from hub.ledger.items import Booked
from hub.ledger.writer import Tx
from hub.store.tables import fleet
from wire.downlink import RIGHTS_PER_MESSAGE_MAX, Right

ACCOUNTS_PER_REFRESH_MAX = 500
"""Bound parameters of one statement, and what may hold up other writers."""


@dataclass(frozen=True, slots=True)
class Due:
    """A right as it should be now.

    `held_minor` is the backed balance booked; `available_minor` is what the account can
    give for a right there.
    """

    account: str
    controller: str
    epoch: str
    amount_minor: int
    as_of_seq: int
    unbacked_minor: int
    target_minor: int
    granted_minor: int
    held_minor: int
    unit: str
    available_minor: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rights for one message.

    Attributes:
        revision: What the controller holds once it has applied them, together with what
            it held before.
        rights: Whole rights, at most `RIGHTS_PER_MESSAGE_MAX`.
        more: Whether newer ones wait until the controller holds this revision.
    """

    revision: int
    rights: tuple[Right, ...]
    more: bool


def floor_for(floors_minor: Sequence[int], means: Means) -> int:
    """Amount of an account's floor at a site, ≥ 0.

    The site's rule for its card level, at most wallet, credit and lots as known; nothing
    without good standing, and nothing for a purse, whose floor no card's entry says.
    """
    if not means.in_good_standing or means.level is None or not means.has_cards:
        return 0
    return max(0, min(floors_minor[means.level], means.available_minor))


def find_due(connection: Connection, of: Iterable[str]) -> list[Due]:
    """Rights of these accounts that differ from what was sent last.

    Args:
        connection: Sees the ledger as committed, or as flushed within the transaction.
        of: At most `ACCOUNTS_PER_REFRESH_MAX` accounts.
    """
    wanted = sorted(set(of))
    rows = connection.execute(rights_sql.CURRENT, {"wanted": wanted}).all()
    if not rows:
        return []
    means = means_of(connection, {row.account for row in rows})
    kinds: dict[str, frozenset[str]] = {}
    if any(one.restricted for one in means.values()):
        kinds = kinds_at(connection, {row.controller for row in rows})
    latest = connection.execute(rights_sql.LATEST_SENT, {"wanted": wanted})
    sent = {(row.account, row.controller): row for row in latest}
    due = (_due(row, means[row.account], kinds.get(row.controller, frozenset())) for row in rows)
    return [one for one in due if _differs(one, sent.get((one.account, one.controller)))]


def refresh(tx: Tx, of: Iterable[str]) -> None:
    """Bring the rights of these accounts up to date: standing rights first, then revisions.

    Args:
        tx: The writer's transaction.
        of: At most `ACCOUNTS_PER_REFRESH_MAX` accounts.
    """
    wanted = sorted(set(of))
    tx.book.flush()
    due = _locked(tx, find_due(tx.connection, wanted), wanted)
    places = {one.controller for one in due}
    if _raise_standing(tx, due):
        tx.book.flush()
        due = [one for one in find_due(tx.connection, wanted) if one.controller in places]
    by_controller: dict[str, list[Due]] = {}
    for one in due:
        by_controller.setdefault(one.controller, []).append(one)
    for controller in sorted(by_controller):
        _number(tx, controller, by_controller[controller])


def _locked(tx: Tx, due: list[Due], wanted: list[str]) -> list[Due]:
    """What is due once nobody else numbers rights of the same controllers.

    Another hub may have numbered them a moment ago, by a newer wallet than was read here.
    """
    if not due or tx.connection.dialect.name == "sqlite":
        return due
    places = {one.controller for one in due}
    mine = fleet.controllers.c.id.in_(sorted(places))
    query = select(fleet.controllers.c.id).where(mine).order_by(fleet.controllers.c.id)
    tx.connection.execute(query.with_for_update())
    return [one for one in find_due(tx.connection, wanted) if one.controller in places]


def rights_after(
    connection: Connection, controller: str, epoch: str, revision: int, also: str = ""
) -> Chunk:
    """Rights that changed after a revision that the controller holds, oldest first.

    A chunk never cuts a revision in two, and each chunk reaches back to what the
    controller said it holds: whatever was lost on the way, the revision that it then
    says it holds is whole.

    Args:
        connection: A connection for reading.
        controller: Whose.
        epoch: Its current journal.
        revision: What it said it holds.
        also: Account whose right is wanted whatever its revision; empty: none.
    """
    asked = {"controller": controller, "epoch": epoch, "revision": revision}
    rows = connection.execute(rights_sql.AFTER, asked).all()
    kept, more = _whole_revisions(rows)
    upto = kept[-1].revision if kept else revision
    if also and all(row.account != also for row in kept):
        kept += connection.execute(rights_sql.NEWEST_OF, asked | {"account": also}).all()
    return Chunk(upto, tuple(_right(row) for row in kept), more)


def _whole_revisions(
    rows: Sequence[Row[tuple[object, ...]]],
) -> tuple[list[Row[tuple[object, ...]]], bool]:
    if len(rows) <= RIGHTS_PER_MESSAGE_MAX:
        return list(rows), False
    # A revision has at most as many rights as a message, so the cut leaves at least one.
    cut = rows[-1].revision
    kept = [row for row in rows if row.revision < cut]
    return (kept or list(rows[:RIGHTS_PER_MESSAGE_MAX])), True


def _due(row: Row[tuple[object, ...]], means: Means, kinds: frozenset[str]) -> Due:
    floors = (row.floor_level0_minor, row.floor_level1_minor, row.floor_level2_minor)
    good = means.in_good_standing and means.level is not None
    totals = allowances.totals_of(row)
    return Due(
        account=row.account,
        controller=row.controller,
        epoch=row.epoch,
        amount_minor=floor_for(floors, means),
        as_of_seq=row.through_seq,
        unbacked_minor=totals.unbacked,
        target_minor=row.standing_minor if good else 0,
        granted_minor=totals.granted,
        held_minor=totals.backed,
        unit=means.unit,
        available_minor=means.available_for(kinds),
    )


def _differs(due: Due, sent: Row[tuple[object, ...]] | None) -> bool:
    if _standing_short(due) > 0:
        return True
    return sent is None or (
        (sent.epoch, sent.amount_minor, sent.target_minor, sent.granted_minor, sent.unbacked_minor)
        != (due.epoch, due.amount_minor, due.target_minor, due.granted_minor, due.unbacked_minor)
    )


def _standing_short(due: Due) -> int:
    return max(0, min(due.target_minor - due.held_minor, due.available_minor))


def _raise_standing(tx: Tx, due: Iterable[Due]) -> bool:
    """Grant what is missing to the targets; True: something was granted."""
    given: dict[str, int] = {}
    raised = False
    for one in due:
        left = one.available_minor - given.get(one.account, 0)
        missing = min(_standing_short(one), left)
        if missing <= 0:
            continue
        # The total granted so far makes the id: the same shortage is met once.
        item = f"standing:{one.controller}:{one.epoch}:{one.account}:{one.granted_minor}"
        place = (one.account, one.controller, one.epoch)
        outcome = allowances.grant(tx, item, place, one.unit, missing)
        if isinstance(outcome, Booked):
            given[one.account] = given.get(one.account, 0) + missing
            raised = True
    return raised


def _number(tx: Tx, controller: str, due: list[Due]) -> None:
    """Give rights the controller's next revisions, one for each message's worth."""
    before = tx.connection.execute(rights_sql.REVISIONS, {"controller": controller}).one()
    revision = before.accounts_revision
    rows = []
    for start in range(0, len(due), RIGHTS_PER_MESSAGE_MAX):
        revision += 1
        rows += [
            {
                "account": one.account,
                "controller": controller,
                "epoch": one.epoch,
                "revision": revision,
                "amount_minor": one.amount_minor,
                "as_of_seq": one.as_of_seq,
                "unbacked_minor": one.unbacked_minor,
                "target_minor": one.target_minor,
                "granted_minor": one.granted_minor,
            }
            for one in due[start : start + RIGHTS_PER_MESSAGE_MAX]
        ]
    tx.connection.execute(rights_sql.SEND, rows)
    _drop_smaller(tx, controller, due, before.held_revision)
    tx.connection.execute(
        rights_sql.NUMBER, {"controller": controller, "accounts_revision": revision}
    )
    for one in due:
        tx.touch("rights", f"{controller}/{one.account}")


def _drop_smaller(tx: Tx, controller: str, due: list[Due], held_revision: int) -> None:
    for epoch in {one.epoch for one in due}:
        asked = {
            "controller": controller,
            "epoch": epoch,
            "wanted": [one.account for one in due],
            "held": held_revision,
        }
        tx.connection.execute(rights_sql.DROP_SMALLER, asked)


def _right(row: Row[tuple[object, ...]]) -> Right:
    return Right(
        account=row.account,
        granted_minor=row.granted_minor,
        floor_minor=row.amount_minor,
        as_of_seq=row.as_of_seq,
        target_minor=row.target_minor,
    )

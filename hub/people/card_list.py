"""The card list: what controllers know of cards, as a stream of changes.

Each change gives all cards of the account one new revision. A page never cuts a
revision in two, so what a controller holds "as of revision 17" is exact: exposure
looks up in `floor_caps` which floor an account's cards had from then on.

The floor of a card is the least of what its site grants its level and the account's
cap. The cap follows the wallet in halves, so that a balance that shrinks is listed
anew a few times, not at every session. A member's limit is listed as what is left of
it, whenever that changes; who has no limit is never listed anew for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, update

from hub.charging.means import Means, means_of
from hub.errors import NotFoundError
from hub.ledger import accounts as chart, statements
from hub.ledger.writer import Tx
from hub.store.tables.fleet import controllers, sites
from hub.store.tables.lots import card_purses
from hub.store.tables.members import members
from hub.store.tables.people import accounts, card_list, cards, floor_caps
from wire.downlink import CardEntry, ListPage, Standing

FLOOR_HALVINGS_MAX = 4
"""Below a sixteenth of the largest floor there is none: it would start nothing."""
CAPS_KEPT_MAX = 32
"""Caps of one account before those that no controller holds any more are dropped."""
_LAST_REVISION = select(func.max(card_list.c.revision))
_RELIST_MEMBER = (
    update(cards)
    .where(cards.c.member == bindparam("of"), cards.c.state != "replaced")
    .values(list_revision=bindparam("at"))
)
_PURSES = (
    select(card_purses)
    .join(accounts, accounts.c.id == card_purses.c.account)
    .where(card_purses.c.card.in_(bindparam("listed", expanding=True)), accounts.c.state == "open")
    .order_by(card_purses.c.card, card_purses.c.unit)
)
_PURSES_BESIDE = (
    select(card_purses.c.account)
    .join(cards, cards.c.id == card_purses.c.card)
    .where(cards.c.account == bindparam("account"))
    .distinct()
)


def entries_after(connection: Connection, site: str, from_revision: int, limit: int) -> ListPage:
    """The page of changes that follows a list held at `from_revision` at a site.

    Args:
        connection: A connection for reading.
        site: Whose rules set the floors.
        from_revision: Revision of the list that the controller holds; 0: none.
        limit: Entries at most, more only to finish a revision.

    Raises:
        NotFoundError: No such site.
    """
    rule = connection.execute(select(sites).where(sites.c.id == site)).first()
    if rule is None:
        raise NotFoundError(f"there is no site {site}")
    last = last_revision(connection)
    rows = _changed_after(connection, from_revision, limit)
    upto = rows[-1].list_revision if len(rows) >= limit else last
    deposits = statements.balances_of(
        connection, {chart.deposit(row.account, row.unit) for row in rows}
    )
    purses = _purses_of(connection, {row.id for row in rows})
    entries = tuple(_entry(row, rule, deposits, purses.get(row.id, {})) for row in rows)
    return ListPage(
        from_revision=from_revision,
        upto_revision=max(upto, from_revision),
        last_revision=last,
        entries=entries,
    )


def last_revision(connection: Connection) -> int:
    """The newest revision; 0: the list is empty."""
    return connection.execute(_LAST_REVISION).scalar() or 0


def relist_account(tx: Tx, account: str, also: Sequence[str] = ()) -> None:
    """List all cards of an account anew, with the floor that its wallet gives now.

    Args:
        tx: The writer's transaction.
        account: Whose standing, terms, deposit or wallet changed.
        also: Cards that no longer name it and must be taken off the list.
    """
    cap = _cap_now(tx, account)
    tx.connection.execute(
        update(accounts).where(accounts.c.id == account).values(floor_cap_minor=cap)
    )
    revision = _next_revision(tx)
    pays = cards.c.id.in_(select(card_purses.c.card).where(card_purses.c.account == account))
    named = and_(or_(cards.c.account == account, pays), cards.c.state != "replaced")
    tx.connection.execute(
        update(cards).where(or_(named, cards.c.id.in_(also))).values(list_revision=revision)
    )
    level = _highest_level(tx.connection, account)
    tx.connection.execute(
        insert(floor_caps).values(
            account=account,
            list_revision=revision,
            cap_minor=0 if level is None else cap,
            level=level or 0,
        )
    )
    _drop_old_caps(tx.connection, account)
    tx.touch("card_list", "")
    tx.touch("account", account)
    for purse in tx.connection.execute(_PURSES_BESIDE, {"account": account}).scalars():
        tx.touch("account", purse)  # its rights hang on these cards


def relist_members(tx: Tx, ids: Sequence[str]) -> None:
    """List the cards of members anew, each member's at a revision of its own.

    Their account's cap stays, so exposure looks back at what it was.

    Args:
        tx: The writer's transaction.
        ids: Members whose limit or state changed.
    """
    listed = select(cards.c.member).where(cards.c.member.in_(sorted(ids)))
    known = sorted(tx.connection.execute(listed.distinct()).scalars())
    if not known:
        return  # no controller knows them
    first = _next_revision(tx, len(known)) - len(known) + 1
    rows = [{"of": member, "at": first + place} for place, member in enumerate(known)]
    tx.connection.execute(_RELIST_MEMBER, rows)
    tx.touch("card_list", "")


def relist_card(tx: Tx, card: str) -> None:
    """List a card anew after it was linked, blocked, unblocked or replaced."""
    account = tx.connection.execute(select(cards.c.account).where(cards.c.id == card)).scalar_one()
    relist_account(tx, account, also=(card,))


def refresh_floor(tx: Tx, account: str) -> None:
    """Follow the wallet: call this after its balance changed. Mostly changes nothing."""
    listed = tx.connection.execute(
        select(accounts.c.floor_cap_minor).where(accounts.c.id == account)
    ).scalar()
    if listed is not None and listed != _cap_now(tx, account):
        relist_account(tx, account)


def floor_cap(available_minor: int, floor_most_minor: int) -> int:
    """The account's cap: the largest floor, halved until what is available covers it.

    Args:
        available_minor: What the wallet can still give, its credit limit included.
        floor_most_minor: Largest floor of any site and level, ≥ 0.
    """
    for halvings in range(FLOOR_HALVINGS_MAX + 1):
        cap = floor_most_minor >> halvings
        if cap <= available_minor:
            return cap
    return 0


def cap_for(means: Means, floor_most_minor: int) -> int:
    """An account's cap as it should be listed.

    0 unless it is in good standing, and for a purse, which no card names first.
    """
    if not means.in_good_standing or means.level is None or not means.has_cards:
        return 0
    return floor_cap(means.available_minor, floor_most_minor)


def largest_floor(connection: Connection) -> int:
    """The largest floor of any site and level, minor units."""
    levels = (sites.c.floor_level0_minor, sites.c.floor_level1_minor, sites.c.floor_level2_minor)
    row = connection.execute(select(*(func.max(level) for level in levels))).one()
    return max(value or 0 for value in row)


def floor_of_level(site: Row[Any], level: int) -> int:
    """Floor that a site grants cards of a level."""
    return int(getattr(site, f"floor_level{level}_minor"))


def _changed_after(connection: Connection, from_revision: int, limit: int) -> list[Row[Any]]:
    newer = cards.c.list_revision > from_revision
    if from_revision == 0:
        # Who holds nothing needn't be told what to forget.
        newer = and_(newer, cards.c.state != "replaced")
    edge = (
        select(cards.c.list_revision)
        .where(newer)
        .order_by(cards.c.list_revision)
        .offset(limit - 1)
        .limit(1)
    )
    upto = connection.execute(edge).scalar()
    query = select(
        members.c.state.label("member_state"),
        members.c.listed_minor,
        members.c.least_minor,
        cards.c.id,
        cards.c.member,
        cards.c.card_ref,
        cards.c.level,
        cards.c.state.label("card_state"),
        cards.c.list_revision,
        accounts.c.id.label("account"),
        accounts.c.unit,
        accounts.c.state,
        accounts.c.group,
        accounts.c.tariffs,
        accounts.c.permissions,
        accounts.c.language,
        accounts.c.floor_cap_minor,
    ).select_from(
        cards.join(accounts, cards.c.account == accounts.c.id).outerjoin(
            members, cards.c.member == members.c.id
        )
    )
    query = query.where(newer).order_by(cards.c.list_revision, cards.c.id)
    if upto is not None:
        query = query.where(cards.c.list_revision <= upto)
    return list(connection.execute(query))


def _purses_of(connection: Connection, listed: set[str]) -> dict[str, dict[str, str]]:
    """Open accounts in other units that cards pay from: account by unit, by card."""
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(_PURSES, {"listed": sorted(listed)}):
        found.setdefault(row.card, {})[row.unit] = row.account
    return found


def _entry(
    row: Row[Any], site: Row[Any], deposits: Mapping[str, int], purses: dict[str, str]
) -> CardEntry:
    if row.card_state == "replaced":
        return CardEntry(card=row.card_ref, account="")
    standing = _standing(row)
    floor = min(row.floor_cap_minor, floor_of_level(site, row.level))
    if row.least_minor is not None:
        # Which kind of machine a floor is spent at can't be said beforehand.
        floor = min(floor, row.least_minor)
    return CardEntry(
        card=row.card_ref,
        account=row.account,
        level=row.level,
        standing=standing,
        floor_minor=floor if standing is Standing.OK else 0,
        unit=row.unit,
        group=row.group,
        tariffs=msgspec.json.decode(row.tariffs, type=dict[str, str]),
        permissions=msgspec.json.decode(row.permissions, type=dict[str, int]),
        deposit_minor=max(0, deposits.get(chart.deposit(row.account, row.unit), 0)),
        language=row.language,
        member=row.member or "",
        limit_minor=row.listed_minor,
        purses=purses,
    )


def _standing(row: Row[Any]) -> Standing:
    if row.state == "closed":
        return Standing.CLOSED
    if "blocked" in (row.state, row.card_state) or row.member_state in ("suspended", "left"):
        return Standing.BLOCKED
    return Standing.OK


def _cap_now(tx: Tx, account: str) -> int:
    tx.book.flush()
    return cap_for(means_of(tx.connection, (account,))[account], largest_floor(tx.connection))


def _next_revision(tx: Tx, count: int = 1) -> int:
    """Take the next revisions; returns the last of them."""
    changed = tx.connection.execute(
        update(card_list).where(card_list.c.id == 1).values(revision=card_list.c.revision + count)
    )
    if changed.rowcount == 0:
        tx.connection.execute(insert(card_list).values(id=1, revision=count))
    return last_revision(tx.connection)


def _highest_level(connection: Connection, account: str) -> int | None:
    """Highest level of its active cards; None: it has none, so nothing has a floor."""
    active = and_(cards.c.account == account, cards.c.state == "active")
    return connection.execute(select(func.max(cards.c.level)).where(active)).scalar()


def _drop_old_caps(connection: Connection, account: str) -> None:
    mine = floor_caps.c.account == account
    kept = connection.execute(select(func.count()).select_from(floor_caps).where(mine)).scalar_one()
    if kept <= CAPS_KEPT_MAX:
        return
    held = connection.execute(
        select(func.min(controllers.c.held_list_revision)).where(
            controllers.c.state.in_(("active", "quarantined"))
        )
    ).scalar()
    upto = last_revision(connection) if held is None else held
    in_force = connection.execute(
        select(func.max(floor_caps.c.list_revision)).where(
            and_(mine, floor_caps.c.list_revision <= upto)
        )
    ).scalar()
    if in_force is not None:
        connection.execute(
            delete(floor_caps).where(and_(mine, floor_caps.c.list_revision < in_force))
        )

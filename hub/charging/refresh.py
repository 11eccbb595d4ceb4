"""Keeps what controllers are told in step with the wallets: floors' caps and rights.

Called with accounts whose money or standing changed. Mostly nothing follows from it, and
that is found out on a reading connection, so that the writer isn't held up.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from hub.charging import rights
from hub.charging.means import Means, means_of
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.store.tables.fleet import sites


def stale_accounts(connection: Connection, of: Iterable[str]) -> list[str]:
    """Those accounts whose listed cap or rights don't follow from their means any more.

    Args:
        connection: A connection for reading.
        of: At most `rights.ACCOUNTS_PER_REFRESH_MAX` accounts.
    """
    wanted = sorted(set(of))
    stale = {due.account for due in rights.find_due(connection, wanted)}
    return sorted(stale.union(_stale_caps(connection, wanted)))


def refresh_accounts(tx: Tx, of: Iterable[str]) -> None:
    """Bring caps in the card list, and rights, up to date.

    Args:
        tx: The writer's transaction.
        of: At most `rights.ACCOUNTS_PER_REFRESH_MAX` accounts.
    """
    wanted = sorted(set(of))
    tx.book.flush()
    for account in _stale_caps(tx.connection, wanted):
        card_list.refresh_floor(tx, account)
    rights.refresh(tx, wanted)


def _stale_caps(connection: Connection, wanted: Iterable[str]) -> list[str]:
    """Accounts whose cap isn't as listed, in order."""
    most = largest_floor(connection)
    return [
        account
        for account, means in sorted(means_of(connection, wanted).items())
        if means.has_cards and cap_for(means, most) != means.listed_cap_minor
    ]


def cap_for(means: Means, floor_most_minor: int) -> int:
    """An account's cap as it should be listed."""
    if not means.in_good_standing or means.level is None:
        return 0
    return card_list.floor_cap(means.available_minor, floor_most_minor)


def largest_floor(connection: Connection) -> int:
    """The largest floor of any site and level, minor units."""
    levels = (sites.c.floor_level0_minor, sites.c.floor_level1_minor, sites.c.floor_level2_minor)
    row = connection.execute(select(*(func.max(level) for level in levels))).one()
    return max(value or 0 for value in row)

"""Keeps what controllers are told in step with the wallets: floors' caps and rights.

Called with accounts whose money or standing changed. Mostly nothing follows from it, and
that is found out on a reading connection, so that the writer isn't held up.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hub.charging import rights
from hub.charging.means import means_of
from hub.ledger.writer import Tx
from hub.people import card_list


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
    most = card_list.largest_floor(connection)
    return [
        account
        for account, means in sorted(means_of(connection, wanted).items())
        if means.has_cards and card_list.cap_for(means, most) != means.listed_cap_minor
    ]

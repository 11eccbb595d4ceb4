"""After a backup was restored: what controllers hold is newer than what the book knows.

Controllers ignore what isn't newer than what they hold. So every number that only
rises jumps ahead of all that was made since the backup, and every right, card and
configuration goes out anew. Facts come again by themselves: an ack that says less than
the one before makes a controller send what is missing.
"""

from __future__ import annotations

from sqlalchemy import select, update

from hub.charging import rights
from hub.ledger.writer import Tx
from hub.store.tables import charging, fleet, people

JUMP = 1_000_000
"""More changes than any hub makes between two backups, and thousands of jumps fit."""
_NEVER_SENT = -1
"""No right has such a target, so each differs from what was sent last."""


def jump_ahead(tx: Tx) -> None:
    """Move revisions and versions past all that controllers may hold."""
    controllers, cards = fleet.controllers, people.cards
    ahead = {
        controllers.c.accounts_revision: controllers.c.accounts_revision + JUMP,
        controllers.c.config_version: controllers.c.config_version + JUMP,
    }
    tx.connection.execute(update(controllers).values(ahead | {controllers.c.config_digest: ""}))
    tx.connection.execute(update(charging.floors_sent).values(target_minor=_NEVER_SENT))
    for column in (
        cards.c.list_revision,
        people.floor_caps.c.list_revision,
        fleet.site_floors.c.list_revision,
        people.card_list.c.revision,
    ):
        tx.connection.execute(update(column.table).values({column: column + JUMP}))


def renew_rights(tx: Tx, after: str) -> str:
    """Number the rights of the next accounts anew.

    Args:
        tx: The writer's transaction.
        after: Account that the step before ended with; empty: the first step.

    Returns:
        The account that this step ended with; empty: there are no more.
    """
    query = (
        select(charging.allowances.c.account)
        .distinct()
        .where(charging.allowances.c.account > after)
        .order_by(charging.allowances.c.account)
        .limit(rights.ACCOUNTS_PER_REFRESH_MAX)
    )
    wanted = list(tx.connection.execute(query).scalars())
    if wanted:
        rights.refresh(tx, wanted)
    return wanted[-1] if wanted else ""

"""Who lacks what, found by looking: what a hub that wasn't told would never send."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select

from hub.store.tables.fleet import commands, controllers
from hub.store.tables.people import card_list
from wire.topics import COMMAND_EXPIRY_S

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Behind:
    """What controllers lack, as far as they said.

    Attributes:
        controllers: Those that lack rights or a part of the card list.
        configs: Those that lack a configuration that is numbered.
        commands: Ids of commands that may still be obeyed, and weren't answered.
    """

    controllers: tuple[str, ...]
    configs: tuple[str, ...]
    commands: tuple[str, ...]


def find_behind(connection: Connection, now_ms: int) -> Behind:
    """Look at all active controllers.

    Args:
        connection: A connection for reading.
        now_ms: The hub's wall time.
    """
    newest = select(func.max(card_list.c.revision)).scalar_subquery()
    lacks_rights = or_(
        controllers.c.accounts_revision > controllers.c.reported_revision,
        controllers.c.reported_list_revision < newest,
    )
    lacks_config = controllers.c.config_version > controllers.c.reported_config
    query = (
        select(controllers.c.id, lacks_rights.label("rights"), lacks_config.label("config"))
        .where(and_(controllers.c.state == "active", or_(lacks_rights, lacks_config)))
        .order_by(controllers.c.id)
    )
    rows = connection.execute(query).all()
    waiting = select(commands.c.id).where(
        and_(
            commands.c.sent_ms > now_ms - COMMAND_EXPIRY_S * MS_PER_S,
            commands.c.expires_ms > now_ms,
            commands.c.answered_ms.is_(None),
        )
    )
    return Behind(
        controllers=tuple(row.id for row in rows if row.rights),
        configs=tuple(row.id for row in rows if row.config),
        commands=tuple(connection.execute(waiting).scalars()),
    )

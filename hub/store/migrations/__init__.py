"""The schema's steps (Alembic), run by the hub itself: no file to configure.

`upgrade` brings any earlier schema forward and refuses one of a later version.
"""

from __future__ import annotations

import pathlib
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from hub.errors import ConfigError, StoreError
from hub.store.engine import Store

UPGRADE_LOCK = 7_310_642
"""Any number that nobody else locks by in the hub's database."""
HOME = pathlib.Path(__file__).parent


def upgrade(store: Store) -> str:
    """Bring the schema to this version's, in one transaction.

    Returns:
        The revision reached.

    Raises:
        StoreError: A step failed, nothing was changed; or the schema is of a later version.
    """
    with store.writing.connect() as connection:
        if current(connection) == _newest():
            return _newest()
    with store.writing.connect() as connection, connection.begin():
        if not store.is_sqlite:
            # Hubs that start together: one takes the steps, the others find them taken.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise StoreError(
                f"this database was made by a later version of the hub: {error}"
            ) from None
        return current(connection)


def check_current(store: Store) -> None:
    """Check that the schema is this version's.

    Raises:
        ConfigError: It isn't; says what to run.
    """
    with store.read() as connection:
        found = current(connection)
    head = _newest()
    if found != head:
        raise ConfigError(
            f"the database has schema {found or 'none'}, this hub needs {head}: "
            "run standpipe-hub init, or start standpipe-hub serve once"
        )


def current(connection: Connection) -> str:
    """Revision of a database's schema; empty: none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


@cache
def _newest() -> str:
    """Revision of this version's schema."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HOME))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

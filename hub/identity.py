"""Which keys a database belongs to: hubs with other keys must not work on it.

Several hubs on one database have copies of one signing key and one card salt. With
another key a hub would send what no controller believes, with another salt it would
know no card.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, select, text

from hub.errors import ConfigError
from hub.keystore import SALT_FILE, SEED_FILE, SIGNING_FILE, Keys
from hub.store.engine import Store
from hub.store.tables.fleet import settings

KEY = "hub_key"
SALT = "card_salt"
_FILES = {KEY: SEED_FILE, SALT: SALT_FILE}
_NOTE = text(
    "INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"
)


def fingerprints(keys: Keys) -> dict[str, str]:
    """What a database keeps of its keys: nothing that helps to guess them."""
    salt = hashlib.blake2b(keys.card_salt, digest_size=16, person=b"standpipe-salt")
    return {KEY: keys.signer.public, SALT: salt.hexdigest()}


def claim(store: Store, keys: Keys) -> None:
    """Note whose a database is, or check that it is ours.

    Args:
        store: With the hub's schema.
        keys: Of this hub.

    Raises:
        ConfigError: It belongs to a hub with other keys; nothing was changed.
    """
    with store.read() as connection:
        if _is_ours(connection, keys):
            return
    with store.writing.connect() as connection, connection.begin():
        for name, value in fingerprints(keys).items():
            connection.execute(_NOTE, {"name": name, "value": value})
        _is_ours(connection, keys)


def _is_ours(connection: Connection, keys: Keys) -> bool:
    """Whether all is noted, and as it should be; False: something isn't noted yet."""
    mine = fingerprints(keys)
    query = select(settings.c.name, settings.c.value).where(settings.c.name.in_(sorted(mine)))
    noted = {row.name: row.value for row in connection.execute(query)}
    for name, value in noted.items():
        if name == KEY and keys.signer.use(value):
            continue
        if value != mine[name]:
            raise ConfigError(
                f"this database belongs to a hub with another {_FILES[name]}: copy {SEED_FILE} "
                f"and {SALT_FILE} of that hub, and {SIGNING_FILE} if it has one, into the data "
                "directory; nothing was changed"
            )
    return noted.keys() == mine.keys()

"""The hub's signing key: which one signs now, and how controllers are led from one to the next.

What controllers need for that is public and kept in the database: each key, signed by the
one before. The key itself is a file. It is written first; the commit makes it count; the
file gets its name after that, and at a start the database says which of the files it is.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from hub.errors import ConflictError
from hub.identity import KEY
from hub.ids import Entropy
from hub.keystore import Keys, keep_signing_key, write_next_signing_key
from hub.ledger.writer import Tx, Writer
from hub.settings import read_document, write_document
from wire.keys import HUB, SEED_BYTES, Signer
from wire.succession import hand_over, write_succession

DOCUMENT = "hub_keys"
_ROTATING = threading.Lock()
"""Two at once would mix up their files."""
_SET_KEY = text("UPDATE settings SET value = :new WHERE name = :name AND value = :old")


class Links(msgspec.Struct, frozen=True):
    """The hub's keys since its first, each signed by the one before: envelopes as text."""

    links: tuple[str, ...] = ()


def succession(connection: Connection) -> bytes | None:
    """The payload of `down/key`; None: the hub has its first key still."""
    links = read_document(connection, DOCUMENT, Links, Links()).links
    return write_succession(tuple(one.encode() for one in links)) if links else None


def rotate(data: Path, writer: Writer, keys: Keys, entropy: Entropy) -> int:
    """Sign with a new key from now on; gives its number. What was signed before stays good.

    Args:
        data: The hub's data directory: gets the key.
        writer: Books it.
        keys: Of this hub, which runs: they change in place.
        entropy: Makes the key.

    Raises:
        ConflictError: Another hub gave this database a new key meanwhile.
        ConfigError: The key can't be stored; nothing was changed.
    """
    with _ROTATING:
        return _rotate(data, writer, keys, entropy(SEED_BYTES))


def _rotate(data: Path, writer: Writer, keys: Keys, seed: bytes) -> int:
    new = Signer(seed, HUB)
    write_next_signing_key(data, seed)

    def job(tx: Tx) -> int:
        before = read_document(tx.connection, DOCUMENT, Links, Links()).links
        number = len(before) + 2
        values = {"name": KEY, "new": new.public, "old": keys.signer.public}
        if tx.connection.execute(_SET_KEY, values).rowcount == 0:
            raise ConflictError("another hub has made a new key: copy it and start this one again")
        link = hand_over(keys.signer, new.public, number, tx.now_ms)
        write_document(tx, DOCUMENT, Links((*before, link.decode())))
        tx.touch("hub_key", "")
        return number

    number = writer.run(job)
    keys.signer.become(seed)
    keep_signing_key(data)
    return number

"""Keys of staff programs: a secret shown once, its hash stored, scopes and an end.

A key reads `sp_<26 characters>_<64 hex digits>`. The first part names the row, the
second is 32 random bytes; with that much randomness a plain SHA-256 is as good as a
slow hash, and quick on every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from hub.errors import InputError, NotFoundError
from hub.ids import Entropy
from hub.ledger.writer import Tx
from hub.store.tables.people import api_keys

SECRET_BYTES = 32
USED_EVERY_MS = 60_000
"""The last use is a fact for people: to the minute is enough, and reads stay reads."""
NAME_LENGTH_MAX = 64
_TOKEN = re.compile(r"sp_([0-9a-z]{26})_([0-9a-f]{64})")


class Scope(StrEnum):
    """What a key may do."""

    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    REFUNDS_WRITE = "refunds:write"
    CORRECTIONS_WRITE = "corrections:write"
    APPROVALS_WRITE = "approvals:write"
    USAGE_WRITE = "usage:write"
    FLEET_READ = "fleet:read"
    FLEET_WRITE = "fleet:write"
    COMMANDS_WRITE = "commands:write"
    TARIFFS_WRITE = "tariffs:write"
    RISK_WRITE = "risk:write"
    KEYS_WRITE = "keys:write"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it, without its secret.

    Attributes:
        id: `key_…`, also in the key itself.
        name: Whose or what for.
        scopes: What it may do.
        created_ms: When it was made.
        expires_ms: When it ends; None: never.
        revoked_ms: When it was revoked; None: it wasn't.
        used_ms: Last use, to the minute; None: never used.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None

    def is_valid(self, now_ms: int) -> bool:
        """Tell whether it opens anything now."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key just made: the only moment when `token` is known."""

    key: ApiKey
    token: str


def create_key(
    tx: Tx,
    key_id: str,
    name: str,
    scopes: Iterable[Scope],
    expires_ms: int | None,
    entropy: Entropy,
) -> NewKey:
    """Make a key. Its token is returned once and stored nowhere.

    Args:
        tx: The writer's transaction.
        key_id: `key_…`, made by the caller.
        name: Whose or what for.
        scopes: What it may do, at least one.
        expires_ms: When it ends; None: never.
        entropy: Makes the secret.

    Raises:
        InputError: No name, no scope, or an end that is past.
    """
    granted = frozenset(scopes)
    if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX:
        raise InputError(f"a key needs a name of 1 to {NAME_LENGTH_MAX} characters")
    if not granted:
        raise InputError("a key needs a scope: without one it opens nothing")
    if expires_ms is not None and expires_ms <= tx.now_ms:
        raise InputError("the key would have ended already: choose a later end")
    secret = entropy(SECRET_BYTES)
    key = ApiKey(key_id, name.strip(), granted, tx.now_ms, expires_ms, None, None)
    tx.connection.execute(
        insert(api_keys).values(
            id=key.id,
            name=key.name,
            secret_hash=_hash(secret),
            scopes=" ".join(sorted(granted)),
            created_ms=key.created_ms,
            expires_ms=expires_ms,
        )
    )
    return NewKey(key, f"sp_{key_id.removeprefix('key_')}_{secret.hex()}")


def find_key(connection: Connection, token: str, now_ms: int) -> ApiKey | None:
    """The valid key that a token is, or None: whatever is wrong looks the same."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    row = connection.execute(select(api_keys).where(api_keys.c.id == f"key_{match[1]}")).first()
    given = _hash(bytes.fromhex(match[2]))
    if row is None or not hmac.compare_digest(row.secret_hash, given):
        return None
    key = _key(row)
    return key if key.is_valid(now_ms) else None


def is_use_due(key: ApiKey, now_ms: int) -> bool:
    """Tell whether this use is worth a write."""
    return key.used_ms is None or now_ms - key.used_ms >= USED_EVERY_MS


def note_use(tx: Tx, key_id: str) -> None:
    """Write a key's last use; a second one within the minute writes nothing."""
    stale = or_(api_keys.c.used_ms.is_(None), api_keys.c.used_ms <= tx.now_ms - USED_EVERY_MS)
    tx.connection.execute(
        update(api_keys).where(and_(api_keys.c.id == key_id, stale)).values(used_ms=tx.now_ms)
    )


def list_keys(connection: Connection) -> list[ApiKey]:
    """All keys, newest first; there are as many as programs, a handful."""
    rows = connection.execute(select(api_keys).order_by(api_keys.c.id.desc()))
    return [_key(row) for row in rows]


def revoke_key(tx: Tx, key_id: str) -> ApiKey:
    """End a key at once. Revoked before: stays as it was.

    Raises:
        NotFoundError: No such key.
    """
    not_yet = and_(api_keys.c.id == key_id, api_keys.c.revoked_ms.is_(None))
    tx.connection.execute(update(api_keys).where(not_yet).values(revoked_ms=tx.now_ms))
    row = tx.connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
    if row is None:
        raise NotFoundError(f"there is no key {key_id}: see standpipe-hub key list")
    return _key(row)


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split() if scope in set(Scope)),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
        used_ms=row.used_ms,
    )

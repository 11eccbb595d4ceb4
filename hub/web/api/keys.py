"""Routes of API keys: a key may make others that may do no more than itself."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import JSONBody

from hub.ledger.writer import Tx
from hub.people import keys
from hub.people.keys import ApiKey, NewKey, Scope
from hub.web.auth import caller_of
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.problems import WebError
from hub.web.routing import PathId, read, write
from wire.errors import Code

TAG = "Keys"
DAY_MS = 86_400_000
KeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=keys.NAME_LENGTH_MAX)]
Scopes = Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=len(Scope))]
Days = Annotated[int, msgspec.Meta(ge=1, le=3_660)]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret.

    Attributes:
        id: Its id, also in the key itself.
        name: Whose or what for.
        scopes: What it may do.
        created_ms: When it was made.
        expires_ms: When it ends; null: never.
        revoked_ms: When it was revoked; null: it wasn't.
        used_ms: Last use, to the minute; null: never used.
    """

    id: str
    name: str
    scopes: list[Scope]
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None


class NewKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made.

    Attributes:
        key: The key.
        token: What is sent as `Authorization: Bearer …`; shown this once.
    """

    key: KeyView
    token: str


class CreateKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is wanted.

    Attributes:
        name: Whose or what for.
        scopes: What it may do.
        days: How long; null: for ever.
    """

    name: KeyName
    scopes: Scopes
    days: Days | None = None


def view(key: ApiKey) -> KeyView:
    """A key as the API shows it."""
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=sorted(key.scopes),
        created_ms=key.created_ms,
        expires_ms=key.expires_ms,
        revoked_ms=key.revoked_ms,
        used_ms=key.used_ms,
    )


@read("/keys", Scope.KEYS_WRITE, tag=TAG)
def list_keys(hub: Hub) -> Page[KeyView]:
    """List all keys, newest first."""
    with hub.store.read() as connection:
        return Page(items=[view(key) for key in keys.list_keys(connection)])


@write("/keys", Scope.KEYS_WRITE, tag=TAG)
def create_key(hub: Hub, request: Request[Any, Any, Any], data: JSONBody[CreateKey]) -> NewKeyView:
    """Make a key; its token is shown this once."""
    missing = set(data.scopes) - caller_of(request).scopes
    if missing:
        raise WebError(
            f"Your own key lacks {' '.join(sorted(missing))}: it can't give them away.",
            Code.SCOPE_MISSING,
        )
    key_id = hub.ids.new("key")

    def job(tx: Tx) -> NewKey:
        ends = None if data.days is None else tx.now_ms + data.days * DAY_MS
        return keys.create_key(tx, key_id, data.name, data.scopes, ends, hub.entropy)

    made = hub.writer.run(job)
    return NewKeyView(key=view(made.key), token=made.token)


@write("/keys/{key:str}/revoke", Scope.KEYS_WRITE, tag=TAG, status=200)
def revoke_key(hub: Hub, key: PathId) -> KeyView:
    """End a key at once."""
    return view(hub.writer.run(lambda tx: keys.revoke_key(tx, key)))


ROUTES = (list_keys, create_key, revoke_key)

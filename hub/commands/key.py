"""`standpipe-hub key`: make, list and revoke the keys of staff programs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hub.commands.access import Api, Json, Place, direct, moment, print_json, say
from hub.errors import HubError, InputError
from hub.people import keys
from hub.people.keys import ApiKey, Scope

DAY_MS = 86_400_000
ALL = "all"


def create(
    place: Place, name: str, scopes: Iterable[str], days: int | None, *, as_json: bool
) -> int:
    """Make a key and print it: the only time that it is shown.

    Args:
        place: Where.
        name: Whose or what for.
        scopes: What it may do; `all` for everything.
        days: How long; None: for ever.
        as_json: Print JSON for programs.

    Returns:
        Exit code.
    """
    try:
        granted = _scopes(scopes)
        made = _create_at_hub if place.hub else _create_directly
        key_id, token = made(place, name, granted, days)
    except HubError as error:
        return say(error)
    if as_json:
        print_json({"id": key_id, "token": token, "scopes": sorted(granted)})
        return 0
    print(token)
    print(f"This is {key_id} for {name}. It is shown this once; keep it where secrets are kept.")
    return 0


def list_keys(place: Place, *, as_json: bool) -> int:
    """Print all keys, without their secrets. Returns the exit code."""
    try:
        rows = _list(place)
    except HubError as error:
        return say(error)
    if as_json:
        print_json(rows)
        return 0
    for row in rows:
        print(
            f"{row['id']}  {row['name']}\n"
            f"    may: {' '.join(row['scopes'])}\n"
            f"    made {moment(row['created_ms'])}, ends {moment(row['expires_ms'], 'never')}, "
            f"last used {moment(row['used_ms'], 'never')}, "
            f"revoked {moment(row['revoked_ms'], 'no')}"
        )
    if not rows:
        print("There are no keys yet: standpipe-hub key create NAME --scope all")
    return 0


def revoke(place: Place, key_id: str) -> int:
    """End a key at once. Returns the exit code."""
    try:
        if place.hub:
            with Api(place) as api:
                api.post(f"/keys/{key_id}/revoke", {})
        else:
            with direct(place) as hub:
                hub.writer.run(lambda tx: keys.revoke_key(tx, key_id))
    except HubError as error:
        return say(error)
    print(f"{key_id} opens nothing any more.")
    return 0


def _scopes(named: Iterable[str]) -> frozenset[Scope]:
    wanted = set(named)
    if ALL in wanted:
        return frozenset(Scope)
    unknown = wanted - set(Scope)
    if unknown or not wanted:
        raise InputError(
            f"name scopes out of: {ALL} {' '.join(Scope)}"
            + (f"; not {' '.join(sorted(unknown))}" if unknown else "")
        )
    return frozenset(Scope(scope) for scope in wanted)


def _create_directly(
    place: Place, name: str, scopes: frozenset[Scope], days: int | None
) -> tuple[str, str]:
    with direct(place) as hub:
        ends = None if days is None else hub.clock.now().wall_ms + days * DAY_MS
        key_id = hub.ids.new("key")
        made = hub.writer.run(
            lambda tx: keys.create_key(tx, key_id, name, scopes, ends, hub.entropy)
        )
    return made.key.id, made.token


def _create_at_hub(
    place: Place, name: str, scopes: frozenset[Scope], days: int | None
) -> tuple[str, str]:
    with Api(place) as api:
        body = {"name": name, "scopes": sorted(scopes), "days": days}
        made = api.post("/keys", body)
    return str(made["key"]["id"]), str(made["token"])


def _list(place: Place) -> list[Json]:
    if place.hub:
        with Api(place) as api:
            return list(api.get("/keys")["items"])
    with direct(place) as hub, hub.store.read() as connection:
        return [_row(key) for key in keys.list_keys(connection)]


def _row(key: ApiKey) -> Json:
    return {**msgspec.to_builtins(key), "scopes": sorted(key.scopes)}

"""Tariffs: every version stays, since a session is priced by the one it began with."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select, tuple_

from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.fleet import machines, tariffs
from hub.store.tables.people import accounts
from wire.errors import Code, TariffError
from wire.tariff import Tariff
from wire.usage import zone

DECODED_MAX = 4_096
"""Versions kept decoded: what a day's sessions began with, at the largest operators."""

_VERSIONS = select(tariffs.c.definition).where(
    tuple_(tariffs.c.id, tariffs.c.version).in_(bindparam("wanted", expanding=True))
)


def add_version(tx: Tx, tariff: Tariff) -> Tariff:
    """Add a version of a tariff. The same version with the same content: as it is.

    Raises:
        InputError: Its time zone isn't known, or its unit isn't that of its other versions.
        ConflictError: The version exists with other content, or isn't the next one.
    """
    try:
        zone(tariff.timezone)
    except TariffError as error:
        raise InputError(str(error)) from None
    existing = find_version(tx.connection, tariff.id, tariff.version)
    if existing is not None:
        if existing != tariff:
            raise ConflictError(
                f"version {tariff.version} of {tariff.id} exists: a version never changes",
                Code.ID_CONFLICT,
            )
        return existing
    _check_follows(tx.connection, tariff)
    tx.connection.execute(
        insert(tariffs).values(
            id=tariff.id,
            version=tariff.version,
            definition=msgspec.json.encode(tariff).decode(),
            created_ms=tx.now_ms,
        )
    )
    _touch_users(tx, tariff.id)
    return tariff


def get_latest(connection: Connection, tariff_id: str) -> Tariff:
    """The newest version of a tariff.

    Raises:
        NotFoundError: No such tariff.
    """
    found = latest(connection, (tariff_id,))
    if not found:
        raise NotFoundError(f"there is no tariff {tariff_id}")
    return found[0]


def latest(connection: Connection, ids: Iterable[str]) -> tuple[Tariff, ...]:
    """The newest version of each of these tariffs that exists, in the order of ids."""
    newest = (
        select(tariffs.c.id, func.max(tariffs.c.version).label("version"))
        .where(tariffs.c.id.in_(sorted(set(ids))))
        .group_by(tariffs.c.id)
        .subquery()
    )
    query = (
        select(tariffs.c.definition)
        .join(newest, (tariffs.c.id == newest.c.id) & (tariffs.c.version == newest.c.version))
        .order_by(tariffs.c.id)
    )
    return tuple(_decode(row.definition) for row in connection.execute(query))


def find_version(connection: Connection, tariff_id: str, version: int) -> Tariff | None:
    """One version of a tariff, or None."""
    return find_versions(connection, ((tariff_id, version),)).get((tariff_id, version))


def find_versions(
    connection: Connection, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Tariff]:
    """Those of these versions that exist."""
    rows = connection.execute(_VERSIONS, {"wanted": sorted(set(wanted))})
    found = (_decode(row.definition) for row in rows)
    return {(tariff.id, tariff.version): tariff for tariff in found}


def list_latest(connection: Connection) -> tuple[Tariff, ...]:
    """The newest version of every tariff, in the order of ids."""
    ids = connection.execute(select(tariffs.c.id).distinct()).scalars()
    return latest(connection, ids)


def list_versions(connection: Connection, tariff_id: str) -> tuple[Tariff, ...]:
    """All versions of a tariff, newest first.

    Raises:
        NotFoundError: No such tariff.
    """
    query = (
        select(tariffs.c.definition)
        .where(tariffs.c.id == tariff_id)
        .order_by(tariffs.c.version.desc())
    )
    found = tuple(_decode(row.definition) for row in connection.execute(query))
    if not found:
        raise NotFoundError(f"there is no tariff {tariff_id}")
    return found


def _check_follows(connection: Connection, tariff: Tariff) -> None:
    before = latest(connection, (tariff.id,))
    expected = before[0].version + 1 if before else 1
    if tariff.version != expected:
        raise ConflictError(
            f"the next version of {tariff.id} is {expected}, not {tariff.version}",
            Code.VERSION_STALE,
        )
    if before and before[0].unit != tariff.unit:
        raise InputError(
            f"{tariff.id} is in {before[0].unit.code}: make another tariff for {tariff.unit.code}"
        )


def _touch_users(tx: Tx, tariff_id: str) -> None:
    """Let the configurations follow that name the tariff, by machine or by account."""
    own = accounts.c.tariffs.contains(f'"{tariff_id}"', autoescape=True)
    query = select(machines.c.controller).where(machines.c.removed_ms.is_(None)).distinct()
    if tx.connection.execute(select(accounts.c.id).where(own).limit(1)).first() is None:
        query = query.where(machines.c.definition.contains(f'"{tariff_id}"', autoescape=True))
    for row in tx.connection.execute(query):
        tx.touch("config", row.controller)
    tx.touch("tariff", tariff_id)


@lru_cache(maxsize=DECODED_MAX)
def _decode(definition: str) -> Tariff:
    return msgspec.json.decode(definition, type=Tariff)

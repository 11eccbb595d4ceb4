"""`standpipe-hub backup` and `restore`."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import text

from hub.charging import restored
from hub.clock import SystemClock
from hub.commands import archive
from hub.commands.access import moment, progress_bar, reading, say
from hub.commands.archive import (
    CERTIFICATES,
    COPY_OF_SERVER,
    COPY_OF_SQLITE,
    SECRETS,
    Manifest,
)
from hub.config import DATABASE_FILE, FILE_NAME, HubConfig, load_config
from hub.errors import ConfigError, HubError, StoreError
from hub.keystore import load_keys
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.store import copies, migrations
from hub.store.engine import open_store
from hub.store.lock import writing_lock
from hub.version import package_version

_PRIVATE = 0o700


def backup(data: Path, database: str, target: Path, *, as_json: bool) -> int:
    """Write a backup of a hub, also while it runs; gives the exit code."""
    try:
        manifest = _backup(data, database, target)
    except (HubError, OSError) as error:
        return say(error)
    if as_json:
        print(json.dumps({"file": str(target), "batches": manifest.batches}))
        return 0
    print(f"{target} holds the hub as of {moment(manifest.made_ms)}, batch {manifest.batches}.")
    print("It holds the hub's secrets too: keep it as safe as the cash box.")
    return 0


def restore(data: Path, database: str, source: Path, *, as_json: bool) -> int:
    """Make a hub of a backup in a new directory; gives the exit code.

    The whole book is checked before the hub may be used.
    """
    try:
        manifest = _restore(data, database, source)
    except (HubError, OSError) as error:
        return say(error)
    if as_json:
        print(json.dumps({"data": str(data), "batches": manifest.batches}))
        return 0
    print(f"{data} is the hub as of {moment(manifest.made_ms)}, batch {manifest.batches}.")
    print("Controllers send what was used since by themselves, once it is served.")
    print("Not in it: top-ups, refunds, accounts and cards made since. Enter them again.")
    return 0


def _backup(data: Path, database: str, target: Path) -> Manifest:
    if target.exists():
        raise ConfigError(f"{target} exists already: give the backup a new name")
    config = load_config(data, {"database": database or None})
    load_keys(data)  # a backup without them would be worth little
    made_ms = SystemClock().now().wall_ms
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.absolute().parent) as folder:
        copy, schema, head = _copy(config, data, database, Path(folder))
        members = {copy.name: copy} | {
            name: data / name
            for name in (*SECRETS, *CERTIFICATES, FILE_NAME)
            if (data / name).exists()
        }
        manifest = Manifest(
            version=package_version(),
            made_ms=made_ms,
            database=copy.name,
            schema=schema,
            batches=head[0],
            head_hash=head[1],
            sha256={name: archive.digest_of(path) for name, path in members.items()},
        )
        archive.write_archive(target, manifest, members)
    return manifest


def _copy(
    config: HubConfig, data: Path, database: str, folder: Path
) -> tuple[Path, str, tuple[int, str]]:
    """Copy the database; gives the copy, its schema, and the head of its book."""
    if copies.is_sqlite(config.database_url):
        copy = folder / COPY_OF_SQLITE
        with progress_bar("bytes", quiet=False) as progress:
            copies.copy_sqlite(config.database_url, copy, progress)
        with reading(data, f"sqlite:///{copy}") as connection:
            return copy, migrations.current(connection), archive.head_of(connection)
    copy = folder / COPY_OF_SERVER
    with reading(data, database) as connection:
        schema, head = migrations.current(connection), archive.head_of(connection)
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        copies.dump_server(config.database_url, snapshot, copy)
    return copy, schema, head


def _restore(data: Path, database: str, source: Path) -> Manifest:
    taken = [n for n in (DATABASE_FILE, *SECRETS, *CERTIFICATES) if (data / n).exists()]
    if taken:
        raise ConfigError(f"{data} has {', '.join(taken)} already: restore into a new directory")
    data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    with archive.open_archive(source) as (manifest, tar), _staged(data) as folder:
        archive.unpack(manifest, tar, folder)
        copy = folder / manifest.database
        url = _target(data, database, folder, manifest)
        if copies.is_sqlite(url):
            if manifest.database != COPY_OF_SQLITE:
                raise ConfigError("this backup is of PostgreSQL: give --database postgresql+…")
            url = f"sqlite:///{copy}"
        elif manifest.database != COPY_OF_SERVER:
            raise ConfigError("this backup is of SQLite: restore it without --database")
        else:
            copies.restore_server(url, copy)
            copy.unlink()
        _make_usable(url, manifest)
        with writing_lock(data):
            for path in sorted(folder.iterdir()):
                # Settings that somebody prepared for the new place win over the old ones.
                if path.name != FILE_NAME or not (data / FILE_NAME).exists():
                    shutil.move(path, data / path.name)
    return manifest


def _target(data: Path, database: str, folder: Path, manifest: Manifest) -> str:
    """Where the database goes: as asked for, or where it was when that was a server."""
    if database:
        return load_config(data, {"database": database}).database_url
    if manifest.database == COPY_OF_SERVER:
        raise ConfigError(
            "this backup is of PostgreSQL: give --database with the URL of an empty database"
        )
    return f"sqlite:///{folder / COPY_OF_SQLITE}"


def _make_usable(url: str, manifest: Manifest) -> None:
    """Check the book against the manifest, then let it go on where controllers are."""
    store = open_store(url)
    try:
        migrations.upgrade(store)
        with store.read() as connection, progress_bar("items", quiet=False) as progress:
            if archive.head_of(connection) != (manifest.batches, manifest.head_hash):
                raise StoreError("the book in the backup isn't the one that its manifest names")
            faults = list(verify_book(connection, progress))
        if faults:
            raise StoreError(f"the book in the backup is wrong: {faults[0]}")
        with Writer(store, SystemClock()) as writer:
            writer.run(restored.jump_ahead)
            account = writer.run(partial(restored.renew_rights, after=""))
            while account:
                account = writer.run(partial(restored.renew_rights, after=account))
    finally:
        store.close()


@contextmanager
def _staged(data: Path) -> Iterator[Path]:
    """A directory beside the final place, gone with everything in it if all doesn't go well."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=data) as folder:
        yield Path(folder)

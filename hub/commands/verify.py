"""`standpipe-hub verify`: is every cent where it should be?"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from hub.charging.audit import audit_charging
from hub.commands.access import say
from hub.config import DATABASE_FILE, load_config
from hub.errors import ConfigError, HubError
from hub.ledger.verify import Progress, verify_book
from hub.store import migrations
from hub.store.engine import open_store

FAULTS_SHOWN_MAX = 100
"""A book that is broken in more places isn't understood by reading more lines."""


def verify(data: Path, database: str, *, as_json: bool) -> int:
    """Check book, rights and sessions as of one moment; 0: all is well, 1: it isn't."""
    try:
        config = load_config(data, {"database": database or None})
        if not config.database and not (data / DATABASE_FILE).exists():
            raise ConfigError(f"there is no hub in {data}: run standpipe-hub init, or name it")
        store = open_store(config.database_url)
        try:
            migrations.check_current(store)
            with store.read() as connection:
                faults = _check(connection, quiet=as_json or not sys.stderr.isatty())
        finally:
            store.close()
    except HubError as error:
        return say(error)
    if as_json:
        print(json.dumps({"ok": not faults, "faults": faults}))
    elif faults:
        for fault in faults:
            print(fault)
        print(f"{len(faults)} faults: the book isn't what was booked", file=sys.stderr)
    else:
        print("Every balance, limit, id and hash is right, and rights and sessions agree.")
    return 1 if faults else 0


def _check(connection: Connection, *, quiet: bool) -> list[str]:
    if quiet:
        return _collect(connection, lambda _done, _all: None)
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("items", total=None)
        return _collect(connection, lambda done, all_: _show(bar, task, done, all_))


def _collect(connection: Connection, progress: Progress) -> list[str]:
    found: Iterator[str] = itertools.chain(
        verify_book(connection, progress), audit_charging(connection)
    )
    return list(itertools.islice(found, FAULTS_SHOWN_MAX))


def _show(bar: Any, task: Any, done: int, all_: int) -> None:
    bar.update(task, completed=done, total=all_)

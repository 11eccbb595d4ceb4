"""Copies of a database while it is in use, and a database made of a copy.

SQLite copies itself (`VACUUM INTO`) over a connection that only reads, as of one moment,
however long it takes. PostgreSQL's own `pg_dump` does the same on a server, and
`pg_restore` is the way back.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url

from hub.errors import ConfigError, StoreError

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of about how many."""
STEPS = 20_000
"""Steps of SQLite's machine between two words of progress: some milliseconds."""
DEBIAN_BINARIES = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version."""
WORDS_MAX = 2_000
"""Of what a program complains; its last words say what matters."""


def is_sqlite(url: str) -> bool:
    """Tell whether a database URL names a file of SQLite's."""
    return make_url(url).drivername.partition("+")[0] == "sqlite"


def copy_sqlite(url: str, target: Path, progress: Progress) -> None:
    """Copy a SQLite database, as of one moment, also while the hub writes.

    Args:
        url: Which.
        target: A file that doesn't exist.
        progress: Told how far it is.

    Raises:
        StoreError: It can't be read, or the disk is full.
    """
    source = _file_of(url)
    size = source.stat().st_size

    def tell() -> int:
        progress(min(size, target.stat().st_size if target.exists() else 0), size)
        return 0

    try:
        with closing(_open_to_read(source)) as connection:
            connection.set_progress_handler(tell, STEPS)
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise StoreError(f"{source} can't be copied: {error}") from None
    progress(size, size)


def dump_server(url: str, snapshot: str, target: Path) -> None:
    """Copy a PostgreSQL database as of a snapshot that a transaction exports.

    Args:
        url: Which.
        snapshot: Of `pg_export_snapshot()`, in a transaction that is still open.
        target: The file to write.

    Raises:
        ConfigError: `pg_dump` isn't installed.
        StoreError: It failed.
    """
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    _run("pg_dump", [*options, f"--file={target}"], make_url(url))


def restore_server(url: str, source: Path) -> None:
    """Fill an empty PostgreSQL database from a copy, whole or not at all.

    Raises:
        ConfigError: `pg_restore` isn't installed.
        StoreError: It failed, as when the database isn't empty; nothing was changed.
    """
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run("pg_restore", [*options, str(source)], make_url(url), database_option=True)


def _run(name: str, options: list[str], url: URL, *, database_option: bool = False) -> None:
    address = url.set(drivername="postgresql", password=None).render_as_string()
    place = [f"--dbname={address}"] if database_option else [address]
    # Not on the command line, where every user of the machine could read it.
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    command = [_find_program(name), *options, *place]
    done = subprocess.run(  # noqa: S603 our own arguments
        command, env={**os.environ, **password}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StoreError(f"{name} failed: {done.stderr.strip()[-WORDS_MAX:]}")


def _find_program(name: str) -> str:
    """The newest installed: an older one refuses a newer server."""
    found = sorted(DEBIAN_BINARIES.glob(f"*/bin/{name}"), key=_version)
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise ConfigError(f"{name} is needed and missing: apt install postgresql-client")
    return program


def _version(program: Path) -> int:
    version = program.parent.parent.name
    return int(version) if version.isdigit() else 0


def _file_of(url: str) -> Path:
    path = pathlib.Path(make_url(url).database or "")
    if not path.is_file():
        raise ConfigError(f"there is no database {path}")
    return path


def _open_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

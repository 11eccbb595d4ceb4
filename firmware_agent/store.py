"""The controller's database: one file, one writing connection, nothing lost.

WAL with `synchronous=FULL`: what was committed survives a power cut. One connection
writes and checkpoints and `mmap` stays off, because SQLite 3.7.0 to 3.51.2 can corrupt
a WAL that two connections write at once; whoever else looks opens it read-only.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from firmware_agent.errors import StoreCorrupt, StoreError, StoreUnwritable

_log = logging.getLogger(__name__)

DATABASE_NAME = "agent.db"
LOCK_NAME = "agent.lock"
BUSY_TIMEOUT_MS = 5_000
"""Only a reader's checkpoint can hold the file, and only for moments."""
WAL_PAGES = 1_000
"""A commit checkpoints at 4 MB at the latest; housekeeping does it before, in quiet moments."""
WAL_BYTES_MAX = 4 << 20
TIGHT_PERCENT = 80
"""Of what the database may take: from here on old rows make room, before it is full."""
PROBE_BYTES = 64 * 1024
"""What has to fit before the disk counts as writable again: many events."""
WAL_RESET_FIXED = (3, 51, 3)

SCHEMA_STEPS = ("m001_journal", "m002_limits", "m003_service")
"""Names of the steps in `migrations`."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cell_size_check=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-2048",
    f"PRAGMA wal_autocheckpoint={WAL_PAGES}",
    f"PRAGMA journal_size_limit={WAL_BYTES_MAX}",
)
_SPOILT_SECTORS = "psow=0"
"""A card may spoil the sector that it writes while the power goes. Told so, SQLite fills the
sector up at each commit, so that no later commit writes where this one ends."""
_NO_TEXT = "Could not decode to UTF-8"
"""The driver's words for text that isn't: it has no name for this error."""
Connect = Callable[..., sqlite3.Connection]
"""Opens a connection, called as `sqlite3.connect` is."""
_CORRUPT = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
NUMBER_MAX = 2**53
"""No number that is kept under a name is larger (`wire.bounds.Seq`); SQLite takes 64 bits."""


class Store:
    """The writing connection. Used by one thread at a time.

    Args:
        folder: The data folder; made when it isn't there.
        bytes_max: The database is never larger.
        connect: Opens the connection; a simulation's disk comes in here.

    Raises:
        StoreUnwritable: The folder or file can't be written.
        StoreCorrupt: The file is no database of ours.
        StoreError: Another agent uses the folder.
    """

    def __init__(self, folder: Path, bytes_max: int, connect: Connect = sqlite3.connect) -> None:
        self.folder = folder
        self._lock = lock_folder(folder)
        self.connection: sqlite3.Connection | None = None
        try:
            with _mapped():
                self.connection = _open(folder / DATABASE_NAME, bytes_max, connect)
                if not _is_migrated(self.connection):
                    from firmware_agent.migrations import migrate

                    self._check_before_migrating()
                    migrate(self.connection)
        except StoreError:
            self.close()
            raise
        self._settle_log()
        if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
            _log.info(
                "SQLite %s has the WAL-reset bug: only this process may write %s",
                sqlite3.sqlite_version,
                folder / DATABASE_NAME,
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block has ended; all of it or nothing.

        Raises:
            StoreUnwritable: Nothing was written.
            StoreCorrupt: The file doesn't hold what it should; nothing was written.
        """
        connection = self._connection()
        with _mapped():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read rows.

        Raises:
            StoreCorrupt: They can't be read.
        """
        with _mapped():
            return self._connection().execute(sql, values).fetchall()

    def meta(self, key: str) -> object | None:
        """A value kept under a name; None: none is."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def number(self, key: str) -> int:
        """A number kept under a name; 0: none is, or none that was written."""
        value = self.meta(key)
        return value if isinstance(value, int) and 0 <= value <= NUMBER_MAX else 0

    def check(self) -> str:
        """SQLite's own quick check: its complaint, or an empty text.

        It doesn't find a changed byte in a row; the journal's chain does.
        """
        try:
            rows = self.query("PRAGMA quick_check(1)")
        except StoreError as error:
            return str(error)
        return "" if rows == [("ok",)] else str(rows[0][0]).rpartition("***\n")[2]

    def is_tight(self) -> bool:
        """Whether the database is nearly as large as it may become.

        Raises:
            StoreCorrupt: It can't be read.
        """
        names = ("page_count", "freelist_count", "max_page_count")
        pages, free, pages_max = (self.query(f"PRAGMA {name}")[0][0] for name in names)
        return bool((pages - free) * 100 >= pages_max * TIGHT_PERCENT)

    def probe(self) -> None:
        """Write and forget a few pages.

        Raises:
            StoreUnwritable: There is still no room.
        """
        with self.transaction() as sql:
            keep_meta(sql, "probe", bytes(PROBE_BYTES))
        with self.transaction() as sql:
            sql.execute("DELETE FROM meta WHERE key = 'probe'")

    def checkpoint(self) -> None:
        """Move what was committed from the WAL into the database, without waiting.

        Raises:
            StoreUnwritable: It can't be moved; what was committed stays committed.
        """
        self.query("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the database and let the next agent have the folder."""
        if self.connection is not None:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None
        self._lock.close()

    def _settle_log(self) -> None:
        """Have on disk what was found: a commit that was cut short may be there unsynced.

        Nothing may follow from it before, and nothing may be written beside it.
        """
        with suppress(StoreError):  # whatever it is, the check of the start finds it, too
            self.checkpoint()

    def _check_before_migrating(self) -> None:
        """A damaged list of steps looks like steps that weren't taken."""
        complaint = self.check()
        if complaint:
            raise StoreCorrupt(f"the database is damaged: {complaint}")

    def _connection(self) -> sqlite3.Connection:
        if self.connection is None:
            raise StoreUnwritable("the database is closed")
        return self.connection


def keep_meta(sql: sqlite3.Connection, key: str, value: str | int | bytes) -> None:
    """Keep a value under a name, within a transaction."""
    sql.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


@contextmanager
def open_read_only(folder: Path) -> Iterator[sqlite3.Connection]:
    """Look into a controller's database, also while its agent runs.

    Raises:
        StoreError: There is none, or it can't be read.
    """
    path = folder / DATABASE_NAME
    if not path.exists():
        raise StoreError(f"there is no journal in {folder}: has the agent run here?")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with _mapped(), closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        yield connection


def _open(path: Path, bytes_max: int, connect: Connect) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{_SPOILT_SECTORS}"
    connection = connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count={max(1, bytes_max // page_bytes)}")
    return connection


def _is_migrated(connection: sqlite3.Connection) -> bool:
    """Whether every step was taken; only then the migrations' library stays unloaded."""
    sql = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlite_migrations'"
    if connection.execute(sql).fetchone() == (0,):
        return False
    taken = {row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations")}
    return taken >= set(SCHEMA_STEPS)


def lock_folder(folder: Path) -> IO[bytes]:
    """Be the one process that uses a data folder, until what is returned is closed.

    Raises:
        StoreUnwritable: The folder can't be written.
        StoreError: Another process uses it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_NAME).open("ab")
    except OSError as error:
        raise StoreUnwritable(f"{folder} can't be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StoreError(f"another agent runs with {folder}: stop it first") from None
    return lock


@contextmanager
def _mapped() -> Iterator[None]:
    """Raise SQLite's errors as what they mean here."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except UnicodeDecodeError as error:
        # Its words about a damaged schema repeat the damage, and the driver can't read them.
        raise StoreCorrupt(f"the database is damaged: {_NO_TEXT}") from error
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(_CORRUPT) or _NO_TEXT in str(error):
            raise StoreCorrupt(f"the database is damaged: {error}") from error
        if isinstance(error, sqlite3.OperationalError):
            raise StoreUnwritable(f"the journal can't be written: {error}") from error
        raise

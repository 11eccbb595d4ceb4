"""Opens the database: one connection that writes, a pool that only reads.

On SQLite exactly one connection writes and checkpoints, in WAL with full sync, and
memory mapping stays off: versions 3.7.0 to 3.51.2 can corrupt a file that two
connections checkpoint at once. On PostgreSQL each hub has one that writes.
"""

from __future__ import annotations

import pathlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    NoSuchModuleError,
    SQLAlchemyError,
    TimeoutError as PoolTimeoutError,
)
from sqlalchemy.pool import QueuePool, StaticPool

from hub.errors import ConfigError, OverloadedError, StoreError
from hub.store.failures import UnluckyError

BUSY_TIMEOUT_MS = 5_000
"""Only a backup or an inspection can hold a lock, and not for longer."""
READERS_MAX = 8
"""More readers than the web's threads that read at once would wait on two cores anyway."""
READER_WAIT_S = 10
"""A page that waits longer has lost its reader."""
WRITERS = 2
"""On PostgreSQL one batch is decided while the one before it is written."""
SERVER_SETTINGS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's, unless the URL says otherwise: a server that is gone without a word is noticed
before the callers have given up."""
WAL_PAGES = 16_000
"""64 MB. The pages that every batch touches are copied back once for dozens of batches; at
SQLite's usual 1,000 the copying takes an eighth of the writer's time."""
WAL_BYTES_MAX = 64 * 1024 * 1024
"""After a burst the log is cut back to this."""

STATEMENTS_KEPT = 256
"""The book's, in each size of `hub.store.rows`, and as many others."""

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
    f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA recursive_triggers = ON",  # or REPLACE deletes what is only appended to
    "PRAGMA mmap_size = 0",
)
_SPOILT_SECTORS = "psow=0"
"""A drive may spoil the sector that it writes while the power goes. Told so, SQLite fills the
sector up at each commit, so that no later commit writes where this one ends."""
_BEGIN_WRITING = "BEGIN IMMEDIATE"
_READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF", "PRAGMA mmap_size = 0")


@dataclass(frozen=True, slots=True)
class Store:
    """An open database.

    Attributes:
        url: Where it is, without a password.
        writing: Engine of the one writing connection; used by `Writer` and migrations.
        reading: Engine whose connections can't write.
    """

    url: str
    writing: Engine
    reading: Engine

    @property
    def is_sqlite(self) -> bool:
        """Whether SQLite is underneath."""
        return self.writing.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Borrow a connection that can't write, and sees one moment throughout.

        Raises:
            StoreError: The database can't be reached.
            OverloadedError: Too many read at once.
        """
        try:
            connection = self.reading.connect()
        except PoolTimeoutError:
            raise OverloadedError("too many read at once: try again in a moment") from None
        except SQLAlchemyError as error:
            raise StoreError(f"the database can't be read: {error.__cause__ or error}") from error
        with connection:
            yield connection

    def close(self) -> None:
        """Close all connections; may be called again."""
        self.reading.dispose()
        self.writing.dispose()


def open_store(url: str) -> Store:
    """Open a database by URL, or by a path to an SQLite file.

    Args:
        url: `hub.db`, `sqlite:///hub.db` or a PostgreSQL URL.

    Raises:
        ConfigError: The URL can't be used.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError:
        raise ConfigError(f"{url!r} is no database: give a file or a URL") from None
    if parsed.drivername.partition("+")[0] != "sqlite":
        return _open_server(parsed)
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError("the ledger needs a file: a database in memory is gone with the power")
    path = pathlib.Path(parsed.database).absolute()
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it, or run standpipe-hub init")
    return Store(f"sqlite:///{path}", _sqlite_writer(path), _sqlite_readers(path))


def check_open(connection: Connection) -> None:
    """Check that a transaction is still there.

    SQLite drops a whole transaction by itself when the disk is full or fails. Whoever
    then goes on would commit each statement alone, and a last commit would say nothing.

    Raises:
        StoreError: It is gone; nothing of it is kept.
    """
    if is_lost(connection):
        raise UnluckyError("the connection to the database is lost")
    _check_driver(connection.connection.driver_connection)


def is_lost(connection: Connection) -> bool:
    """Tell whether the connection is gone, and with it what wasn't committed."""
    if connection.invalidated:
        return True
    return bool(getattr(connection.connection.driver_connection, "closed", False))


def _open_server(url: URL) -> Store:
    plain = url.render_as_string(hide_password=True)
    settings = {name: value for name, value in SERVER_SETTINGS.items() if name not in url.query}
    try:
        writing = create_engine(url, pool_size=WRITERS, max_overflow=0, connect_args=settings)
        reading = create_engine(
            url,
            pool_size=READERS_MAX,
            max_overflow=0,
            pool_timeout=READER_WAIT_S,
            pool_pre_ping=True,  # else the first page after a restart of the server fails
            connect_args=settings,
        )
    except (NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"{plain} can't be opened: {error}") from None
    event.listen(writing, "connect", _plan_for_growth)
    event.listen(reading, "connect", _plan_anew)
    event.listen(reading, "connect", _only_read)
    return Store(plain, writing, reading)


def _plan_for_growth(driver: Any, _record: object) -> None:
    """Have a connection that writes look rows up by their keys.

    PostgreSQL keeps the plan of a statement as it made it, which may be when the table was
    empty and reading all of it cost nothing. What a writer reads has a key, or is short; and
    compiling a statement takes longer than running it.
    """
    for way in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"):
        _set(driver, f"{way} = off")


def _plan_anew(driver: Any, _record: object) -> None:
    """Have a connection that reads plan each statement for what is asked: pages can wait."""
    _set(driver, "plan_cache_mode = force_custom_plan")


def _set(driver: Any, setting: str) -> None:
    driver.autocommit = True
    driver.execute(f"SET {setting}")
    driver.autocommit = False


def _only_read(driver: Any, _record: object) -> None:
    """Have each transaction of a connection to PostgreSQL see one moment, and write nothing."""
    from psycopg import IsolationLevel  # a hub on SQLite needs none of it

    driver.isolation_level = IsolationLevel.REPEATABLE_READ
    driver.read_only = True


def _sqlite_writer(path: pathlib.Path) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = _connect(f"{path.as_uri()}?{_SPOILT_SECTORS}", _WRITER_PRAGMAS)
        # A commit that was cut short may be found, and isn't synced: nothing may follow yet.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    # The driver begins nothing by itself; a transaction takes the write lock at once.
    event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "before_cursor_execute", _check_begun)
    return engine


def _sqlite_readers(path: pathlib.Path) -> Engine:
    def connect() -> sqlite3.Connection:
        return _connect(f"{path.as_uri()}?mode=ro", _READER_PRAGMAS)

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=READERS_MAX + 1,  # and one for the writer, who waits for nobody
        max_overflow=0,
        pool_timeout=READER_WAIT_S,
    )
    event.listen(engine, "begin", _begin)
    return engine


def _connect(uri: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS // 1000,
        cached_statements=STATEMENTS_KEPT,
    )
    for pragma in pragmas:
        connection.execute(pragma)
    return connection


def _begin_immediate(connection: Connection) -> Any:
    connection.exec_driver_sql(_BEGIN_WRITING)


def _check_begun(
    _connection: Connection, cursor: sqlite3.Cursor, statement: str, *_: object
) -> None:
    if statement != _BEGIN_WRITING:
        _check_driver(cursor.connection)


def _check_driver(driver: Any) -> None:
    # psycopg has no such attribute: PostgreSQL itself refuses to go on.
    if not getattr(driver, "in_transaction", True):
        raise StoreError("the database gave the transaction up: is its disk full?")


def _begin(connection: Connection) -> Any:
    connection.exec_driver_sql("BEGIN")

"""How long a hub may sleep in the middle of a transaction, on a server.

A hub that is stopped in the middle of one (a paused machine, a debugger) would keep what
it locked from all others. Between two statements PostgreSQL itself ends such a
transaction (`idle_in_transaction_session_timeout`). It doesn't where several messages
belong together: the first of them ends that limit, and `statement_timeout` never ends a
server that waits for more (PostgreSQL 15, `PostgresMain` and `ProcessClientReadInterrupt`
in src/backend/tcop/postgres.c). So each hub also looks for connections of other hubs on
which the server has been waiting for too long, and has them ended. Once the sleeper goes
on, it runs its transaction again.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import HubError
from hub.store.engine import Store
from hub.store.failures import store_error

MARK = "standpipe-hub writes"
"""`application_name` of each connection that writes."""
MS_PER_S = 1_000

# Each message of a hub to a connection sets `state_change`. Ending another connection of
# the same user needs no right of its own.
_END_STUCK = text(
    "SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename = current_user "
    "AND application_name = :mark AND pid <> pg_backend_pid() "
    "AND state <> 'idle' AND wait_event_type = 'Client' "
    "AND state_change < clock_timestamp() - :pause_ms * interval '1 millisecond'"
)

log = logging.getLogger("hub.store")


def limit_pauses(store: Store, pause_ms: int) -> None:
    """Have a server end a writing transaction in which nothing is asked for too long.

    Args:
        store: Of a server; SQLite has no others to wait.
        pause_ms: Longer than anything that is computed between two statements.
    """

    def limit(driver: Any, _record: object) -> None:
        driver.autocommit = True
        driver.execute(f"SET idle_in_transaction_session_timeout = {pause_ms:d}")
        driver.execute(f"SET application_name = '{MARK}'")
        driver.autocommit = False

    if not store.is_sqlite:
        store.writing.dispose()  # the next connection has the limit
        event.listen(store.writing, "connect", limit)


def end_stuck(connection: Connection, pause_ms: int) -> list[int]:
    """End writing connections whose hub fell silent in the middle of a transaction.

    Args:
        connection: Any, to the same database as the same user.
        pause_ms: How long the server must have been waiting for the hub.

    Returns:
        The server's process ids of those that were ended.
    """
    rows = connection.execute(_END_STUCK, {"mark": MARK, "pause_ms": pause_ms})
    return [row.pid for row in rows if row.ended]


class Reaper:
    """Frees what hubs that sleep have locked, in a thread that waits for no lock itself.

    Args:
        store: The database; on SQLite there is nothing to do.
        pause_ms: As of `limit_pauses`.
    """

    def __init__(self, store: Store, pause_ms: int) -> None:
        self._store = store
        self._pause_ms = pause_ms
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        if not self._store.is_sqlite:
            self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def step(self) -> None:
        """Look once.

        Raises:
            StoreError: The database doesn't answer.
        """
        with self._store.read() as connection:
            try:
                ended = end_stuck(connection, self._pause_ms)
            except SQLAlchemyError as error:
                raise store_error(error) from error
        if ended:
            log.warning("ended %d connections whose hub sleeps in a transaction", len(ended))

    def _run(self) -> None:
        while not self._closing.wait(self._pause_ms / MS_PER_S):
            try:
                self.step()
            except HubError as error:
                log.warning("sleeping hubs aren't looked for: %s", error)

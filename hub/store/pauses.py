"""How long a hub may sleep in the middle of a transaction, on a server."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from hub.store.engine import Store


def limit_pauses(store: Store, pause_ms: int) -> None:
    """Have a server end a writing transaction in which nothing happens for too long.

    A hub that is stopped in the middle of one (a paused machine, a debugger) would keep
    what it locked from all others. Once it goes on, it runs the transaction again.

    Args:
        store: Of a server; SQLite has no others to wait.
        pause_ms: Longer than anything that is computed between two statements.
    """

    def limit(driver: Any, _record: object) -> None:
        driver.autocommit = True
        driver.execute(f"SET idle_in_transaction_session_timeout = {pause_ms:d}")
        driver.autocommit = False

    if not store.is_sqlite:
        store.writing.dispose()  # the next connection has the limit
        event.listen(store.writing, "connect", limit)

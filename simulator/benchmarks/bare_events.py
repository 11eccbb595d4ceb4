"""The peer of `ingest`: the very event rows that a hub kept, inserted with nothing around.

Same schema, same settings of the connection, `executemany` in transactions of a thousand:
no signatures, no chains, no sessions, no book.
"""

from __future__ import annotations

import time

from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade

ROWS_PER_COMMIT = 1_000
_NS_PER_S = 1_000_000_000


def bare_events(book: str, copy: str) -> float:
    """Insert the event rows of a hub into an empty database; gives the seconds.

    Args:
        book: URL of the hub's database.
        copy: URL of the other one, on the same kind of database.
    """
    source = open_store(book)
    try:
        with source.read() as connection:
            rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM events")]
    finally:
        source.close()
    target = open_store(copy)
    try:
        upgrade(target)
        return _insert(target, rows)
    finally:
        target.close()


def _insert(store: Store, rows: list[tuple[object, ...]]) -> float:
    mark = "?" if store.is_sqlite else "%s"
    statement = f"INSERT INTO events VALUES ({', '.join([mark] * len(rows[0]))})"  # noqa: S608 marks only
    with store.writing.connect() as connection:
        began = time.monotonic_ns()
        for first in range(0, len(rows), ROWS_PER_COMMIT):
            with connection.begin():
                cursor = connection.connection.cursor()
                cursor.executemany(statement, rows[first : first + ROWS_PER_COMMIT])
                cursor.close()
        return (time.monotonic_ns() - began) / _NS_PER_S

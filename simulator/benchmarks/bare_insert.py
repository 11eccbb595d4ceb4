"""The ledger's peer: the very rows that a book wrote, inserted with nothing around it.

Same schema, same settings of the connection, batches of the same sizes, `executemany`.
No rules, no ids looked up, no balances, nobody who waits for an answer.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

from hub.store.engine import open_store
from hub.store.migrations import upgrade

_NS_PER_S = 1_000_000_000
_TABLES = ("items", "transfers", "batches")
Rows = list[tuple[Any, ...]]
Batch = tuple[int, Rows, Rows, Rows]
"""Number of the batch, then its rows of each of `_TABLES`."""


def bare_insert(book: Path, copy: Path, after: int) -> float:
    """Insert the rows of a book into an empty database; gives the seconds.

    Args:
        book: The book's file, no longer written.
        copy: Where to make the other one.
        after: Batches up to this one are put there beforehand, and not measured.
    """
    with closing(sqlite3.connect(book)) as source:
        accounts = source.execute("SELECT * FROM ledger_accounts").fetchall()
        batches = _batches(source)
    store = open_store(str(copy))
    try:
        upgrade(store)
        with store.writing.connect() as connection:
            target = connection.connection.driver_connection
            if not isinstance(target, sqlite3.Connection):
                raise TypeError("the peer knows SQLite only")
            _insert(target, "ledger_accounts", accounts)
            _insert_batches(target, [batch for batch in batches if batch[0] <= after])
            began = time.monotonic_ns()
            _insert_batches(target, [batch for batch in batches if batch[0] > after])
            return (time.monotonic_ns() - began) / _NS_PER_S
    finally:
        store.close()


def _batches(source: sqlite3.Connection) -> list[Batch]:
    items = source.execute("SELECT batch, * FROM items ORDER BY place").fetchall()
    transfers = source.execute(
        "SELECT i.batch, t.* FROM transfers AS t JOIN items AS i ON i.id = t.item ORDER BY t.id"
    ).fetchall()
    batches = source.execute("SELECT id, * FROM batches ORDER BY id").fetchall()
    tables = [_by_batch(rows) for rows in (items, transfers, batches)]
    return [(number, *(table[number] for table in tables)) for number in sorted(tables[2])]  # type: ignore[misc]


def _by_batch(rows: Rows) -> dict[int, Rows]:
    return {
        number: [row[1:] for row in group] for number, group in groupby(rows, lambda row: row[0])
    }


def _insert_batches(target: sqlite3.Connection, batches: list[Batch]) -> None:
    for _, items, transfers, head in batches:
        target.execute("BEGIN IMMEDIATE")
        _insert(target, "batches", head)
        _insert(target, "items", items)
        _insert(target, "transfers", transfers)
        target.execute("COMMIT")


def _insert(target: sqlite3.Connection, table: str, rows: Rows) -> None:
    marks = ", ".join("?" * len(rows[0]))
    target.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 our own names

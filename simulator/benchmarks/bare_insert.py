"""The ledger's peer: the very rows that a book wrote, inserted with nothing around it.

Same schema, same settings of the connection, batches of the same sizes, `executemany` on
both databases; or COPY, the quickest way that PostgreSQL has. No rules, no ids looked up,
no balances, nobody who waits for an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from hub.store.engine import open_store
from hub.store.migrations import upgrade

_NS_PER_S = 1_000_000_000
_TABLES = ("batches", "items", "transfers")
_TRANSFERS = """
    SELECT i.batch, t.* FROM transfers AS t JOIN items AS i ON i.id = t.item
    ORDER BY i.place, t.ordinal
"""
Rows = list[tuple[Any, ...]]
Batch = tuple[int, Rows, Rows, Rows]
"""Number of the batch, then its rows of each of `_TABLES`."""
Insert = Callable[[Connection, str, Rows], None]
"""Inserts rows into a table."""


def bare_insert(book: str, copy: str, after: int, insert: Insert | None = None) -> float:
    """Insert the rows of a book into an empty database; gives the seconds.

    Args:
        book: URL of the book, no longer written.
        copy: URL of the other one, on the same kind of database.
        after: Batches up to this one are put there beforehand, and not measured.
        insert: How; None: `by_executemany`.
    """
    insert = insert or by_executemany
    source = open_store(book)
    with source.read() as connection:
        accounts = _rows(connection, "SELECT * FROM ledger_accounts")
        batches = _batches(connection)
    source.close()
    target = open_store(copy)
    try:
        upgrade(target)
        with target.writing.connect() as connection:
            with connection.begin():
                insert(connection, "ledger_accounts", accounts)
            _insert_batches(connection, [one for one in batches if one[0] <= after], insert)
            began = time.monotonic_ns()
            _insert_batches(connection, [one for one in batches if one[0] > after], insert)
            return (time.monotonic_ns() - began) / _NS_PER_S
    finally:
        target.close()


def by_executemany(target: Connection, table: str, rows: Rows) -> None:
    """Insert rows as anybody would."""
    mark = "?" if target.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(rows[0]))
    cursor = target.connection.cursor()
    cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 our own names
    cursor.close()


def by_copy(target: Connection, table: str, rows: Rows) -> None:
    """Insert rows into PostgreSQL by COPY."""
    cursor: Any = target.connection.cursor()
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.close()


def _batches(source: Connection) -> list[Batch]:
    heads = _rows(source, "SELECT id, b.* FROM batches AS b ORDER BY id")
    items = _rows(source, "SELECT batch, i.* FROM items AS i ORDER BY place")
    transfers = _rows(source, _TRANSFERS)
    tables = [_by_batch(rows) for rows in (heads, items, transfers)]
    return [(number, *(table[number] for table in tables)) for number in sorted(tables[0])]  # type: ignore[misc]


def _rows(source: Connection, statement: str) -> Rows:
    return [tuple(row) for row in source.exec_driver_sql(statement)]


def _by_batch(rows: Rows) -> dict[int, Rows]:
    return {
        number: [row[1:] for row in group] for number, group in groupby(rows, lambda row: row[0])
    }


def _insert_batches(target: Connection, batches: list[Batch], insert: Insert) -> None:
    for _, *tables in batches:
        with target.begin():
            for table, rows in zip(_TABLES, tables, strict=True):
                insert(target, table, rows)

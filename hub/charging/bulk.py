"""Many rows by one statement, as plain tuples to the driver: the quick way of ingest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection


def insert_rows(
    connection: Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    key: tuple[str, ...] = (),
) -> None:
    """Insert rows; those whose `key` exists already are overwritten.

    Args:
        connection: In a transaction that may write.
        table: Name of the table.
        columns: Names of the columns, in the order of each row's values.
        rows: The rows; none: nothing happens.
        key: Columns of the table's primary key; empty: no row exists already.
    """
    if rows:
        statement = _statement(connection.dialect.paramstyle, table, columns, key)
        connection.exec_driver_sql(statement, list(rows))


@lru_cache(maxsize=32)
def _statement(style: str, table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    mark = "?" if style == "qmark" else "%s"
    marks = ", ".join(mark for _ in columns)
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 ours
    if key:
        changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    return statement

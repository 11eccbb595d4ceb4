"""Many rows in one statement, the same on each database.

What is looked up travels as one JSON parameter: SQLite opens it with `json_each`,
PostgreSQL with `jsonb_array_elements`. What is written travels so on PostgreSQL too,
and on SQLite as one long VALUES list, which it takes in half the time of JSON. Either
way the driver hands over many rows at once and lets other threads run meanwhile; row by
row, each of them could hold the writer up. Only this file knows how the databases differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from hub.store.engine import check_open, is_lost
from hub.store.failures import store_error

ColumnType = Literal["text", "integer"]
Columns = tuple[tuple[str, ColumnType], ...]
"""Names and types of a row's elements."""
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Rows in one statement on SQLite. Few sizes, so that each statement is parsed once and
kept; what is missing to the next one is filled up with rows of NULL, which are left out.
One statement for all: each time one ends, its thread must wait for Python's lock. The
largest stays below the 32,766 parameters that SQLite takes."""
_SQL_TYPES = {"text": "text", "integer": "bigint"}
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Written:
    """A statement over many rows.

    Attributes:
        sql: With `{rows}` where the rows go, a table whose columns are called `column1`,
            `column2` … on every database; the first is never NULL.
        types: Type of each column.
    """

    sql: str
    types: tuple[ColumnType, ...]


def encode_rows(rows: Any) -> str:
    """Encode a list for the parameter of a statement made with `from_rows`."""
    return _encoder.encode(rows).decode()


def from_rows(dialect: str, parameter: str, columns: Columns) -> str:
    """Write a FROM item `r(columns…)` that opens a JSON list of lists.

    Args:
        dialect: `sqlite` or `postgresql`.
        parameter: Name of the bound parameter.
        columns: Name and type of each element.
    """
    if dialect == "sqlite":
        cells = ", ".join(f"value ->> {i} AS {name}" for i, (name, _) in enumerate(columns))
        return f"(SELECT {cells} FROM json_each(:{parameter})) AS r"  # noqa: S608 our own names
    return f"({_opened(f':{parameter}', columns)}) AS r"


def from_values(dialect: str, parameter: str) -> str:
    """Write a FROM item `r(value)` that opens a JSON list of texts."""
    return _values(dialect, f":{parameter}")


def opened_values(dialect: str) -> str:
    """Write a FROM item `r(value)` that opens the one parameter of a `fetch`, a list of texts."""
    return _values(dialect, "?" if dialect == "sqlite" else "%s")


def fetch(connection: Connection, statement: str, *lists: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Read rows through the driver's own cursor: SQLAlchemy's takes longer than the database.

    Args:
        connection: In a transaction.
        statement: In the driver's own words.
        lists: A list for each of its parameters, which it opens as JSON.

    Raises:
        StoreError: The database refused, or the transaction is gone.
    """
    check_open(connection)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, tuple(map(encode_rows, lists)))
        return list(cursor.fetchall())
    except connection.dialect.loaded_dbapi.Error as error:
        raise store_error(error, lost=is_lost(connection)) from error
    finally:
        cursor.close()


def write_rows(
    connection: Connection, changes: Sequence[tuple[Written, Sequence[tuple[Any, ...]]]]
) -> None:
    """Run statements over many rows each, as if one after the other.

    Args:
        connection: In a transaction.
        changes: Statements, none of which needs to see what the others wrote, and rows;
            those without rows are left out.

    Raises:
        StoreError: The database refused, or the transaction is gone.
    """
    wanted = [(statement, rows) for statement, rows in changes if rows]
    if not wanted:
        return
    check_open(connection)
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            for statement, rows in wanted:
                _write_chunks(cursor, statement.sql, rows)
        else:
            sql = _with_json(tuple(statement for statement, _ in wanted))
            cursor.execute(sql, tuple(encode_rows(rows) for _, rows in wanted))
    except connection.dialect.loaded_dbapi.Error as error:
        raise store_error(error, lost=is_lost(connection)) from error
    finally:
        cursor.close()


def _write_chunks(cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    width, most = len(rows[0]), SIZES[-1]
    for start in range(0, len(rows), most):
        chunk = rows[start : start + most]
        size = SIZES[bisect_left(SIZES, len(chunk))]
        values = tuple(chain.from_iterable(chunk)) + (None,) * ((size - len(chunk)) * width)
        cursor.execute(_with_places(statement, size, width), values)


@lru_cache(maxsize=256)
def _with_places(statement: str, count: int, width: int) -> str:
    places = ", ".join([f"({', '.join(['?'] * width)})"] * count)
    # A first column is never NULL, except in a row that fills up.
    return statement.format(
        rows=f"SELECT * FROM (VALUES {places}) WHERE column1 IS NOT NULL"  # noqa: S608 places only
    )


@lru_cache(maxsize=32)
def _with_json(statements: tuple[Written, ...]) -> str:
    """Make one statement of several: each takes as long to send as to run."""
    *firsts, last = [_over_json(statement) for statement in statements]
    parts = ", ".join(f"part{place} AS ({first})" for place, first in enumerate(firsts))
    return f"WITH {parts} {last}" if parts else last


def _over_json(statement: Written) -> str:
    columns = tuple((f"column{place}", kind) for place, kind in enumerate(statement.types, 1))
    return statement.sql.format(rows=_opened("%s", columns))


def _values(dialect: str, place: str) -> str:
    if dialect == "sqlite":
        return f"json_each({place}) AS r"
    return f"jsonb_array_elements_text(CAST({place} AS jsonb)) AS r(value)"


def _opened(parameter: str, columns: Columns) -> str:
    cells = ", ".join(
        f"CAST(value ->> {place} AS {_SQL_TYPES[kind]}) AS {name}"
        for place, (name, kind) in enumerate(columns)
    )
    return f"SELECT {cells} FROM jsonb_array_elements(CAST({parameter} AS jsonb)) AS value"  # noqa: S608 our own names

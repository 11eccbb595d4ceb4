"""Many rows in one statement, the same on each database.

What is looked up travels as one JSON parameter: SQLite opens it with `json_each`,
PostgreSQL with `jsonb_array_elements`. What is written travels as one long VALUES
list, which SQLite takes in half the time of JSON. Either way the driver hands over
many rows at once and lets other threads run meanwhile; row by row, each of them could
hold the writer up. Only this file knows how the databases differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from hub.errors import StoreError
from hub.store.engine import check_open

ColumnType = Literal["text", "integer"]
Columns = tuple[tuple[str, ColumnType], ...]
"""Names and types of a row's elements."""
CHUNKS = (500, 50, 5, 1)
"""Rows in one statement. Few sizes, so that each statement is parsed once and kept; the
largest stays far below the 32,766 parameters that SQLite takes."""
_encoder = msgspec.json.Encoder()


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
    types = {"text": "text", "integer": "bigint"}
    cells = ", ".join(
        f"CAST(value ->> {i} AS {types[kind]}) AS {name}" for i, (name, kind) in enumerate(columns)
    )
    source = f"jsonb_array_elements(CAST(:{parameter} AS jsonb))"
    return f"(SELECT {cells} FROM {source} AS value) AS r"  # noqa: S608 our own names


def from_values(dialect: str, parameter: str) -> str:
    """Write a FROM item `r(value)` that opens a JSON list of texts."""
    if dialect == "sqlite":
        return f"json_each(:{parameter}) AS r"
    return f"jsonb_array_elements_text(CAST(:{parameter} AS jsonb)) AS r(value)"


def write_rows(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement over many rows of one width.

    Args:
        connection: In a transaction.
        statement: With `{rows}` where a VALUES list's rows go; its columns are called
            `column1`, `column2` … on every database.
        rows: What to write.

    Raises:
        StoreError: The database refused, or the transaction is gone.
    """
    check_open(connection)
    # The driver's own cursor: SQLAlchemy's takes longer for one row than the database.
    cursor = connection.connection.cursor()
    done, dialect = 0, connection.dialect
    try:
        for size in CHUNKS:
            while len(rows) - done >= size:
                chunk = rows[done : done + size]
                sql = _with_places(dialect.name, statement, size, len(chunk[0]))
                cursor.execute(sql, tuple(chain.from_iterable(chunk)))
                done += size
    except dialect.loaded_dbapi.Error as error:
        raise StoreError(f"the database refused: {error}") from error
    finally:
        cursor.close()


@lru_cache(maxsize=128)
def _with_places(dialect: str, statement: str, count: int, width: int) -> str:
    place = "?" if dialect == "sqlite" else "%s"
    row = f"({', '.join([place] * width)})"
    return statement.format(rows=", ".join([row] * count))

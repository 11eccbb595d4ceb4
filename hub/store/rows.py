"""Many rows in one statement and one parameter, the same on each database.

A list of rows travels as JSON: SQLite opens it with `json_each`, PostgreSQL with
`jsonb_array_elements`. Only this file knows the difference.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ColumnType = Literal["text", "integer"]
Columns = tuple[tuple[str, ColumnType], ...]
"""Names and types of a row's elements."""
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

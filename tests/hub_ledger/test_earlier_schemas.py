"""Databases as earlier versions left them: `tests/data/schemas/<revision>.sql`.

Each is a dump of a hub after some minutes of real use. When a schema is released, the
next change adds its dump here.
"""

from __future__ import annotations

import pathlib
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from sqlalchemy import inspect, text

from hub.charging.audit import audit_charging
from hub.ledger.verify import verify_book
from hub.store import migrations
from hub.store.engine import open_store
from hub.store.tables import metadata

DUMPS = sorted((pathlib.Path(__file__).parents[1] / "data" / "schemas").glob("*.sql"))


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def earlier(request, tmp_path):
    path = tmp_path / "hub.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(request.param.read_text())
    return request.param.stem, path


def rows_of(connection, tables):
    found = {}
    for table, columns in tables.items():
        names = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(text(f'SELECT {names} FROM "{table}"')).all()
        found[table] = sorted(map(repr, (tuple(map(_plain, row)) for row in rows)))
    return found


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


def tables_of(connection):
    seen = inspect(connection)
    return {
        table: [column["name"] for column in seen.get_columns(table)]
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def check_kept(store, tables, before):
    migrations.check_current(store)
    with store.read() as connection:
        assert rows_of(connection, tables) == before
        assert list(verify_book(connection)) == []
        assert list(audit_charging(connection)) == []


def test_an_earlier_database_is_brought_forward_and_loses_nothing(earlier):
    _, path = earlier
    store = open_store(str(path))
    with store.read() as connection:
        tables = tables_of(connection)
        before = rows_of(connection, tables)
    assert before["transfers"]

    migrations.upgrade(store)

    check_kept(store, tables, before)
    store.close()


def test_an_earlier_database_on_a_server_is_brought_forward_too(earlier, postgres):
    revision, path = earlier
    source, store = open_store(str(path)), open_store(postgres.url(postgres.create()))
    with store.writing.connect() as connection, connection.begin():
        command.upgrade(migrations._config(connection), revision)
    with source.read() as old, store.writing.connect() as connection, connection.begin():
        tables = tables_of(old)
        before = rows_of(old, tables)
        for table in metadata.sorted_tables:  # those that others refer to come first
            if table.name in tables:
                _copy(old, connection, table.name, tables[table.name])

    migrations.upgrade(store)

    check_kept(store, tables, before)
    source.close()
    store.close()


def _copy(old, new, table, columns):
    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join(f":c{number}" for number in range(len(columns)))
    rows = old.execute(text(f'SELECT {names} FROM "{table}"')).all()
    if rows:
        values = [{f"c{number}": cell for number, cell in enumerate(row)} for row in rows]
        new.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({places})'), values)

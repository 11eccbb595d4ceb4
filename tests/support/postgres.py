"""A PostgreSQL server for the tests, and a database of the hub's for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hub.ledger.writer import Writer
from hub.settings import write_settings
from hub.store.engine import open_store
from hub.store.migrations import upgrade
from simulator.errors import SetupError
from simulator.postgres import PostgresServer, find_postgres, temporary_postgres
from wire.clock import ManualClock

LOSS_BUDGET_MINOR = 15_000

_templates: dict[int, str] = {}
"""Name of the database to copy, by the server's port."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests; it doesn't wait for the disk."""
    require_postgres()
    with temporary_postgres(durable=False) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a test's hub keeps its book: empty for SQLite in its own folder, or a URL.

    There the hub was initialised already, but for its keys.
    """
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres")
    url = fresh_database(server)
    yield url
    drop_database(server, url)


def require_postgres() -> None:
    """Look for PostgreSQL; without it skip with the reason, or fail where CI must have it."""
    try:
        find_postgres()
    except SetupError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def fresh_database(server: PostgresServer) -> str:
    """Make a database as after `standpipe-hub init`, but for the hub's keys; gives its URL."""
    if server.port not in _templates:
        template = server.create()
        store = open_store(server.url(template))
        upgrade(store)
        with Writer(store, ManualClock()) as writer:
            writer.run(lambda tx: write_settings(tx, "EUR", LOSS_BUDGET_MINOR))
        store.close()
        _templates[server.port] = template
    return server.url(server.create(_templates[server.port]))


def drop_database(server: PostgresServer, url: str) -> None:
    """Drop what `fresh_database` made, whoever is connected."""
    server.drop(url.rpartition("/")[2])

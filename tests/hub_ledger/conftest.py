"""A book on a real database for each test, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator

import pytest
from postgres import drop_database, fresh_database

from hub.ledger.writer import Writer
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from wire.clock import ManualClock

BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@pytest.fixture(scope="session")
def empty_book(tmp_path_factory):
    """A file with the hub's schema, to be copied."""
    path = tmp_path_factory.mktemp("book") / "hub.db"
    store = open_store(str(path))
    upgrade(store)
    store.close()
    return path


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    """Which database a test runs on; where it must be one: `parametrize(…, indirect=True)`."""
    return request.param


@pytest.fixture
def new_database(backend, empty_book, tmp_path, request) -> Iterator[Callable[[], str]]:
    """Makes databases with the hub's schema; gives their URLs."""
    if backend == "sqlite":
        numbers = itertools.count()

        def copy() -> str:
            number = next(numbers)
            path = tmp_path / (f"hub-{number}.db" if number else "hub.db")
            shutil.copy(empty_book, path)
            return f"sqlite:///{path}"

        yield copy
        return
    server = request.getfixturevalue("postgres")
    made: list[str] = []

    def create() -> str:
        made.append(fresh_database(server))
        return made[-1]

    yield create
    for url in made:
        drop_database(server, url)


@pytest.fixture
def url(new_database) -> str:
    return new_database()


@pytest.fixture
def store(url) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def writer(store, clock) -> Iterator[Writer]:
    with Writer(store, clock) as writer:
        yield writer

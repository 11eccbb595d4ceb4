"""A book on a real file for each test, copied from one that was made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from hub.ledger.writer import Writer
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from wire.clock import ManualClock


@pytest.fixture(scope="session")
def empty_book(tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "hub.db"
    store = open_store(str(path))
    upgrade(store)
    store.close()
    return path


@pytest.fixture
def store(empty_book, tmp_path) -> Iterator[Store]:
    shutil.copy(empty_book, tmp_path / "hub.db")
    store = open_store(str(tmp_path / "hub.db"))
    yield store
    store.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def writer(store, clock) -> Iterator[Writer]:
    with Writer(store, clock) as writer:
        yield writer

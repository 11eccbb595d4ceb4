"""A hub on a real database for each test, which runs on each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud import sell
from desk import Desk


@pytest.fixture
def desk(tmp_path, database) -> Iterator[Desk]:
    desk = Desk(tmp_path, database)
    desk.add_site()
    yield desk
    desk.close()


@pytest.fixture
def cloud(desk) -> Desk:
    """A hub with a service to sell, and an account with 10.00 in its wallet."""
    return sell(desk)


@pytest.fixture
def sqlite_cloud(tmp_path) -> Iterator[Desk]:
    """The same on SQLite alone: for what is refused before the database is asked."""
    desk = Desk(tmp_path)
    desk.add_site()
    yield sell(desk)
    desk.close()

"""A hub on a real database for each test, which runs on each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk


@pytest.fixture
def desk(tmp_path, database) -> Iterator[Desk]:
    desk = Desk(tmp_path, database)
    desk.add_site()
    yield desk
    desk.close()

"""A hub on a real file for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.add_site()
    yield desk
    desk.close()

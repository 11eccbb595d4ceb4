"""A hub whose jobs the test runs, on a real database of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub_billing.conftest import Office, make_office


@pytest.fixture
def office(tmp_path, database) -> Iterator[Office]:
    office = make_office(tmp_path, database)
    yield office
    office.desk.close()

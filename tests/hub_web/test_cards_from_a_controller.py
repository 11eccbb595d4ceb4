"""What a controller tells of the cards that it issued, told to a real hub over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from firmware_agent.card_links import CardLink, keep, tell, waiting
from firmware_agent.errors import CardDeskError
from hub.bootstrap import Hub
from tests.hub_web.conftest import make_key

REF = "0f" * 16


@pytest.fixture
def desk(served_shared: str, hub: Hub) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with httpx.Client(base_url=served_shared, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def ana(desk: httpx.Client) -> str:
    body = {"id": "acc_ana", "name": "Ana", "unit": "EUR"}
    return str(desk.post("/api/v1/accounts", json=body).json()["id"])


@pytest.mark.parametrize(("level", "version"), [(0, 0), (1, 1), (2, 3)])
def test_a_card_is_linked_with_its_level_and_key_version(
    desk: httpx.Client, ana: str, tmp_path: Path, level: int, version: int
) -> None:
    link = CardLink(request="lnk_1", card=REF, account=ana, level=level, key_version=version)
    keep(tmp_path, link)

    told = tell(tmp_path, link, desk)
    again = tell(tmp_path, link, desk)

    assert told is not None
    card = desk.get(f"/api/v1/cards/{told.id}").json()
    assert again == told
    assert (card["account"], card["level"], card["key_version"]) == (ana, level, version)
    assert waiting(tmp_path) == []


def test_a_card_that_the_hub_refuses_goes_on_waiting(desk: httpx.Client, tmp_path: Path) -> None:
    link = keep(tmp_path, CardLink(request="lnk_1", card=REF, account="nobody"))

    with pytest.raises(CardDeskError, match="refused"):
        tell(tmp_path, link, desk)

    assert waiting(tmp_path) == [link]


def test_a_card_that_is_wiped_is_blocked_or_was_never_known(
    desk: httpx.Client, ana: str, tmp_path: Path
) -> None:
    wiped = keep(tmp_path, CardLink(request="lnk_2", card=REF, is_wiped=True))
    assert tell(tmp_path, wiped, desk) is None
    tell(tmp_path, CardLink(request="lnk_3", card=REF, account=ana), desk)

    told = tell(tmp_path, wiped, desk)

    assert told is not None
    assert told.state == "blocked"
    assert waiting(tmp_path) == []


def test_new_keys_of_a_card_that_the_hub_doesnt_know_go_on_waiting(
    desk: httpx.Client, tmp_path: Path
) -> None:
    link = keep(tmp_path, CardLink(request="lnk_4", card=REF, level=1, key_version=2))

    with pytest.raises(CardDeskError, match="names no account"):
        tell(tmp_path, link, desk)

    assert waiting(tmp_path) == [link]

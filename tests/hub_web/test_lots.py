"""Lots over HTTP: giving, what is left, and the early end."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from hub.bootstrap import Hub
from hub.charging import lots
from tests.hub_web.conftest import Caller
from tests.hub_web.place import set_up
from tests.hub_web.refusals import refused
from tests.hub_web.test_money import check_book
from wire.clock import ManualClock
from wire.errors import Code

DAY_MS = 86_400_000
GIFT = {"amount_minor": 500, "kinds": ["washer"], "reason": "welcome"}


@pytest.fixture
def ana(hub: Hub) -> str:
    """An account with 23.40 in its wallet."""
    set_up(hub)
    return "acc_ana"


def give(staff: Caller, account: str, key: str, **body: Any) -> Any:
    return staff.post(f"/accounts/{account}/lots", GIFT | body, key=key)


def test_a_gift_is_shown_with_what_is_left_of_it(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    ends_ms = clock.now().wall_ms + DAY_MS
    first = give(staff, ana, "gift-1", expires_ms=ends_ms)
    again = give(staff, ana, "gift-1", expires_ms=ends_ms)
    give(staff, ana, "gift-2", kinds=[], source="goodwill")

    assert first.status_code == 201
    assert again.content == first.content
    shown = staff.get(f"/accounts/{ana}/lots", limit=1).json()
    assert [lot["id"] for lot in shown["items"]] == ["gift-2"]
    second = staff.get(f"/accounts/{ana}/lots", after=shown["next"]).json()
    assert second["next"] is None
    lot = second["items"][0]
    assert lot == first.json() == staff.get("/lots/gift-1").json()
    assert (lot["free_minor"], lot["held_minor"], lot["state"]) == (500, 0, "open")
    balance = staff.get(f"/accounts/{ana}/balance").json()
    assert (balance["wallet_minor"], balance["bonus_minor"]) == (2_340, 1_000)
    check_book(hub)


def test_lines_of_a_lot_are_read_by_its_name(staff: Caller, ana: str) -> None:
    give(staff, ana, "gift-1")

    lines = staff.get(f"/accounts/{ana}/ledger", pot="bonus", lot="gift-1").json()["items"]

    assert [(line["kind"], line["amount_minor"]) for line in lines] == [("gift", 500)]
    nameless = staff.get(f"/accounts/{ana}/ledger", pot="bonus")
    refused(nameless, 400, Code.BODY_MALFORMED)


def test_a_lot_ends_early_once(staff: Caller, hub: Hub, ana: str) -> None:
    give(staff, ana, "gift-1")

    first = staff.post("/lots/gift-1/expire", {}, key="end-1")
    again = staff.post("/lots/gift-1/expire", {}, key="end-2")

    assert first.json()["state"] == again.json()["state"] == "closed"
    assert staff.get(f"/accounts/{ana}/balance").json()["bonus_minor"] == 0
    check_book(hub)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount_minor": 0}, 400, Code.BODY_MALFORMED),
        ({"amount_minor": 1.5}, 400, Code.BODY_MALFORMED),
        ({"amount_minor": 10**16}, 400, Code.BODY_MALFORMED),
        ({"kinds": ["Bad Kind"]}, 400, Code.BODY_MALFORMED),
        ({"kinds": ["dryer", "iron"]}, 409, Code.LOT_UNFIT),
        ({"expires_ms": 1}, 400, Code.BODY_MALFORMED),
    ],
)
def test_a_gift_that_cannot_be_one_changes_nothing(
    staff: Caller, ana: str, body: dict[str, Any], status: int, code: Code
) -> None:
    give(staff, ana, "gift-1", kinds=["dryer", "washer"])

    refused(give(staff, ana, "gift-2", **body), status, code)

    assert staff.get(f"/accounts/{ana}/balance").json()["bonus_minor"] == 500
    refused(staff.get("/lots/gift-2"), 404, Code.NOT_FOUND)


def test_a_closed_account_gets_nothing(staff: Caller, ana: str) -> None:
    staff.post(f"/accounts/{ana}/close", {})

    refused(give(staff, ana, "gift-1"), 409, Code.ACCOUNT_CLOSED)


def test_the_live_page_counts_lots_as_owed(
    staff: Caller, own_client: TestClient[Litestar], hub: Hub, ana: str, clock: ManualClock
) -> None:
    give(staff, ana, "gift-1", amount_minor=100_000, expires_ms=clock.now().wall_ms + DAY_MS)
    # Ana and Sam have 23.40 each, and Ana a lot of 1,000.00.
    assert "€1,046.80" in own_client.get("/", headers=staff.headers).text.replace("€1046", "€1,046")

    clock.advance(DAY_MS)
    hub.writer.run(lambda tx: lots.expire(tx, tx.now_ms, 10))
    assert "€46.80" in own_client.get("/", headers=staff.headers).text

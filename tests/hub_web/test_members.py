"""Organisations over HTTP: members, their cards, their limits, what they spent."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from tests.hub_web.both import check_sound, hub_on, open_account, pay_in
from tests.hub_web.conftest import OTHER_UID, UID, Caller
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_usage import refund, register
from wire.clock import ManualClock
from wire.errors import Code

DAY = {"period": "day", "amount_minor": 500}


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def club(staff: Caller, hub: Hub) -> str:
    """An organisation with 100.00, and a course to spend it on."""
    register(staff, hub)
    open_account(staff, "acc_club")
    pay_in(staff, "acc_club", 10_000, "club-1")
    return "acc_club"


def join(staff: Caller, club: str, name: str, **more: Any) -> dict[str, Any]:
    answer = staff.post(f"/accounts/{club}/members", {"id": name, "name": name.title(), **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spend(staff: Caller, key: str, minor: int, **who: Any) -> Any:
    body = {"service": "course-a", "amount_minor": minor, **who}
    return staff.post("/usage/charge", body, key=key)


def test_members_share_the_wallet_each_within_limits_that_the_owner_sees(
    staff: Caller, hub: Hub, club: str
) -> None:
    join(staff, club, "mem_ann", limits=[DAY, {**DAY, "period": "month", "amount_minor": 2_000}])
    join(staff, club, "mem_bob", timezone="Asia/Tokyo")
    card = staff.post("/members/mem_ann/cards", {"uid": UID, "label": "blue"}).json()
    assert (card["member"], card["account"]) == ("mem_ann", club)

    assert spend(staff, "s1", 300, uid=UID).status_code == 201
    refused = check_problem(spend(staff, "s2", 201, uid=UID), 409)
    assert spend(staff, "s3", 900, account=club, member="mem_bob").status_code == 201

    assert refused["code"] == Code.SPENDING_LIMIT
    assert "200 more" in refused["detail"]
    ann, bob = staff.get(f"/accounts/{club}/members").json()["items"]
    assert [(one["period"], one["used_minor"], one["left_minor"]) for one in ann["limits"]] == [
        ("day", 300, 200),
        ("month", 300, 1_700),
    ]
    assert ann["limits"][0]["ends_ms"] == 1_700_006_400_000
    assert (ann["left_minor"], bob["left_minor"], bob["limits"]) == (200, None, [])
    assert staff.get("/members/mem_bob/days").json()["items"] == [
        {"day": 20231115, "kind": "course", "spent_minor": 900, "held_minor": 0}
    ]
    assert staff.get(f"/accounts/{club}/balance").json()["wallet_minor"] == 8_800
    check_sound(hub)


def test_a_limit_that_is_lowered_holds_at_once_and_a_refund_gives_room(
    staff: Caller, hub: Hub, club: str
) -> None:
    join(staff, club, "mem_ann", limits=[DAY])
    spend(staff, "s1", 400, account=club, member="mem_ann")

    lowered = staff.patch("/members/mem_ann", {"limits": [{**DAY, "amount_minor": 100}]}).json()
    assert (lowered["left_minor"], lowered["limits"][0]["used_minor"]) == (0, 400)
    check_problem(spend(staff, "s2", 1, account=club, member="mem_ann"), 409)

    refund(hub, "s1")
    member = staff.get("/members/mem_ann").json()
    assert (member["left_minor"], member["limits"][0]["used_minor"]) == (100, 0)
    assert staff.get("/usage/s1").json()["refunded_minor"] == 400
    check_sound(hub)


def test_a_suspended_member_pays_nothing_until_it_is_back(
    staff: Caller, hub: Hub, club: str
) -> None:
    join(staff, club, "mem_ann")
    staff.post("/members/mem_ann/cards", {"uid": UID})

    assert staff.patch("/members/mem_ann", {"state": "suspended"}).json()["state"] == "suspended"
    assert check_problem(spend(staff, "s1", 5, uid=UID), 409)["code"] == Code.CARD_BLOCKED
    staff.patch("/members/mem_ann", {"state": "active"})
    assert spend(staff, "s1", 5, uid=UID).status_code == 201

    staff.patch("/members/mem_ann", {"state": "left"})
    check_problem(staff.patch("/members/mem_ann", {"state": "active"}), 409)
    check_problem(staff.post("/members/mem_ann/cards", {"uid": OTHER_UID}), 409)


def test_cards_are_given_and_taken_away(staff: Caller, hub: Hub, club: str) -> None:
    join(staff, club, "mem_ann", limits=[DAY])
    card = staff.post("/cards", {"account": club, "uid": UID}).json()["id"]

    given = staff.post("/members/mem_ann/cards", {"card": card})
    assert given.status_code == 201
    assert [one["id"] for one in staff.get("/members/mem_ann/cards").json()["items"]] == [card]
    assert staff.delete(f"/members/mem_ann/cards/{card}").status_code == 204
    assert staff.delete(f"/members/mem_ann/cards/{card}").status_code == 204
    assert staff.get("/members/mem_ann/cards").json()["items"] == []
    assert staff.get(f"/cards/{card}").json()["member"] is None
    for body in ({}, {"card": card, "uid": UID}):
        check_problem(staff.post("/members/mem_ann/cards", body), 400)


def test_a_new_day_is_fresh(staff: Caller, hub: Hub, club: str, clock: ManualClock) -> None:
    join(staff, club, "mem_ann", limits=[DAY])
    assert spend(staff, "s1", 500, account=club, member="mem_ann").status_code == 201
    check_problem(spend(staff, "s2", 1, account=club, member="mem_ann"), 409)

    clock.advance(2 * 3_600_000)

    assert staff.get("/members/mem_ann").json()["left_minor"] == 500
    assert spend(staff, "s2", 1, account=club, member="mem_ann").status_code == 201


def test_members_come_in_pages(staff: Caller, hub: Hub, club: str) -> None:
    for number in range(5):
        join(staff, club, f"mem_{number}")
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = staff.get(f"/accounts/{club}/members", limit=2, **after).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}

    assert seen == [f"mem_{number}" for number in range(5)]


BAD: tuple[dict[str, Any], ...] = (
    {},
    {"name": ""},
    {"name": "Ann", "timezone": "Nowhere/Town"},
    {"name": "Ann", "limits": [{"period": "hour", "amount_minor": 1}]},
    {"name": "Ann", "limits": [{**DAY, "amount_minor": -1}]},
    {"name": "Ann", "limits": [{**DAY, "amount_minor": 1.5}]},
    {"name": "Ann", "limits": [{**DAY, "amount_minor": "1"}]},
    {"name": "Ann", "limits": [DAY, DAY]},
    {"name": "Ann", "limits": [{**DAY, "kind": "No Kind"}]},
    {"name": "Ann", "state": "left"},
    {"name": "Ann", "id": "No Id"},
)


def test_a_member_that_makes_no_sense_is_refused(staff: Caller, hub: Hub) -> None:
    open_account(staff, "acc_club")

    for body in BAD:
        check_problem(staff.post("/accounts/acc_club/members", body), 400)

    assert staff.get("/accounts/acc_club/members").json()["items"] == []


def test_what_is_not_there_is_not_found(staff: Caller, hub: Hub) -> None:
    for path in ("/members/x", "/members/x/days", "/members/x/cards", "/accounts/x/members"):
        check_problem(staff.get(path), 404)
    check_problem(staff.post("/accounts/x/members", {"name": "Ann"}), 404)
    check_problem(staff.patch("/members/x", {"name": "Ann"}), 404)

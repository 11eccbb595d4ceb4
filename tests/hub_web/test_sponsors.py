"""Sponsors: gifts of a wallet, and programmes that give once to each for each time."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.charging import lots, sponsors
from tests.hub_web.conftest import Caller
from tests.hub_web.place import set_up
from tests.hub_web.refusals import refused
from tests.hub_web.test_money import check_book
from wire.clock import ManualClock
from wire.errors import Code

DAY_MS = 86_400_000
PUPILS = ("pupil-1", "pupil-2", "pupil-3")


@pytest.fixture
def school(hub: Hub, staff: Caller) -> str:
    """An account with 100.00, and three pupils of one group without money."""
    set_up(hub)
    staff.post("/accounts", {"id": "school", "name": "School"})
    staff.post("/accounts/school/top-ups", {"amount_minor": 10_000, "till": "counter"}, key="s")
    for pupil in PUPILS:
        staff.post("/accounts", {"id": pupil, "group": "class-7"})
    return "school"


def programme(clock: ManualClock, **more: Any) -> dict[str, Any]:
    return {
        "id": "learning",
        "name": "Learning",
        "sponsor": "school",
        "amount_minor": 2_000,
        "kinds": ["laser"],
        "group": "class-7",
        "expires_ms": clock.now().wall_ms + 70 * DAY_MS,
    } | more


def give_due(hub: Hub, limit: int = 100) -> int:
    return hub.writer.run(lambda tx: sponsors.give_due(tx, tx.now_ms, limit))


def have(staff: Caller, account: str) -> tuple[int, int]:
    found = staff.get(f"/accounts/{account}/balance").json()
    return found["wallet_minor"], found["bonus_minor"]


def test_a_sponsor_gives_once_and_gets_back_what_was_not_spent(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    body = {
        "account": "pupil-1",
        "amount_minor": 3_000,
        "kinds": ["laser"],
        "expires_ms": clock.now().wall_ms + DAY_MS,
        "reason": "fees",
    }
    first = staff.post(f"/accounts/{school}/gifts", body, key="g-1")
    again = staff.post(f"/accounts/{school}/gifts", body, key="g-1")

    assert first.content == again.content
    assert first.json()["source"] == "sponsor"
    assert (have(staff, school), have(staff, "pupil-1")) == ((7_000, 0), (0, 3_000))

    clock.advance(DAY_MS)
    hub.writer.run(lambda tx: lots.expire(tx, tx.now_ms, 10))
    assert (have(staff, school), have(staff, "pupil-1")) == ((10_000, 0), (0, 0))
    check_book(hub)


def test_a_sponsor_gives_only_what_its_wallet_holds(staff: Caller, school: str) -> None:
    body = {"account": "pupil-1", "amount_minor": 10_001}

    refused(staff.post(f"/accounts/{school}/gifts", body, key="g"), 409, Code.BALANCE_TOO_LOW)

    assert have(staff, school) == (10_000, 0)


def test_a_programme_gives_to_each_once(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    made = staff.post("/programmes", programme(clock))
    assert made.status_code == 201
    assert staff.post("/programmes", programme(clock)).json() == made.json()

    assert [give_due(hub, 2), give_due(hub, 2), give_due(hub, 2)] == [2, 1, 0]

    assert [have(staff, pupil) for pupil in PUPILS] == [(0, 2_000)] * 3
    assert have(staff, school) == (4_000, 0)
    shown = staff.get("/programmes/learning").json()
    assert (shown["given_minor"], shown["state"]) == (6_000, "open")
    gifts = staff.get("/programmes/learning/gifts", limit=2).json()
    assert [gift["account"] for gift in gifts["items"]] == ["pupil-1", "pupil-2"]
    rest = staff.get("/programmes/learning/gifts", after=gifts["next"]).json()
    assert [gift["account"] for gift in rest["items"]] == ["pupil-3"]
    check_book(hub)


def test_who_joins_the_group_later_gets_it_too(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    staff.post("/programmes", programme(clock))
    give_due(hub)

    staff.post("/accounts", {"id": "pupil-9", "group": "class-7"})

    assert give_due(hub) == 1
    assert have(staff, "pupil-9") == (0, 2_000)


def test_a_monthly_programme_gives_each_month_and_takes_back_the_last_months(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    body = programme(clock, every="month", amount_minor=500, timezone="Europe/Berlin")
    staff.post("/programmes", body)

    assert [give_due(hub), give_due(hub)] == [3, 0]
    clock.advance(31 * DAY_MS)
    hub.writer.run(lambda tx: lots.expire(tx, tx.now_ms, 10))
    assert have(staff, school) == (10_000, 0)
    assert [give_due(hub), give_due(hub)] == [3, 0]

    assert [have(staff, pupil) for pupil in PUPILS] == [(0, 500)] * 3
    assert staff.get("/programmes/learning").json()["given_minor"] == 3_000
    check_book(hub)


def test_a_budget_is_never_passed(staff: Caller, hub: Hub, school: str, clock: ManualClock) -> None:
    staff.post("/programmes", programme(clock, budget_minor=5_000))

    assert [give_due(hub), give_due(hub)] == [2, 0]

    assert staff.get("/programmes/learning").json()["given_minor"] == 4_000
    assert have(staff, school) == (6_000, 0)


def test_an_empty_wallet_is_an_alarm_until_there_is_money(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    staff.post("/programmes", programme(clock, amount_minor=4_000))

    assert [give_due(hub), give_due(hub)] == [2, 0]
    alarms = staff.get("/alarms").json()["items"]
    assert [alarm["subject"] for alarm in alarms] == ["programme learning"]

    staff.post(f"/accounts/{school}/top-ups", {"amount_minor": 5_000, "till": "bar"}, key="t")
    assert give_due(hub) == 1
    assert [a for a in staff.get("/alarms").json()["items"] if a["cleared_ms"] is None] == []


def test_who_is_refused_is_noted_and_tried_again_when_asked(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    gift = {"amount_minor": 100, "kinds": ["laser", "printer"]}
    staff.post("/accounts/pupil-2/lots", gift, key="lot")
    staff.post("/programmes", programme(clock, kinds=["laser", "washer"]))

    assert [give_due(hub), give_due(hub)] == [3, 0]
    gifts = staff.get("/programmes/learning/gifts").json()["items"]
    assert [gift["code"] for gift in gifts] == [0, int(Code.LOT_UNFIT), 0]
    assert have(staff, "pupil-2") == (0, 100)

    staff.post("/lots/lot/expire", {}, key="end")
    first = staff.post("/programmes/learning/run", {}, key="run-1")
    again = staff.post("/programmes/learning/run", {}, key="run-1")
    assert first.json() == again.json() == {"looked_at": 1}
    assert have(staff, "pupil-2") == (0, 2_000)
    check_book(hub)


def test_a_stopped_programme_gives_no_more(
    staff: Caller, hub: Hub, school: str, clock: ManualClock
) -> None:
    staff.post("/programmes", programme(clock))
    for _ in range(2):
        assert staff.post("/programmes/learning/stop").json()["state"] == "stopped"

    assert give_due(hub) == 0
    assert staff.post("/programmes/learning/run", {}, key="r").json() == {"looked_at": 0}


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"sponsor": "nobody"}, 404, Code.ACCOUNT_UNKNOWN),
        ({"amount_minor": 0}, 400, Code.BODY_MALFORMED),
        ({"people": ["pupil-1"]}, 400, Code.BODY_MALFORMED),
        ({"group": ""}, 400, Code.BODY_MALFORMED),
        ({"timezone": "Mars/Base"}, 400, Code.BODY_MALFORMED),
        ({"expires_ms": 5}, 400, Code.BODY_MALFORMED),
    ],
)
def test_a_programme_that_cannot_be_one_is_not_kept(
    staff: Caller, school: str, clock: ManualClock, wrong: dict[str, Any], status: int, code: Code
) -> None:
    refused(staff.post("/programmes", programme(clock, **wrong)), status, code)

    assert staff.get("/programmes").json()["items"] == []


def test_programmes_of_a_sponsor_are_listed(staff: Caller, school: str, clock: ManualClock) -> None:
    staff.post("/programmes", programme(clock))
    staff.post("/programmes", programme(clock, id="other", sponsor="acc_ana"))

    mine = staff.get("/programmes", sponsor=school).json()["items"]
    assert [one["id"] for one in mine] == ["learning"]
    refused(staff.post("/programmes", programme(clock, amount_minor=1)), 409, Code.ID_CONFLICT)

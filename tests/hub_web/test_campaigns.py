"""Campaigns: the best single bonus for the person, within dates, places and budgets."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.charging.lots import LOTS_PER_ACCOUNT_MAX, Gift, find_lot, give
from hub.ledger import accounts as chart
from tests.hub_web.both import (
    books,
    check_refused,
    check_sound,
    hub_on,
    on_sqlite,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import Caller
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_lists import walk
from wire.clock import ManualClock
from wire.errors import Code

DAY_MS = 86_400_000
TIERS = [{"from_minor": 10_000, "bonus_minor": 500}, {"from_minor": 50_000, "bonus_minor": 5_000}]


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    return open_account(staff, "acc_ana", group="students")


def launch(staff: Caller, id_: str, **more: Any) -> Any:
    return staff.post("/campaigns", {"id": id_, "name": id_.title(), "tiers": TIERS} | more)


def bonus(staff: Caller, account: str, minor: int, key: str, till: str = "counter") -> int:
    answer = pay_in(staff, account, minor, key, till)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["bonus_minor"])


def test_the_highest_tier_reached_counts(staff: Caller, hub: Hub) -> None:
    launch(staff, "spring")
    steps = ((9_999, 0), (10_000, 500), (49_999, 500), (50_000, 5_000), (99_000, 5_000))

    for paid, given in steps:
        account = open_account(staff, f"acc_{paid}")
        path = f"/accounts/{account}/top-ups/preview"
        shown = staff.get(path, amount_minor=paid, till="counter").json()

        assert (shown["bonus_minor"], shown["balance_after_minor"]) == (given, paid + given)
        assert bonus(staff, account, paid, f"t{paid}") == given
        now = books(hub)
        assert now.get(f"EUR:bonus/{account}/t{paid}:bonus", 0) == given
        assert now[f"EUR:wallet/{account}"] == paid
    assert books(hub)["EUR:promo/"] == -sum(given for _, given in steps)
    check_sound(hub)


def test_the_bonus_is_a_lot_with_its_machines_and_its_end(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    launch(staff, "spring", kinds=["washer", "dryer"], bonus_days=30)
    shown = staff.get(f"/accounts/{ana}/top-ups/preview", amount_minor=10_000, till="x").json()
    pay_in(staff, ana, 10_000, "t1")

    with hub.store.read() as connection:
        lot = find_lot(connection, "t1:bonus")
    ends_ms = clock.now().wall_ms + 30 * DAY_MS
    assert lot is not None
    assert (lot.account, lot.amount_minor, lot.giver) == (ana, 500, "EUR:promo/")
    assert (lot.kinds, lot.expires_ms, lot.source) == (("dryer", "washer"), ends_ms, "spring")
    assert (shown["bonus_expires_ms"], shown["campaign"]) == (ends_ms, "spring")
    assert shown["campaign_name"] == "Spring"


@on_sqlite
def test_several_campaigns_are_never_added(staff: Caller, hub: Hub, ana: str) -> None:
    launch(staff, "small")
    launch(staff, "share", tiers=[{"from_minor": 1_000, "bonus_ppm": 100_000}])

    paid = pay_in(staff, ana, 10_000, "t1").json()

    assert (paid["bonus_minor"], paid["campaign"]) == (1_000, "share")
    assert books(hub)["EUR:promo/"] == -1_000
    check_sound(hub)


def test_a_repeated_top_up_gives_no_second_bonus(staff: Caller, hub: Hub, ana: str) -> None:
    launch(staff, "spring")
    first = pay_in(staff, ana, 10_000, "t1")
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    assert pay_in(staff, ana, 10_000, "t1").json() == first.json()
    assert books(hub)["EUR:promo/"] == -500
    assert staff.get("/campaigns/spring").json()["given_minor"] == 500
    check_sound(hub)


@on_sqlite
def test_a_campaign_holds_between_its_dates(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    now_ms = clock.now().wall_ms
    launch(staff, "may", starts_ms=now_ms + DAY_MS, ends_ms=now_ms + 2 * DAY_MS)

    given = []
    for step in (0, DAY_MS - 1, 1, DAY_MS - 1, 1):
        clock.advance(step)
        given.append(bonus(staff, ana, 10_000, f"t{len(given)}"))

    assert given == [0, 0, 500, 500, 0]


def test_a_campaign_ends_when_someone_ends_it_and_what_was_given_stays(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    launch(staff, "spring")
    before = bonus(staff, ana, 10_000, "t1")

    ended = staff.post("/campaigns/spring/end")
    clock.advance(1_000)
    again = staff.post("/campaigns/spring/end")

    assert ended.json() == again.json()
    assert ended.json()["running"] is False
    assert (before, bonus(staff, ana, 10_000, "t2")) == (500, 0)
    assert books(hub)["EUR:bonus/acc_ana/t1:bonus"] == 500
    check_problem(staff.post("/campaigns/none/end"), 404)


def test_a_campaign_is_for_its_groups_and_sites(staff: Caller, hub: Hub, ana: str) -> None:
    sam = open_account(staff, "acc_sam")
    for site in ("north", "south"):
        staff.post("/sites", {"id": site, "name": site})
        staff.post("/tills", {"id": f"till-{site}", "name": site, "site": site})
        staff.post(f"/tills/till-{site}/shifts", {"float_minor": 0}, key=f"open-{site}")
    launch(staff, "students", groups=["students"])
    launch(staff, "north", sites=["north"], tiers=[{"from_minor": 10_000, "bonus_minor": 700}])

    assert bonus(staff, ana, 10_000, "t1", "till-south") == 500
    assert bonus(staff, ana, 10_000, "t2", "till-north") == 700
    assert bonus(staff, sam, 10_000, "t3", "till-south") == 0
    assert bonus(staff, sam, 10_000, "t4", "till-north") == 700
    assert bonus(staff, sam, 10_000, "t5", "nowhere") == 0
    assert check_problem(launch(staff, "x", sites=["none"]), 404)


def test_an_account_uses_a_campaign_as_often_as_it_may(staff: Caller, hub: Hub, ana: str) -> None:
    sam = open_account(staff, "acc_sam")
    launch(staff, "welcome", uses_per_account_max=2)

    given = [bonus(staff, ana, 10_000, f"t{number}") for number in range(3)]

    assert given == [500, 500, 0]
    assert bonus(staff, sam, 10_000, "s1") == 500
    check_sound(hub)


def test_a_budget_is_given_to_the_last_cent_and_no_further(
    staff: Caller, hub: Hub, ana: str
) -> None:
    launch(staff, "spring", budget_minor=1_200)

    given = [bonus(staff, ana, 10_000, f"t{number}") for number in range(4)]

    assert given == [500, 500, 200, 0]
    assert staff.get("/campaigns/spring").json()["given_minor"] == 1_200
    assert books(hub)["EUR:promo/"] == -1_200
    check_sound(hub)


def test_a_bonus_that_cannot_be_given_never_stops_a_top_up(
    staff: Caller, hub: Hub, ana: str
) -> None:
    launch(staff, "spring", kinds=["washer", "dryer"])
    other = Gift(
        id="gift",
        account=ana,
        amount_minor=100,
        giver=chart.house("promo", "EUR"),
        kinds=("dryer", "iron"),
        source="goodwill",
        reason="",
        by="cli",
    )
    hub.writer.run(lambda tx: give(tx, other))

    shown = staff.get(f"/accounts/{ana}/top-ups/preview", amount_minor=10_000, till="x").json()

    # Its machines overlap with those of a lot that the account has.
    assert shown["bonus_minor"] == bonus(staff, ana, 10_000, "t1") == 0
    staff.post("/campaigns/spring/end")
    launch(staff, "all")
    given = [bonus(staff, ana, 10_000, f"n{number}") for number in range(LOTS_PER_ACCOUNT_MAX)]
    assert given == [500] * (LOTS_PER_ACCOUNT_MAX - 1) + [0]
    check_sound(hub)


@on_sqlite
def test_campaigns_are_of_one_unit(staff: Caller, hub: Hub, ana: str) -> None:
    kim = open_account(staff, "acc_kim", unit="PTS")
    launch(staff, "points", unit="PTS")

    assert bonus(staff, ana, 10_000, "t1") == 0
    assert bonus(staff, kim, 10_000, "t2") == 500
    assert books(hub)["PTS:promo/"] == -500


def test_the_same_campaign_again_is_the_same_and_another_is_a_conflict(
    staff: Caller, hub: Hub
) -> None:
    first = launch(staff, "spring")

    assert launch(staff, "spring").json() == first.json()
    check_refused(hub, launch(staff, "spring", budget_minor=5), Code.ID_CONFLICT)
    assert staff.get("/campaigns/spring").json() == first.json()


NOT_CAMPAIGNS: tuple[dict[str, Any], ...] = (
    {"id": "Not A Name"},
    {"name": ""},
    {"unit": "NIX"},
    {"tiers": []},
    {"tiers": [{"from_minor": 0, "bonus_minor": 1}]},
    {"tiers": [{"from_minor": 10, "bonus_minor": 1.5}]},
    {"tiers": [{"from_minor": 10, "bonus_minor": -1}]},
    {"tiers": [{"from_minor": 10, "bonus_minor": 1, "bonus_ppm": 1}]},
    {"tiers": [*TIERS, {"from_minor": 60_000, "bonus_minor": 4_999}]},
    {"starts_ms": 5, "ends_ms": 5},
    {"ends_ms": 5},
    {"budget_minor": 0},
    {"bonus_days": 0},
    {"uses_per_account_max": 0},
    {"kinds": ["No Kind"]},
    {"kinds": [f"k{number}" for number in range(33)]},
)


@on_sqlite
def test_a_campaign_that_cannot_be_is_refused(staff: Caller) -> None:
    for change in NOT_CAMPAIGNS:
        check_problem(launch(staff, "spring", **change), 400)

    assert staff.get("/campaigns").json()["items"] == []


@on_sqlite
def test_campaigns_are_listed_page_by_page(staff: Caller) -> None:
    for number in range(5):
        launch(staff, f"c{number}")

    names = [row["id"] for row in walk(staff, "/campaigns", 2)]

    assert sorted(names) == [f"c{number}" for number in range(5)]

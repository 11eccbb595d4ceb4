"""Usage over HTTP: a course or a cloud service holds and charges with a key of its own."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.charging import tariffs
from hub.charging.usage_rows import OLD_MS
from hub.payments.refunds import Refund, refund_item
from hub.people.keys import Scope
from hub.units import declare_unit
from tests.hub_web.both import (
    balance,
    books,
    check_refused,
    check_sound,
    hub_on,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import UID, Caller, make_key
from tests.hub_web.test_bad_requests import check_problem
from wire.clock import ManualClock
from wire.errors import Code
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

HOLD = {"service": "course-a", "account": "acc_ana", "amount_minor": 600}
TEN_MINUTES = [{"time_ms": 600_000}]
COURSE = Tariff(
    id="course",
    version=1,
    name="Ten cents a minute, a cent a page",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(100_000),)),
    quantity=Measure(unit="page", per=1, tiers=(Tier(10_000),)),
    tax_rate_ppm=190_000,
)


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller, hub: Hub) -> str:
    """An account with 10.00 in its wallet, and a course."""
    register(staff, hub)
    open_account(staff, "acc_ana")
    pay_in(staff, "acc_ana", 1_000, "ana-1")
    return "acc_ana"


def register(staff: Caller, hub: Hub) -> None:
    hub.writer.run(lambda tx: tariffs.add_version(tx, COURSE))
    body = {"id": "course-a", "name": "Welding", "kind": "course", "tariff": "course"}
    assert staff.post("/services", body).status_code == 201


def refund(hub: Hub, item: str, minor: int | None = None) -> None:
    asked = Refund(id=f"back-{item}", item=item, amount_minor=minor, reason="cold", by="key")
    hub.writer.run(lambda tx: refund_item(tx, asked))


def held(staff: Caller) -> list[tuple[str, int, str]]:
    found = staff.get("/usage", open=True).json()["items"]
    return [(one["id"], one["held_minor"], one["state"]) for one in found]


def test_hold_raise_capture_and_the_rest_goes_back(staff: Caller, hub: Hub, ana: str) -> None:
    opened = staff.post("/usage/authorise", HOLD, key="u1")
    raised = staff.post("/usage/u1/raise", {"amount_minor": 100}, key="u1-r")
    assert (opened.status_code, raised.status_code) == (201, 201)
    assert (balance(staff, ana)["wallet"], held(staff)) == (300, [("u1", 700, "authorised")])

    part = staff.post("/usage/u1/capture", {"use": TEN_MINUTES, "final": False}, key="u1-1").json()
    whole = [*TEN_MINUTES, {"time_ms": 600_000, "quantity": 7}]
    last = staff.post("/usage/u1/capture", {"use": whole}, key="u1-2").json()

    assert (part["amount_minor"], part["state"], part["held_minor"]) == (100, "partly", 600)
    assert (last["amount_minor"], last["captured_minor"], last["state"]) == (107, 207, "captured")
    assert part["tax_minor"] + last["tax_minor"] == 33
    assert books(hub) == {
        "EUR:cash/counter": -1_000,
        "EUR:wallet/acc_ana": 793,
        "EUR:revenue/course-a": 174,
        "EUR:tax/190000": 33,
    }
    found = staff.get("/usage/u1").json()
    assert (found["time_ms"], found["quantity"], found["tariff_version"]) == (1_200_000, 7, 1)
    assert [one["kind"] for one in found["steps"]] == [
        "authorise",
        "raise",
        "capture",
        "capture_final",
    ]
    check_sound(hub)


def test_every_step_sent_twice_is_answered_the_same_and_moves_once(
    staff: Caller, hub: Hub, ana: str
) -> None:
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("/usage/authorise", HOLD, "u1"),
        ("/usage/u1/raise", {"amount_minor": 100}, "u1-r"),
        ("/usage/u1/capture", {"amount_minor": 50, "final": False}, "u1-1"),
        ("/usage/u1/release", {"reason": "cancelled"}, "u1-f"),
        ("/usage/charge", {**HOLD, "amount_minor": 30}, "b1"),
    ]
    for path, body, key in steps:
        first = staff.post(path, body, key=key)
        again = staff.post(path, body, key=key)
        hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
        later = staff.post(path, body, key=key)
        assert first.status_code == 201, first.text
        assert again.headers["idempotency-replayed"] == "true"
        assert first.content == again.content == later.content

    assert balance(staff, ana)["wallet"] == 920
    check_sound(hub)


def test_an_id_for_another_step_is_a_conflict(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/usage/authorise", HOLD, key="u1")

    for path, body in (
        ("/usage/authorise", {**HOLD, "amount_minor": 601}),
        ("/usage/charge", HOLD),
        ("/usage/u1/capture", {"amount_minor": 5}),
    ):
        check_refused(hub, staff.post(path, body, key="u1"), Code.ID_CONFLICT)
    check_refused(hub, staff.post("/usage/charge", HOLD, key="ana-1"), Code.ID_CONFLICT)

    assert balance(staff, ana)["wallet"] == 400


def test_what_the_hold_does_not_cover_is_taken_only_when_asked(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/usage/authorise", HOLD, key="u1")

    words = check_refused(
        hub, staff.post("/usage/u1/capture", {"amount_minor": 700}, key="c1"), Code.LIMIT_EXCEEDED
    )
    assert "600 minor units are held" in words
    beyond = {"amount_minor": 700, "beyond": True}
    assert staff.post("/usage/u1/capture", beyond, key="c1").json()["beyond_minor"] == 100
    late = staff.post("/usage/u1/capture", {"amount_minor": 1}, key="c2")
    check_refused(hub, late, Code.HOLD_CLOSED)
    assert balance(staff, ana)["wallet"] == 300


def test_a_purchase_that_the_account_cannot_pay_is_refused(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/usage/authorise", HOLD, key="u1")

    answer = staff.post("/usage/charge", {**HOLD, "amount_minor": 401}, key="b1")
    check_refused(hub, answer, Code.BALANCE_TOO_LOW)

    bought = staff.post("/usage/charge", {**HOLD, "amount_minor": 400}, key="b1").json()
    assert (bought["state"], bought["captured_minor"]) == ("captured", 400)
    assert balance(staff, ana)["wallet"] == 0


def test_a_capture_is_refunded_to_what_paid_it(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/usage/charge", HOLD, key="b1")

    refund(hub, "b1", 200)

    assert balance(staff, ana)["wallet"] == 600
    assert staff.get("/usage/b1").json()["refunded_minor"] == 200
    check_sound(hub)


def test_a_tap_pays_from_the_cards_account(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/cards", {"account": ana, "uid": UID})
    body = {"service": "course-a", "uid": UID, "use": TEN_MINUTES}

    assert staff.post("/usage/charge", body, key="b1").json()["amount_minor"] == 100

    assert staff.get("/usage/b1").json()["account"] == ana
    assert UID not in staff.get("/usage/b1").text


def test_units_of_ones_own_are_held_and_charged(staff: Caller, hub: Hub, ana: str) -> None:
    points = hub.writer.run(lambda tx: declare_unit(tx, "WASH", 0))
    tariff = Tariff(
        id="washes",
        version=1,
        name="Three washes a page",
        unit=points,
        quantity=Measure(unit="page", per=1, tiers=(Tier(3_000_000),)),
    )
    hub.writer.run(lambda tx: tariffs.add_version(tx, tariff))
    open_account(staff, "acc_wash", unit="WASH")
    pay_in(staff, "acc_wash", 100, "wash-1")
    body = {"service": "course-a", "tariff": "washes", "use": [{"quantity": 7}]}

    refused = staff.post("/usage/charge", {**body, "account": ana}, key="b1")
    check_refused(hub, refused, Code.UNIT_MISMATCH)
    bought = staff.post("/usage/charge", {**body, "account": "acc_wash"}, key="b1").json()

    assert bought["amount_minor"] == 21
    assert books(hub)["WASH:revenue/course-a"] == 21
    check_sound(hub)


def test_a_key_for_usage_opens_nothing_else(staff: Caller, hub: Hub, ana: str) -> None:
    cloud = Caller(staff.client, make_key(hub, Scope.USAGE_WRITE).token)

    assert cloud.post("/usage/authorise", HOLD, key="u1").status_code == 201
    assert cloud.post("/usage/u1/release", {"reason": "done"}, key="u1-f").status_code == 201
    top_up = {"amount_minor": 500, "till": "counter"}
    for answer in (
        cloud.post(f"/accounts/{ana}/top-ups", top_up, key="t1"),
        cloud.post("/services", {"id": "x", "name": "x", "kind": "x", "tariff": "course"}),
        cloud.get("/usage"),
    ):
        assert check_problem(answer, 403)["code"] == Code.SCOPE_MISSING


def test_old_holds_come_first_and_say_that_they_are_old(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    for number in range(3):
        staff.post("/usage/authorise", {**HOLD, "amount_minor": 100}, key=f"u{number}")
        clock.advance(OLD_MS // 2)
    staff.post("/usage/u1/release", {"reason": "cancelled"}, key="f1")

    first = staff.get("/usage", open=True, limit=1).json()
    rest = staff.get("/usage", open=True, limit=1, after=first["next"]).json()

    assert [(one["id"], one["is_old"]) for one in first["items"]] == [("u0", True)]
    assert [(one["id"], one["is_old"]) for one in rest["items"]] == [("u2", False)]
    newest = staff.get("/usage", account=ana).json()["items"]
    assert [one["id"] for one in newest] == ["u2", "u1", "u0"]


def test_services_are_listed_changed_and_removed(staff: Caller, hub: Hub, ana: str) -> None:
    body = {"id": "course-a", "name": "Welding 2", "kind": "course", "tariff": "course"}
    staff.post("/services", body)

    assert [one["name"] for one in staff.get("/services").json()["items"]] == ["Welding 2"]
    check_problem(staff.post("/services", {**body, "tariff": "moon"}), 400)
    for _ in range(2):
        assert staff.delete("/services/course-a").status_code == 204
    check_problem(staff.get("/services/course-a"), 404)
    check_problem(staff.post("/usage/charge", HOLD, key="b1"), 404)


BAD: tuple[dict[str, Any], ...] = (
    {"amount_minor": 0},
    {"amount_minor": -1},
    {"amount_minor": 1.5},
    {"amount_minor": "600"},
    {"amount_minor": 10**16},
    {"amount_minor": None},
    {"use": TEN_MINUTES},
    {"amount_minor": None, "use": [{"time_ms": -1}]},
    {"amount_minor": None, "use": [{"time_ms": 1}] * 101},
    {"account": None},
    {"uid": "04A1B2"},
    {"uid": UID, "card_ref": "0" * 32},
    {"surprise": 1},
)


def test_bad_input_is_refused_and_moves_nothing(staff: Caller, hub: Hub, ana: str) -> None:
    for change in BAD:
        body = {key: value for key, value in (HOLD | change).items() if value is not None}
        check_problem(staff.post("/usage/authorise", body, key="u1"), 400)

    assert balance(staff, ana)["wallet"] == 1_000
    assert staff.get("/usage").json()["items"] == []


def test_what_is_not_there_is_not_found(staff: Caller, hub: Hub, ana: str) -> None:
    check_problem(staff.get("/usage/nothing"), 404)
    check_problem(staff.post("/usage/nothing/capture", {"amount_minor": 1}, key="c1"), 404)
    check_problem(staff.post("/usage/authorise", {**HOLD, "service": "moon"}, key="u1"), 404)
    check_problem(staff.post("/usage/authorise", {**HOLD, "account": "moon"}, key="u1"), 404)

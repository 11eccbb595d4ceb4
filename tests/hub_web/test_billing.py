"""Billing, plans, charges and jobs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.billing.audit import audit_billing
from hub.bootstrap import Hub
from tests.hub_web.both import balance, books, check_refused, check_sound, hub_on, on_sqlite, pay_in
from tests.hub_web.conftest import Caller
from wire.errors import Code

DAY_MS = 86_400_000
MARCH_MS = 1_772_323_200_000


@pytest.fixture
def hub(tmp_path: Path, database: str) -> Iterator[Hub]:
    for hub in hub_on(tmp_path, database):
        hub.clock.jump_wall(MARCH_MS - hub.clock.now().wall_ms)
        yield hub


@pytest.fixture
def firm(staff: Caller, hub: Hub) -> str:
    """A postpaid account that used 7.00 in March and was billed for it."""
    body = {"id": "firm", "credit_limit_minor": 10_000, "billing": "postpaid"}
    assert staff.post("/accounts", body).status_code == 201
    charge(staff, "firm", 700)
    hub.jobs.step()
    hub.clock.advance(31 * DAY_MS)
    hub.jobs.step()
    return "firm"


def charge(staff: Caller, account: str, minor: int, key: str = "fee-1"):
    body = {"what": "rental", "text": "A bike for a day", "amount_minor": minor}
    return staff.post(f"/accounts/{account}/charges", body, key=key)


def pay(staff: Caller, account: str, minor: int, key: str = "pay-1"):
    body = {"amount_minor": minor, "provider": "bank"}
    return staff.post(f"/accounts/{account}/receivables/payments", body, key=key)


def billed(hub: Hub) -> None:
    check_sound(hub)
    with hub.store.read() as connection:
        assert list(audit_billing(connection)) == []


def test_a_month_is_billed_listed_and_paid(staff: Caller, hub: Hub, firm: str) -> None:
    [period] = staff.get(f"/accounts/{firm}/periods").json()["items"]
    assert (period["due_minor"], period["paid_minor"]) == (700, 0)
    assert period["groups"]["fees"] == -700
    assert period["by"] == "calendar"
    hub.clock.advance(3 * DAY_MS)
    [open_] = staff.get("/receivables").json()["items"]
    assert (open_["account"], open_["open_minor"], open_["age_days"]) == (firm, 700, 3)
    found = staff.get(f"/accounts/{firm}/balance").json()
    assert (found["wallet_minor"], found["receivable_minor"]) == (0, 700)

    first = pay(staff, firm, 1_000)
    again = pay(staff, firm, 1_000)

    assert first.status_code == 201
    assert again.content == first.content
    assert first.json()["kind"] == "receivable_paid"
    assert staff.get("/receivables").json()["items"] == []
    assert staff.get(f"/accounts/{firm}/receivables").json()["items"] == []
    assert balance(staff, firm)["wallet"] == 300
    billed(hub)


def test_an_unpaid_account_is_discontinued_and_comes_back(
    staff: Caller, hub: Hub, firm: str
) -> None:
    staff.patch(f"/accounts/{firm}/billing", {"discontinue_days": 10})
    terms = staff.get(f"/accounts/{firm}/billing").json()
    assert terms["discontinue_ms"] == MARCH_MS + 41 * DAY_MS
    hub.clock.advance(10 * DAY_MS)
    hub.jobs.step()
    account = staff.get(f"/accounts/{firm}").json()
    assert (account["state"], account["discontinued_ms"]) == ("blocked", hub.clock.now().wall_ms)

    words = check_refused(hub, charge(staff, firm, 1, "fee-2"), Code.DISCONTINUED)
    assert "payment" in words
    check_refused(hub, staff.patch(f"/accounts/{firm}", {"state": "open"}), Code.DISCONTINUED)
    pay(staff, firm, 700)

    assert staff.get(f"/accounts/{firm}").json()["state"] == "open"
    billed(hub)


def test_a_later_date_opens_it_again(staff: Caller, hub: Hub, firm: str) -> None:
    hub.clock.advance(30 * DAY_MS)
    hub.jobs.step()
    assert staff.get(f"/accounts/{firm}").json()["state"] == "blocked"

    later = hub.clock.now().wall_ms + DAY_MS
    terms = staff.patch(f"/accounts/{firm}/billing", {"discontinue_after_ms": later}).json()

    assert terms["discontinue_ms"] == later
    assert staff.get(f"/accounts/{firm}").json()["state"] == "open"
    staff.patch(f"/accounts/{firm}/billing", {"discontinue_after_ms": None})
    hub.clock.advance(3_600_000)
    hub.jobs.step()
    assert staff.get(f"/accounts/{firm}").json()["state"] == "blocked"


def test_a_period_is_closed_early_once(staff: Caller, hub: Hub, firm: str) -> None:
    charge(staff, firm, 50, "fee-2")
    hub.clock.advance(DAY_MS)

    first = staff.post(f"/accounts/{firm}/periods", {}, key="bill-1")
    again = staff.post(f"/accounts/{firm}/periods", {}, key="bill-1")

    assert first.status_code == 201
    assert again.content == first.content
    assert first.json()["due_minor"] == 50
    hub.clock.jump_wall(-3_600_000)
    before = books(hub)
    refused = staff.post(f"/accounts/{firm}/periods", {}, key="bill-2")
    assert "clock" in check_refused(hub, refused, Code.PERIOD_CLOSED)
    assert books(hub) == before


def test_a_limit_below_what_is_used_is_refused_and_says_how_much(
    staff: Caller, hub: Hub, firm: str
) -> None:
    charge(staff, firm, 50, "fee-2")

    answer = staff.patch(f"/accounts/{firm}", {"credit_limit_minor": 749})

    assert "750" in check_refused(hub, answer, Code.LIMIT_IN_USE)
    assert staff.get(f"/accounts/{firm}").json()["credit_limit_minor"] == 10_000
    assert staff.patch(f"/accounts/{firm}", {"credit_limit_minor": 750}).status_code == 200


def test_a_postpaid_account_takes_no_top_up(staff: Caller, hub: Hub, firm: str) -> None:
    check_refused(hub, pay_in(staff, firm, 500, "top-1"), Code.STATE_CONFLICT)


def test_the_rules_hold_for_all_and_terms_for_one(staff: Caller, hub: Hub, firm: str) -> None:
    rules = {"timezone": "Europe/Berlin", "discontinue_days": 14, "verify_minute": 120}
    assert staff.patch("/rules/billing", rules).json() == {"period": "month", **rules}
    assert staff.get("/rules/billing").json()["verify_minute"] == 120

    terms = staff.patch(f"/accounts/{firm}/billing", {"period": "week"}).json()

    assert terms["in_force"] == {"period": "week", **rules}
    assert (terms["billing"], terms["credit_limit_minor"]) == ("postpaid", 10_000)
    for path, bad in (
        ("/rules/billing", {"timezone": "Mars/Base"}),
        ("/rules/billing", {"discontinue_days": -1}),
        ("/rules/billing", {"verify_minute": 1_440}),
        (f"/accounts/{firm}/billing", {"period": "day"}),
        (f"/accounts/{firm}/billing", {"discontinue_after_ms": -1}),
    ):
        check_refused(hub, staff.patch(path, bad), Code.BODY_MALFORMED, 400)


MONTHLY = {
    "id": "monthly",
    "name": "Membership",
    "price_minor": 1_190,
    "every": "month",
    "tax_rate_ppm": 190_000,
    "revenue": "membership",
}


@pytest.fixture
def ana(staff: Caller, hub: Hub) -> str:
    staff.post("/accounts", {"id": "ana"})
    pay_in(staff, "ana", 2_000, "top-1")
    assert staff.post("/plans", MONTHLY).status_code == 201
    return "ana"


def subscribe(staff: Caller, account: str, key: str = "sub-1", **body):
    return staff.post(f"/accounts/{account}/subscriptions", {"plan": "monthly", **body}, key=key)


def test_a_plan_is_subscribed_to_charged_paused_and_ended(
    staff: Caller, hub: Hub, ana: str
) -> None:
    first = subscribe(staff, ana)
    assert first.status_code == 201
    assert subscribe(staff, ana).content == first.content
    assert (first.json()["state"], first.json()["next_on"]) == ("active", "2026-04-01")
    [period] = staff.get("/subscriptions/sub-1/periods").json()["items"]
    assert (period["amount_minor"], period["tax_minor"]) == (1_190, 190)

    hub.clock.advance(31 * DAY_MS)
    hub.jobs.step()
    unpaid = staff.get("/subscriptions/sub-1").json()
    assert (unpaid["state"], unpaid["refusal"]) == ("unpaid", Code.BALANCE_TOO_LOW)
    assert staff.post("/subscriptions/sub-1/pause").json()["state"] == "paused"
    pay_in(staff, ana, 1_000, "top-2")
    resumed = staff.post("/subscriptions/sub-1/resume", {}, key="res-1").json()
    assert resumed["state"] == "active"
    ended = staff.post("/subscriptions/sub-1/end", {}, key="end-1").json()
    assert ended["state"] == "ended"
    [listed] = staff.get(f"/accounts/{ana}/subscriptions").json()["items"]
    assert listed == ended
    check_refused(hub, staff.post("/subscriptions/sub-1/pause"), Code.STATE_CONFLICT)
    assert balance(staff, ana)["wallet"] == 2_000 + 1_000 - 2 * 1_190
    billed(hub)


def test_a_plan_is_made_once_listed_and_retired(staff: Caller, hub: Hub, ana: str) -> None:
    assert staff.post("/plans", MONTHLY).status_code == 201
    check_refused(hub, staff.post("/plans", {**MONTHLY, "price_minor": 1}), Code.ID_CONFLICT)
    assert [plan["id"] for plan in staff.get("/plans").json()["items"]] == ["monthly"]

    staff.post("/plans/monthly/retire")

    assert staff.get("/plans/monthly").json()["retired_ms"] == hub.clock.now().wall_ms
    check_refused(hub, subscribe(staff, ana), Code.STATE_CONFLICT)


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "code", "status"),
    [
        ({"price_minor": 0}, Code.BODY_MALFORMED, 400),
        ({"price_minor": -1}, Code.BODY_MALFORMED, 400),
        ({"price_minor": 1.5}, Code.BODY_MALFORMED, 400),
        ({"price_minor": 10**14}, Code.AMOUNT_INVALID, 400),
        ({"unit": "DOUBLOON"}, Code.BODY_MALFORMED, 400),
        ({"every": "hour"}, Code.BODY_MALFORMED, 400),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    staff: Caller, hub: Hub, bad: dict, code: Code, status: int
) -> None:
    check_refused(hub, staff.post("/plans", MONTHLY | bad), code, status)
    assert staff.get("/plans").json()["items"] == []


def test_a_plan_of_another_unit_is_refused(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/plans", {**MONTHLY, "id": "points", "unit": "PTS"})

    check_refused(hub, subscribe(staff, ana, plan="points"), Code.UNIT_MISMATCH)
    assert balance(staff, ana)["wallet"] == 2_000


@on_sqlite
@pytest.mark.parametrize(
    ("asked", "code", "status"),
    [
        (("ana", 0), Code.BODY_MALFORMED, 400),
        (("ana", -1), Code.BODY_MALFORMED, 400),
        (("ana", 10**14), Code.AMOUNT_INVALID, 400),
        (("ana", 2_001), Code.BALANCE_TOO_LOW, 409),
        (("nobody", 1), Code.ACCOUNT_UNKNOWN, 404),
        (("gone", 1), Code.ACCOUNT_CLOSED, 409),
    ],
)
def test_a_charge_that_cannot_be_is_refused(
    staff: Caller, hub: Hub, ana: str, asked: tuple[str, int], code: Code, status: int
) -> None:
    staff.post("/accounts", {"id": "gone"})
    staff.post("/accounts/gone/close")
    before = books(hub)

    check_refused(hub, charge(staff, *asked), code, status)

    assert books(hub) == before


def test_charges_are_listed_and_booked_once(staff: Caller, hub: Hub, ana: str) -> None:
    first = charge(staff, ana, 595)
    again = charge(staff, ana, 595)

    assert again.content == first.content
    assert staff.get(f"/accounts/{ana}/charges").json()["items"] == [first.json()]
    check_refused(hub, charge(staff, ana, 596), Code.ID_CONFLICT)
    assert balance(staff, ana)["wallet"] == 1_405


def test_jobs_say_how_they_went_and_run_when_asked(staff: Caller, hub: Hub) -> None:
    hub.jobs.step()
    found = {job["name"]: job for job in staff.get("/jobs").json()["items"]}
    assert found["renew"]["result"] == "ok"
    assert found["verify"]["result"] == ""
    assert found["verify"]["next_ms"] == MARCH_MS + 210 * 60_000

    asked = staff.post("/jobs/verify/run")
    hub.jobs.step()

    assert asked.json()["next_ms"] == hub.clock.now().wall_ms
    found = {job["name"]: job for job in staff.get("/jobs").json()["items"]}
    assert found["verify"]["result"] == "ok"
    assert found["verify"]["next_ms"] == MARCH_MS + 210 * 60_000
    check_refused(hub, staff.post("/jobs/none/run"), Code.NOT_FOUND, 404)

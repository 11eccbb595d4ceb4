"""A second person: what one asked for is done once, when another one agrees."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from hub.bootstrap import Hub
from hub.charging.allowances import grant
from hub.payments.actions import ACTIONS
from hub.payments.approvals import STEPS, ApprovalState, Step, expire_approvals
from hub.people.keys import Scope
from hub.store.tables.money_out import approvals
from tests.hub_web.both import (
    balance,
    books,
    check_refused,
    hub_on,
    on_sqlite,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.place import set_up
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_payouts import check_out
from wire.errors import Code

DAY_MS = 86_400_000
CREDIT = {
    "kind": "adjustment",
    "account": "acc_ana",
    "direction": "credit",
    "amount_minor": 900,
    "against": "suspense",
    "cause": "goodwill",
    "reason": "the machine ate it",
}


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    """An account with 10.00 in its wallet; alone, one person adjusts up to 5.00."""
    open_account(staff, "acc_ana")
    pay_in(staff, "acc_ana", 1_000, "ana-1")
    staff.post("/rules/second-person/EUR", {"adjustment_minor": 500, "days": 3})
    return "acc_ana"


@pytest.fixture
def other(staff: Caller, hub: Hub) -> Caller:
    """Another person."""
    return Caller(staff.client, make_key(hub).token)


def ask(caller: Caller, key: str, **more: Any) -> Any:
    return caller.post("/approvals", {"action": CREDIT | more}, key=key)


def agree(caller: Caller, what: str, digest: str, key: str = "y") -> Any:
    return caller.post(f"/approvals/{what}/approve", {"digest": digest}, key=key)


def test_what_one_asked_is_done_once_when_another_agrees(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    asked = ask(staff, "a1").json()
    assert ask(staff, "a1").json() == asked
    assert (asked["state"], asked["subject"], asked["amount_minor"]) == ("pending", ana, 900)
    assert asked["expires_ms"] == asked["asked_ms"] + 3 * DAY_MS
    assert asked["action"] == CREDIT
    assert balance(staff, ana)["wallet"] == 1_000
    assert [a["id"] for a in other.get("/approvals", state="pending").json()["items"]] == ["a1"]

    done = agree(other, "a1", asked["digest"])
    again = agree(other, "a1", asked["digest"], key="y2")

    assert done.json()["state"] == again.json()["state"] == "done"
    assert balance(staff, ana)["wallet"] == 1_900
    payment = staff.get(f"/accounts/{ana}/payments").json()["items"]
    assert {one["id"]: one["by"] for one in payment}["a1"] == asked["by"]
    check_out(hub)


def test_nobody_agrees_to_what_they_asked(staff: Caller, other: Caller, hub: Hub, ana: str) -> None:
    asked = ask(staff, "a1").json()

    check_refused(hub, agree(staff, "a1", asked["digest"]), Code.SECOND_PERSON)

    assert staff.get("/approvals/a1").json()["state"] == "pending"
    assert balance(staff, ana)["wallet"] == 1_000


def test_what_was_seen_is_what_is_done(staff: Caller, other: Caller, hub: Hub, ana: str) -> None:
    asked = ask(staff, "a1").json()
    check_refused(hub, agree(other, "a1", "0" * 32), Code.VERSION_STALE)

    forged = asked["action"] | {"amount_minor": 90_000}
    change = update(approvals).values(content=str(forged).replace("'", '"'))
    hub.writer.run(lambda tx: tx.connection.execute(change))

    check_refused(hub, agree(other, "a1", asked["digest"]), Code.VERSION_STALE)
    assert balance(staff, ana)["wallet"] == 1_000


def test_many_agree_at_once_and_it_is_done_once(staff: Caller, hub: Hub, ana: str) -> None:
    asked = ask(staff, "a1").json()
    others = [Caller(staff.client, make_key(hub).token) for _ in range(4)]

    def send(number: int) -> int:
        return int(agree(others[number], "a1", asked["digest"], f"y{number}").status_code)

    with ThreadPoolExecutor(4) as crowd:
        answers = sorted(crowd.map(send, range(4)))

    assert answers == [200, 409, 409, 409]
    assert balance(staff, ana)["wallet"] == 1_900


def test_a_second_person_disagrees_and_the_first_withdraws(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    digests = {key: ask(staff, key).json()["digest"] for key in ("a1", "a2")}
    check_problem(other.post("/approvals/a1/refuse", {"reason": " "}), 400)

    assert other.post("/approvals/a1/refuse", {"reason": "no"}).json()["state"] == "refused"
    assert staff.post("/approvals/a2/refuse", {"reason": "oh"}).json()["state"] == "withdrawn"

    for key, digest in digests.items():
        check_refused(hub, agree(other, key, digest, f"y-{key}"), Code.STATE_CONFLICT)
    assert balance(staff, ana)["wallet"] == 1_000


def test_what_nobody_agrees_to_in_time_ends(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    asked = ask(staff, "a1").json()
    hub.clock.advance(3 * DAY_MS)  # type: ignore[attr-defined]

    check_refused(hub, agree(other, "a1", asked["digest"]), Code.STATE_CONFLICT)
    ended = hub.writer.run(lambda tx: expire_approvals(tx, ACTIONS, tx.now_ms, 10))

    assert ended == 1
    assert staff.get("/approvals/a1").json()["state"] == "expired"
    assert hub.writer.run(lambda tx: expire_approvals(tx, ACTIONS, tx.now_ms, 10)) == 0


def test_what_a_limit_forbids_stays_pending(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    asked = ask(staff, "a1", direction="debit", amount_minor=1_001).json()

    check_refused(hub, agree(other, "a1", asked["digest"]), Code.BALANCE_TOO_LOW)
    assert staff.get("/approvals/a1").json()["state"] == "pending"

    pay_in(staff, ana, 500, "t1")
    assert agree(other, "a1", asked["digest"]).status_code == 200
    assert balance(staff, ana)["wallet"] == 499


@on_sqlite
def test_an_id_is_for_one_thing(staff: Caller, other: Caller, hub: Hub, ana: str) -> None:
    ask(staff, "a1")

    check_refused(hub, ask(staff, "a1", amount_minor=901), Code.ID_CONFLICT)
    check_refused(hub, ask(other, "a1"), Code.ID_CONFLICT)
    check_refused(hub, ask(staff, "ana-1"), Code.ID_CONFLICT)


@on_sqlite
def test_a_looser_limit_takes_a_second_person_a_tighter_one_does_not(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    limits = "/rules/second-person/EUR"
    assert staff.post(limits, {"adjustment_minor": 400}).status_code == 200
    check_refused(hub, staff.post(limits, {"adjustment_minor": 401}), Code.SECOND_PERSON)
    check_refused(hub, staff.post(limits, {}), Code.SECOND_PERSON)
    check_problem(staff.post(limits, {"adjustment_minor": -1}), 400)
    check_problem(staff.post(limits, {"days": 0}), 400)

    action = {"kind": "limits", "unit": "EUR", "rules": {"payout_minor": 50}}
    asked = staff.post("/approvals", {"action": action}, key="l1").json()
    agree(other, "l1", asked["digest"])

    found = staff.get(limits).json()
    assert (found["adjustment_minor"], found["payout_minor"]) == (None, 50)


@on_sqlite
def test_more_credit_than_one_person_may_give(
    staff: Caller, other: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/rules/second-person/EUR", {"adjustment_minor": 500, "credit_limit_minor": 1_000})
    assert staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 1_000}).status_code == 200
    alone = staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 1_001})
    check_refused(hub, alone, Code.SECOND_PERSON)
    check_refused(
        hub, staff.post("/accounts", {"id": "b", "credit_limit_minor": 1_001}), Code.SECOND_PERSON
    )

    action = {
        "kind": "credit_limit",
        "account": ana,
        "credit_limit_minor": 5_000,
        "reason": "a school",
    }
    asked = staff.post("/approvals", {"action": action}, key="l1").json()
    agree(other, "l1", asked["digest"])

    assert staff.get(f"/accounts/{ana}").json()["credit_limit_minor"] == 5_000
    assert staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 2_000}).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "action",
    [
        {"kind": "adjustment"},
        {"kind": "party"},
        CREDIT | {"amount_minor": 0},
        CREDIT | {"amount_minor": 1.0},
        CREDIT | {"cause": "rain"},
        CREDIT | {"more": 1},
        {"kind": "refund", "reason": "x"},
        {"kind": "refund", "reason": "x", "session": "s", "item": "i"},
        {"kind": "limits", "unit": "EUR", "rules": {"days": 0}},
        {"kind": "limits", "unit": "XXXX", "rules": {}},
    ],
)
def test_what_cannot_be_is_not_asked(
    action: dict[str, Any], staff: Caller, hub: Hub, ana: str
) -> None:
    check_problem(staff.post("/approvals", {"action": action}, key="a1"), 400)

    assert staff.get("/approvals").json()["items"] == []


@on_sqlite
@pytest.mark.parametrize(
    ("action", "status"),
    [
        (CREDIT | {"account": "acc_none"}, 404),
        ({"kind": "payout", "payout": "none"}, 404),
        ({"kind": "correction", "item": "none", "reason": "x"}, 404),
        ({"kind": "refund", "session": "none", "reason": "x"}, 404),
        ({"kind": "refund", "item": "ana-1", "reason": "x"}, 409),
        ({"kind": "refund_request", "request": "none"}, 404),
    ],
)
def test_what_is_not_there_is_not_asked_about(
    action: dict[str, Any], status: int, staff: Caller, hub: Hub, ana: str
) -> None:
    check_problem(staff.post("/approvals", {"action": action}, key="a1"), status)

    assert staff.get("/approvals").json()["items"] == []


@on_sqlite
def test_agreeing_has_a_scope_of_its_own(staff: Caller, hub: Hub, ana: str) -> None:
    asked = ask(staff, "a1").json()
    scopes = set(Scope) - {Scope.APPROVALS_WRITE}
    cashier = Caller(staff.client, make_key(hub, *scopes).token)

    check_problem(agree(cashier, "a1", asked["digest"]), 403)


@on_sqlite
def test_every_state_but_pending_is_an_end(ana: str) -> None:
    assert {state for state, _ in STEPS} == {ApprovalState.PENDING}
    assert {step for _, step in STEPS} == set(Step)
    assert set(STEPS.values()) == set(ApprovalState) - {ApprovalState.PENDING}


@on_sqlite
def test_a_large_forfeit_takes_a_second_person(staff: Caller, other: Caller, hub: Hub) -> None:
    set_up(hub)
    place = ("acc_ana", "dry-2", "ep_dry-2")
    hub.writer.run(lambda tx: grant(tx, "g1", place, "EUR", 450))
    staff.post("/rules/second-person/EUR", {"forfeit_minor": 449})
    body = {"account": "acc_ana", "epoch": "ep_dry-2", "reason": "drowned"}
    before = books(hub)

    alone = staff.post("/controllers/dry-2/forfeits", body, key="f1")
    assert check_problem(alone, 409)["code"] == Code.SECOND_PERSON
    assert books(hub) == before
    action = {"kind": "forfeit", "controller": "dry-2"} | body
    asked = staff.post("/approvals", {"action": action}, key="f1").json()
    assert asked["amount_minor"] == 450
    agree(other, "f1", asked["digest"])

    assert balance(staff, "acc_ana")["wallet"] == 2_340

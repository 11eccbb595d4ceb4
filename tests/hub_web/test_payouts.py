"""Payouts: only paid money that isn't held leaves, once, and comes back when it fails."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.charging.lots import Gift, give
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.payments.audit_out import audit_money_out
from tests.hub_web.both import (
    balance,
    books,
    check_refused,
    check_sound,
    hub_on,
    on_sqlite,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.test_bad_requests import check_problem
from wire.errors import Code

DAY_MS = 86_400_000


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    """An account with 10.00 in its wallet."""
    open_account(staff, "acc_ana")
    pay_in(staff, "acc_ana", 1_000, "ana-1")
    return "acc_ana"


def payout(staff: Caller, key: str, minor: int, account: str = "acc_ana", **more: Any) -> Any:
    body = {"amount_minor": minor} | (more or {"provider": "bank"})
    return staff.post(f"/accounts/{account}/payouts", body, key=key)


def step(staff: Caller, name: str, key: str, what: str = "p1", reason: str | None = None) -> Any:
    body = {} if reason is None else {"reason": reason}
    return staff.post(f"/payouts/{what}/{name}", body, key=key)


def give_bonus(hub: Hub, account: str, minor: int) -> None:
    gift = Gift(
        id=f"gift-{account}",
        account=account,
        amount_minor=minor,
        giver=chart.house("promo", "EUR"),
        source="promo",
        reason="",
        by="cli",
    )
    hub.writer.run(lambda tx: give(tx, gift))


def post(hub: Hub, name: str, *legs: Move) -> None:
    item = Item(id=name, unit="EUR", kind="fee", legs=legs, ref=name)
    hub.writer.run(lambda tx: tx.book.must_post(item))


def check_out(hub: Hub) -> None:
    check_sound(hub)
    with hub.store.read() as connection:
        assert list(audit_money_out(connection)) == []


def test_a_payout_from_request_to_done(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/rules/payouts/EUR", {"fee": {"fixed_minor": 30}, "processing_days": 3})

    asked = payout(staff, "p1", 400, provider="bank", destination="account on file").json()
    assert (asked["state"], asked["fee_minor"]) == ("requested", 30)
    assert asked["expected_ms"] == asked["requested_ms"] + 3 * DAY_MS
    assert balance(staff, ana)["wallet"] == 600
    assert books(hub)["EUR:payout/"] == 400
    check_out(hub)

    for name, state in (("approve", "approved"), ("send", "sent"), ("finish", "done")):
        first = step(staff, name, f"k-{name}")
        again = step(staff, name, f"k-{name}")
        assert first.json()["state"] == state
        assert again.content == first.content
        check_out(hub)

    left = books(hub)
    assert (left["EUR:clearing/bank"], left["EUR:fees/"]) == (370, 30)
    assert "EUR:payout/" not in left
    history = staff.get("/payouts/p1").json()
    assert [one["step"] for one in history["steps"]] == ["request", "approve", "send", "finish"]
    assert history["payout"]["ended_ms"] is not None


@pytest.mark.parametrize("end", ["cancel", "cancel approved", "fail"])
def test_what_was_not_paid_out_comes_back_whole_an_overrun_first(
    end: str, staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/rules/payouts/EUR", {"fee": {"fixed_minor": 30}})
    payout(staff, "p1", 900)
    owed = Move(chart.overrun(ana, "EUR"), chart.revenue("washer", "EUR"), 120)
    if end != "cancel":
        step(staff, "approve", "k1")
    if end == "fail":
        step(staff, "send", "k2")
    post(hub, "late", owed)

    ended = step(staff, end.partition(" ")[0], "k3", reason="the bank sent it back")

    assert ended.json()["reason"] == "the bank sent it back"
    assert balance(staff, ana) == {"wallet": 100 + 900 - 120, "deposit": 0, "overrun": 0}
    assert not {"EUR:clearing/bank", "EUR:fees/", "EUR:payout/"} & set(books(hub))
    check_out(hub)
    for name in ("approve", "send", "finish"):
        check_refused(hub, step(staff, name, f"late-{name}"), Code.STATE_CONFLICT)


def test_a_till_hands_out_and_it_is_done(staff: Caller, hub: Hub, ana: str) -> None:
    payout(staff, "p1", 400, till="counter")
    step(staff, "approve", "k1")

    assert step(staff, "send", "k2").json()["state"] == "done"

    assert books(hub)["EUR:cash/counter"] == -1_000 + 400
    check_refused(hub, step(staff, "fail", "k3", reason="no"), Code.STATE_CONFLICT)
    check_out(hub)


def test_bonus_held_and_owed_money_are_not_paid_out(staff: Caller, hub: Hub, ana: str) -> None:
    give_bonus(hub, ana, 500)
    before = books(hub)
    words = check_refused(hub, payout(staff, "p1", 1_001), Code.NOT_PAYABLE)
    assert "500 is bonus" in words
    check_refused(hub, payout(staff, "p1", 1_501), Code.BALANCE_TOO_LOW)
    assert books(hub) == before

    post(hub, "late", Move(chart.overrun(ana, "EUR"), chart.revenue("washer", "EUR"), 200))
    words = check_refused(hub, payout(staff, "p1", 801), Code.NOT_PAYABLE)
    assert "200 is owed" in words
    assert payout(staff, "p1", 800).status_code == 201


def test_held_money_is_not_paid_out(staff: Caller, hub: Hub, ana: str) -> None:
    held = Move(chart.wallet(ana, "EUR"), chart.escrow(ana, "EUR"), 700)
    post(hub, "hold", held)

    problem = check_problem(payout(staff, "p1", 301), 409)

    assert problem["code"] == Code.NOT_PAYABLE
    assert "700 is held" in problem["detail"]
    assert payout(staff, "p1", 300).status_code == 201


def test_credit_is_not_paid_out(staff: Caller, hub: Hub, ana: str) -> None:
    staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 5_000})

    check_refused(hub, payout(staff, "p1", 1_001), Code.BALANCE_TOO_LOW)
    assert payout(staff, "p1", 1_000).status_code == 201
    check_refused(hub, payout(staff, "p2", 1), Code.BALANCE_TOO_LOW)


def test_a_closed_account_is_paid_out(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post(f"/accounts/{ana}/close")

    assert payout(staff, "p1", 1_000).status_code == 201

    assert balance(staff, ana)["wallet"] == 0


@on_sqlite
def test_nothing_is_asked_twice_and_an_id_is_for_one_thing(
    staff: Caller, hub: Hub, ana: str
) -> None:
    first = payout(staff, "p1", 400)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    again = payout(staff, "p1", 400)
    other = payout(staff, "p1", 401)
    taken = payout(staff, "ana-1", 400)

    assert first.json() == again.json()
    check_refused(hub, other, Code.ID_CONFLICT)
    check_refused(hub, taken, Code.ID_CONFLICT)
    assert balance(staff, ana)["wallet"] == 600
    step(staff, "approve", "k1")
    check_refused(hub, step(staff, "send", "k1"), Code.ID_CONFLICT)


def test_a_second_person_above_the_limit(staff: Caller, hub: Hub, ana: str) -> None:
    other = Caller(staff.client, make_key(hub).token)
    staff.post("/rules/second-person/EUR", {"payout_minor": 500})
    payout(staff, "p1", 501)
    check_refused(hub, step(staff, "approve", "k1"), Code.SECOND_PERSON)

    action = {"action": {"kind": "payout", "payout": "p1"}}
    asked = staff.post("/approvals", action, key="sp-1").json()
    own = staff.post("/approvals/sp-1/approve", {"digest": asked["digest"]}, key="y-0")
    check_refused(hub, own, Code.SECOND_PERSON)
    other.post("/approvals/sp-1/approve", {"digest": asked["digest"]}, key="y-1")

    history = staff.get("/payouts/p1").json()
    assert history["payout"]["state"] == "approved"
    approved = history["steps"][-1]
    assert approved["second"]
    assert approved["second"] != approved["by"]
    check_out(hub)


@on_sqlite
def test_nobody_approves_where_the_rule_says_so_up_to_the_limit(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/rules/payouts/EUR", {"approver": "none"})
    staff.post("/rules/second-person/EUR", {"payout_minor": 500})

    assert payout(staff, "p1", 500).json()["state"] == "approved"
    assert payout(staff, "p2", 500).json()["state"] == "approved"
    staff.post("/accounts/acc_ana/top-ups", {"amount_minor": 900, "till": "counter"}, key="t")
    assert payout(staff, "p3", 501).json()["state"] == "requested"


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount_minor": 0, "provider": "bank"}, 400),
        ({"amount_minor": 10**16, "provider": "bank"}, 400),
        ({"amount_minor": 100_001, "provider": "bank"}, 400),
        ({"amount_minor": 100}, 400),
        ({"amount_minor": 100, "provider": "bank", "till": "counter"}, 400),
        ({"amount_minor": 100, "provider": "cash"}, 400),
        ({"amount_minor": 100, "provider": "codes"}, 400),
        ({"amount_minor": 100, "provider": "vouchers"}, 400),
        ({"amount_minor": 100, "provider": "B A"}, 400),
        ({"amount_minor": 30, "provider": "bank"}, 400),
    ],
)
def test_bad_requests_change_nothing(
    body: dict[str, Any], status: int, staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/rules/payouts/EUR", {"fee": {"fixed_minor": 30}})
    before = books(hub)

    check_problem(staff.post(f"/accounts/{ana}/payouts", body, key="p1"), status)

    assert books(hub) == before


@on_sqlite
def test_lists_of_an_account_and_of_a_state(staff: Caller, hub: Hub, ana: str) -> None:
    for number in range(3):
        payout(staff, f"p{number}", 100)
        hub.clock.advance(1)  # type: ignore[attr-defined]
    step(staff, "approve", "k1", "p1")

    assert [p["id"] for p in staff.get("/payouts", state="requested").json()["items"]] == [
        "p2",
        "p0",
    ]
    assert [p["id"] for p in staff.get(f"/accounts/{ana}/payouts").json()["items"]] == [
        "p2",
        "p1",
        "p0",
    ]
    check_problem(staff.get("/payouts/none"), 404)
    check_problem(payout(staff, "p9", 1, "acc_none"), 404)


@on_sqlite
def test_the_rules_are_told_in_words(staff: Caller, ana: str) -> None:
    rule = {"least_minor": 250, "most_minor": 9_900, "approver": "second", "processing_days": 4}
    staff.post("/rules/payouts/EUR", rule)

    text = staff.get("/payout-rules").json()["text"]

    assert "€2.50 to €99.00" in text
    assert "4 days" in text
    assert "Two people" in text

"""Corrections take an item back whole, once; adjustments change what an account has."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from hub.bootstrap import Hub
from hub.errors import StoreError
from hub.ledger import accounts as chart
from hub.ledger.items import Move
from hub.store.tables.money_out import corrections
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
from tests.hub_web.place import book_session, set_up
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_payouts import check_out, payout, post
from wire.errors import Code


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    """An account with 10.00 in its wallet."""
    open_account(staff, "acc_ana")
    pay_in(staff, "acc_ana", 1_000, "ana-1")
    return "acc_ana"


def correct(staff: Caller, key: str, item: str = "ana-1", reason: str = "typed wrong") -> Any:
    return staff.post("/corrections", {"item": item, "reason": reason}, key=key)


def adjust(staff: Caller, key: str, minor: int, **more: Any) -> Any:
    body = {
        "direction": "credit",
        "amount_minor": minor,
        "cause": "wrong_amount",
        "reason": "the counter took 5 more",
    } | more
    return staff.post("/accounts/acc_ana/adjustments", body, key=key)


def campaign(staff: Caller) -> None:
    body = {"id": "spring", "name": "Spring", "tiers": [{"from_minor": 100, "bonus_minor": 50}]}
    assert staff.post("/campaigns", body).status_code == 201


def test_an_item_is_taken_back_once_and_stays_as_it_was(staff: Caller, hub: Hub, ana: str) -> None:
    before = staff.get(f"/accounts/{ana}/ledger").json()["items"]

    done = correct(staff, "c1")
    again = correct(staff, "c1")
    other = correct(staff, "c2")

    assert done.status_code == 201
    assert again.content == done.content
    found = done.json()
    assert (found["item"], found["kind"], found["account"]) == ("ana-1", "top_up", ana)
    check_refused(hub, other, Code.ALREADY_REFUNDED)
    assert books(hub) == {}
    lines = staff.get(f"/accounts/{ana}/ledger").json()["items"]
    assert lines[1:] == before
    assert lines[0]["kind"] == "correction"
    assert staff.get("/corrections/c1").json() == found
    check_out(hub)


def test_two_corrections_of_one_item_are_kept_apart_by_the_database(
    staff: Caller, hub: Hub, ana: str
) -> None:
    correct(staff, "c1")
    row = {"item": "ana-1", "kind": "top_up", "unit": "EUR", "amount_minor": 1, "reason": "x"}
    second = insert(corrections).values(id="c2", by="k", at_ms=0, **row)

    with pytest.raises((IntegrityError, StoreError)):
        hub.writer.run(lambda tx: tx.connection.execute(second))


def test_who_has_spent_the_money_is_not_corrected(staff: Caller, hub: Hub, ana: str) -> None:
    post(hub, "f1", Move(chart.wallet(ana, "EUR"), chart.revenue("w", "EUR"), 1))
    before = books(hub)

    words = check_refused(hub, correct(staff, "c1"), Code.BALANCE_TOO_LOW)

    assert "adjustment" in words
    assert books(hub) == before
    pay_in(staff, ana, 500, "ana-2")
    assert correct(staff, "c1").status_code == 201


def test_a_top_up_is_taken_back_with_its_bonus(staff: Caller, hub: Hub, ana: str) -> None:
    campaign(staff)
    pay_in(staff, ana, 200, "t1")
    assert books(hub)["EUR:promo/"] == -50

    assert correct(staff, "c1", "t1").status_code == 201

    assert "EUR:promo/" not in books(hub)
    assert balance(staff, ana)["wallet"] == 1_000
    assert [one["item"] for one in staff.get("/corrections").json()["items"]] == [
        "t1:bonus",
        "t1",
    ]
    check_out(hub)


def test_a_bonus_that_was_spent_keeps_its_top_up(staff: Caller, hub: Hub, ana: str) -> None:
    campaign(staff)
    pay_in(staff, ana, 200, "t1")
    lot = chart.bonus(ana, "EUR", "t1:bonus")
    post(hub, "f1", Move(lot, chart.revenue("w", "EUR"), 20))
    before = books(hub)

    check_refused(hub, correct(staff, "c1", "t1"), Code.LIMIT_EXCEEDED)

    assert books(hub) == before


def test_what_settled_an_overrun_is_owed_again(staff: Caller, hub: Hub, ana: str) -> None:
    post(hub, "late", Move(chart.overrun(ana, "EUR"), chart.revenue("w", "EUR"), 300))
    pay_in(staff, ana, 500, "t1")
    assert balance(staff, ana) == {"wallet": 1_200, "deposit": 0, "overrun": 0}

    correct(staff, "c1", "t1")

    assert balance(staff, ana) == {"wallet": 1_000, "deposit": 0, "overrun": 300}


@on_sqlite
def test_what_is_taken_back_in_its_own_way_is_not_corrected(staff: Caller, hub: Hub) -> None:
    set_up(hub)
    open_account(staff, "acc_eve")
    pay_in(staff, "acc_eve", 500, "eve-1")
    hub.writer.run(lambda tx: book_session(tx, "ses_1"))
    staff.post("/sessions/ses_1/refunds", {"reason": "broken", "amount_minor": 5}, key="rf-1")
    payout(staff, "p1", 100, "acc_eve")
    staff.post("/accounts/acc_eve/deposits", {"amount_minor": 100}, key="d1")
    staff.post("/accounts/acc_eve/adjustments", ADJUST | {"against": "promo"}, key="g1")
    correct(staff, "c1", "seed_acc_sam")
    before = books(hub)

    for number, item in enumerate(("charge:ses_1", "rf-1", "p1", "d1", "g1", "c1")):
        problem = check_problem(correct(staff, f"k{number}", item), 409)
        expected = Code.ALREADY_REFUNDED if item == "charge:ses_1" else Code.NOT_PAYABLE
        assert problem["code"] == expected, item
    check_problem(correct(staff, "k9", "nothing"), 404)

    assert books(hub) == before


ADJUST = {"direction": "credit", "amount_minor": 70, "cause": "goodwill", "reason": "sorry"}


def test_a_refunded_charge_is_not_corrected_nor_a_corrected_one_refunded(
    staff: Caller, hub: Hub, ana: str
) -> None:
    adjust(staff, "a1", 100, direction="debit", against="fees")
    correct(staff, "c1", "a1")

    back = staff.post("/refunds", {"item": "a1", "reason": "again"}, key="r1")

    check_refused(hub, back, Code.ALREADY_REFUNDED)
    assert balance(staff, ana)["wallet"] == 1_000
    adjust(staff, "a2", 100, direction="debit", against="fees")
    assert staff.post("/refunds", {"item": "a2", "reason": "no"}, key="r2").status_code == 201
    check_refused(hub, correct(staff, "c2", "a2"), Code.ALREADY_REFUNDED)
    check_out(hub)


def test_an_adjustment_credits_settling_first_or_debits(staff: Caller, hub: Hub, ana: str) -> None:
    post(hub, "late", Move(chart.overrun(ana, "EUR"), chart.revenue("w", "EUR"), 30))

    first = adjust(staff, "a1", 100)
    again = adjust(staff, "a1", 100)
    assert first.content == again.content
    assert first.json()["about"] == "credit:suspense:wrong_amount"
    assert balance(staff, ana) == {"wallet": 1_070, "deposit": 0, "overrun": 0}

    adjust(staff, "a2", 1_070, direction="debit", against="fees")
    assert balance(staff, ana)["wallet"] == 0
    check_refused(hub, adjust(staff, "a3", 1, direction="debit"), Code.BALANCE_TOO_LOW)
    check_refused(hub, adjust(staff, "a1", 101), Code.ID_CONFLICT)
    assert books(hub)["EUR:suspense/"] == -100


def test_money_given_by_the_house_is_never_paid_out(staff: Caller, hub: Hub, ana: str) -> None:
    adjust(staff, "a1", 100, against="promo", cause="goodwill")

    assert balance(staff, ana)["wallet"] == 1_000
    assert books(hub)[chart.bonus(ana, "EUR", "a1")] == 100
    check_refused(hub, payout(staff, "p1", 1_001), Code.NOT_PAYABLE)
    check_out(hub)


@on_sqlite
@pytest.mark.parametrize(
    "more",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": 10**16},
        {"cause": "rain"},
        {"reason": "  "},
        {"against": "revenue"},
        {"direction": "debit", "against": "promo"},
    ],
)
def test_bad_adjustments_change_nothing(
    more: dict[str, Any], staff: Caller, hub: Hub, ana: str
) -> None:
    before = books(hub)

    check_problem(adjust(staff, "a1", 100, **more), 400)

    assert books(hub) == before


@on_sqlite
def test_the_list_of_causes_is_the_operators(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/rules/adjustments", {"causes": ["storm"]})

    check_problem(adjust(staff, "a1", 100), 400)
    assert adjust(staff, "a1", 100, cause="storm").status_code == 201
    check_problem(staff.post("/rules/adjustments", {"causes": []}), 400)


@on_sqlite
def test_one_person_moves_up_to_the_limit_alone(staff: Caller, hub: Hub, ana: str) -> None:
    other = Caller(staff.client, make_key(hub).token)
    staff.post("/rules/second-person/EUR", {"adjustment_minor": 100, "correction_minor": 999})

    assert adjust(staff, "a1", 100).status_code == 201
    check_refused(hub, adjust(staff, "a2", 101), Code.SECOND_PERSON)
    check_refused(hub, correct(staff, "c1"), Code.SECOND_PERSON)

    action = {"kind": "correction", "item": "ana-1", "reason": "typed wrong"}
    asked = staff.post("/approvals", {"action": action}, key="c1").json()
    assert asked["amount_minor"] == 1_000
    other.post("/approvals/c1/approve", {"digest": asked["digest"]}, key="y1")
    found = staff.get("/corrections/c1").json()
    assert found["second"]
    assert found["second"] != found["by"]
    check_out(hub)

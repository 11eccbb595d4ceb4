"""Transfers between accounts: paid money, within limits, of one unit."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.ledger import accounts as chart
from hub.ledger.items import Move
from tests.hub_web.both import (
    balance,
    books,
    check_refused,
    hub_on,
    on_sqlite,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import Caller
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_lists import walk
from tests.hub_web.test_payouts import check_out, give_bonus, post
from wire.errors import Code

DAY_MS = 86_400_000


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    """An account with 10.00 in its wallet, and Sam's with nothing."""
    open_account(staff, "acc_ana", group="family")
    open_account(staff, "acc_sam", group="students")
    pay_in(staff, "acc_ana", 1_000, "ana-1")
    return "acc_ana"


def pass_on(staff: Caller, key: str, minor: int, to: str = "acc_sam", **more: Any) -> Any:
    body = {"receiver": to, "amount_minor": minor} | more
    return staff.post("/accounts/acc_ana/transfers", body, key=key)


def test_money_passes_and_settles_what_the_receiver_owes(staff: Caller, hub: Hub, ana: str) -> None:
    post(hub, "late", Move(chart.overrun("acc_sam", "EUR"), chart.revenue("w", "EUR"), 150))

    first = pass_on(staff, "x1", 400, reason="for the washer")
    again = pass_on(staff, "x1", 400, reason="for the washer")

    assert first.status_code == 201
    assert first.content == again.content
    assert balance(staff, ana)["wallet"] == 600
    assert balance(staff, "acc_sam") == {"wallet": 250, "deposit": 0, "overrun": 0}
    for account in (ana, "acc_sam"):
        assert [t["id"] for t in staff.get(f"/accounts/{account}/transfers").json()["items"]] == [
            "x1"
        ]
    check_out(hub)


def test_bonus_held_and_credit_are_not_given_away(staff: Caller, hub: Hub, ana: str) -> None:
    give_bonus(hub, ana, 500)
    staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 5_000})
    before = books(hub)

    check_refused(hub, pass_on(staff, "x1", 1_001), Code.NOT_PAYABLE)
    check_refused(hub, pass_on(staff, "x2", 1_501), Code.BALANCE_TOO_LOW)

    assert books(hub) == before
    assert pass_on(staff, "x1", 1_000).status_code == 201


def test_limits_at_a_time_and_within_a_day(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post("/rules/transfers/EUR", {"least_minor": 10, "most_minor": 300, "day_minor": 500})

    check_refused(hub, pass_on(staff, "x0", 301), Code.LIMIT_EXCEEDED)
    check_refused(hub, pass_on(staff, "x0", 9), Code.LIMIT_EXCEEDED)
    assert pass_on(staff, "x1", 300).status_code == 201
    words = check_refused(hub, pass_on(staff, "x2", 201), Code.LIMIT_EXCEEDED)
    assert "200 are left" in words
    assert pass_on(staff, "x2", 200).status_code == 201
    check_refused(hub, pass_on(staff, "x3", 10), Code.LIMIT_EXCEEDED)

    hub.clock.advance(DAY_MS)  # type: ignore[attr-defined]
    assert pass_on(staff, "x3", 10).status_code == 201
    assert balance(staff, "acc_sam")["wallet"] == 510


@on_sqlite
def test_groups_that_may_give_to_each_other(staff: Caller, hub: Hub, ana: str) -> None:
    pair = {"sender": "family", "receiver": "family"}
    staff.post("/rules/transfers/EUR", {"pairs": [pair]})
    check_refused(hub, pass_on(staff, "x1", 10), Code.LIMIT_EXCEEDED)

    pair["receiver"] = "students"
    staff.post("/rules/transfers/EUR", {"pairs": [pair]})
    assert pass_on(staff, "x1", 10).status_code == 201
    staff.post("/rules/transfers/EUR", {"allowed": False})
    check_refused(hub, pass_on(staff, "x2", 10), Code.LIMIT_EXCEEDED)
    assert "can't be given" in staff.get("/transfer-rules").json()["text"]


@on_sqlite
def test_who_may_not_give_or_get(staff: Caller, hub: Hub, ana: str) -> None:
    open_account(staff, "acc_pts", "PTS")
    open_account(staff, "acc_closed")
    staff.post("/accounts/acc_closed/close")
    open_account(staff, "acc_blocked")
    staff.patch("/accounts/acc_blocked", {"state": "blocked"})
    before = books(hub)

    check_refused(hub, pass_on(staff, "x1", 10, ana), Code.BODY_MALFORMED, 400)
    check_refused(hub, pass_on(staff, "x1", 10, "acc_pts"), Code.UNIT_MISMATCH)
    check_refused(hub, pass_on(staff, "x1", 10, "acc_closed"), Code.ACCOUNT_CLOSED)
    check_refused(hub, pass_on(staff, "x1", 10, "acc_blocked"), Code.CARD_BLOCKED)
    check_refused(hub, pass_on(staff, "x1", 10, "acc_none"), Code.ACCOUNT_UNKNOWN, 404)
    check_problem(pass_on(staff, "x1", 0), 400)
    check_problem(pass_on(staff, "x1", 10, reason="a\nb"), 400)
    staff.patch(f"/accounts/{ana}", {"state": "blocked"})
    check_refused(hub, pass_on(staff, "x1", 10), Code.CARD_BLOCKED)

    assert books(hub) == before


@on_sqlite
def test_an_id_is_for_one_transfer(staff: Caller, hub: Hub, ana: str) -> None:
    first = pass_on(staff, "x1", 10)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    assert pass_on(staff, "x1", 10).json() == first.json()
    check_refused(hub, pass_on(staff, "x1", 11), Code.ID_CONFLICT)
    check_refused(hub, pass_on(staff, "ana-1", 10), Code.ID_CONFLICT)


@on_sqlite
def test_the_list_is_paged(staff: Caller, hub: Hub, ana: str) -> None:
    for number in range(5):
        pass_on(staff, f"x{number}", 10)
        hub.clock.advance(number % 2)  # type: ignore[attr-defined]

    ids = [one["id"] for one in walk(staff, "/accounts/acc_sam/transfers", 2)]

    assert ids == ["x4", "x3", "x2", "x1", "x0"]


@on_sqlite
@pytest.mark.parametrize(
    "rules",
    [
        {"least_minor": 0},
        {"most_minor": 10, "least_minor": 11},
        {"day_minor": 1},
        {"most_minor": 10**16, "day_minor": 10**16},
    ],
)
def test_rules_that_cannot_be_followed_are_refused(
    rules: dict[str, int], staff: Caller, ana: str
) -> None:
    check_problem(staff.post("/rules/transfers/EUR", rules), 400)
    check_problem(staff.post("/rules/transfers/XXXX", {}), 400)

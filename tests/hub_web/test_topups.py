"""Top-ups by the operator's rules: what is shown before paying is what is booked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.commands import topup
from hub.commands.access import Place
from hub.commands.verify import verify
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.payments.topups import TopUp, top_up
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


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    return open_account(staff, "acc_ana")


def decide(staff: Caller, unit: str = "EUR", **rules: Any) -> Any:
    return staff.post(f"/rules/top-ups/{unit}", rules)


def preview(staff: Caller, account: str, minor: int, **source: str) -> Any:
    wanted = source or {"till": "counter"}
    return staff.get(f"/accounts/{account}/top-ups/preview", amount_minor=minor, **wanted)


def owe(hub: Hub, account: str, minor: int) -> None:
    """Have a fact cost more than every right."""
    leg = Move(chart.overrun(account, "EUR"), chart.revenue("laser", "EUR"), minor)
    item = Item(id=f"fact_{account}", unit="EUR", kind="fact", legs=(leg,))
    hub.writer.run(lambda tx: tx.book.must_post(item))


def test_until_someone_decides_a_top_up_costs_nothing(staff: Caller, hub: Hub, ana: str) -> None:
    rules = staff.get("/rules/top-ups/EUR").json()
    booked = pay_in(staff, ana, 2_000, "t1").json()

    assert rules == {
        "least_minor": 10,
        "most_minor": 100_000,
        "balance_minor_max": None,
        "fees": {},
    }
    assert (booked["fee_minor"], booked["bonus_minor"], booked["campaign"]) == (0, 0, "")
    assert books(hub) == {"EUR:cash/counter": -2_000, "EUR:wallet/acc_ana": 2_000}
    check_sound(hub)


def test_a_fee_is_shown_before_paying_and_is_in_the_accounts_own_lines(
    staff: Caller, hub: Hub, ana: str
) -> None:
    decide(staff, fees={"cash": {"fixed_minor": 25, "ppm": 15_000}})

    shown = preview(staff, ana, 1_000).json()
    booked = pay_in(staff, ana, 1_000, "t1").json()

    assert (shown["fee_minor"], shown["wallet_minor"], shown["balance_after_minor"]) == (
        40,
        960,
        960,
    )
    assert booked["fee_minor"] == 40
    assert books(hub) == {
        "EUR:cash/counter": -1_000,
        "EUR:fees/": 40,
        "EUR:wallet/acc_ana": 960,
    }
    lines = staff.get(f"/accounts/{ana}/ledger").json()["items"]
    assert sorted(line["amount_minor"] for line in lines) == [-40, 40, 960]
    check_sound(hub)


def test_an_overrun_is_settled_before_the_wallet_gets_anything(
    staff: Caller, hub: Hub, ana: str
) -> None:
    decide(staff, fees={"cash": {"fixed_minor": 50}})
    owe(hub, ana, 700)

    shown = preview(staff, ana, 600).json()
    pay_in(staff, ana, 600, "t1")
    first = balance(staff, ana)
    pay_in(staff, ana, 600, "t2")

    assert (shown["settled_minor"], shown["wallet_minor"]) == (550, 0)
    assert first == {"wallet": 0, "deposit": 0, "overrun": 150}
    assert balance(staff, ana) == {"wallet": 400, "deposit": 0, "overrun": 0}
    check_sound(hub)


def test_too_much_is_refused_whole_and_the_largest_possible_amount_is_named(
    staff: Caller, hub: Hub, ana: str
) -> None:
    decide(staff, balance_minor_max=5_000)
    pay_in(staff, ana, 3_500, "t1")
    before = books(hub)

    words = check_refused(hub, pay_in(staff, ana, 1_501, "t2"), Code.BALANCE_TOO_HIGH)
    shown = check_refused(hub, preview(staff, ana, 1_501), Code.BALANCE_TOO_HIGH)

    assert words == shown
    assert "at most 1500 minor units can be paid in now" in words
    assert books(hub) == before
    assert pay_in(staff, ana, 1_500, "t2").status_code == 201
    assert "nothing can be paid in now" in pay_in(staff, ana, 10, "t3").json()["detail"]


def test_held_and_given_money_counts_towards_the_most_balance(
    staff: Caller, hub: Hub, ana: str
) -> None:
    decide(staff, balance_minor_max=5_000)
    tiers = [{"from_minor": 1_000, "bonus_minor": 400}]
    staff.post("/campaigns", {"id": "c", "name": "C", "tiers": tiers})
    pay_in(staff, ana, 2_000, "t1")
    held = Item(
        id="hold",
        unit="EUR",
        kind="hold",
        legs=(Move(chart.wallet(ana, "EUR"), chart.escrow(ana, "EUR"), 1_500),),
    )
    hub.writer.run(lambda tx: tx.book.must_post(held))

    problem = check_problem(pay_in(staff, ana, 2_300, "t2"), 409)

    # 500 in the wallet, 1,500 held, 400 given; 2,200 more would bring 400 more.
    assert problem["code"] == Code.BALANCE_TOO_HIGH
    assert "the account has 2400" in problem["detail"]
    assert "at most 2200 minor units" in problem["detail"]
    assert pay_in(staff, ana, 2_200, "t2").json()["bonus_minor"] == 400


@on_sqlite
def test_rules_are_of_one_unit(staff: Caller, hub: Hub, ana: str) -> None:
    decide(staff, unit="PTS", least_minor=500)
    kim = open_account(staff, "acc_kim", unit="PTS")

    check_refused(hub, pay_in(staff, kim, 499, "t1"), Code.AMOUNT_INVALID, 400)
    assert pay_in(staff, ana, 499, "t2").status_code == 201
    check_refused(hub, decide(staff, unit="NIX"), Code.BODY_MALFORMED, 400)


NOT_RULES: tuple[dict[str, Any], ...] = (
    {"least_minor": 0},
    {"least_minor": 200, "most_minor": 100},
    {"balance_minor_max": 0},
    {"balance_minor_max": 1.5},
    {"fees": {"cash": {"ppm": 500_001}}},
    {"fees": {"cash": {"fixed_minor": -1}}},
    {"fees": {"No Name": {}}},
    {"unknown": 1},
)


@on_sqlite
def test_rules_that_cannot_be_followed_change_nothing(staff: Caller) -> None:
    before = staff.get("/rules/top-ups/EUR").json()

    for rules in NOT_RULES:
        check_problem(staff.post("/rules/top-ups/EUR", rules), 400)

    assert staff.get("/rules/top-ups/EUR").json() == before


@on_sqlite
def test_an_amount_out_of_range_moves_nothing(staff: Caller, hub: Hub, ana: str) -> None:
    for amount in (0, -5, 9, 100_001, 10**15, 10**18):
        check_problem(pay_in(staff, ana, amount, "t1"), 400)
        check_problem(preview(staff, ana, amount), 400)

    assert books(hub) == {}


@on_sqlite
def test_an_amount_that_the_fee_would_take_is_refused(staff: Caller, hub: Hub, ana: str) -> None:
    decide(staff, fees={"": {"fixed_minor": 100}})

    words = check_refused(hub, pay_in(staff, ana, 100, "t1"), Code.AMOUNT_INVALID, 400)

    assert "pay in more" in words
    assert books(hub) == {}


@on_sqlite
def test_accounts_that_are_not_there_or_closed_get_nothing(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post(f"/accounts/{ana}/close")

    check_refused(hub, pay_in(staff, ana, 500, "t1"), Code.ACCOUNT_CLOSED)
    check_refused(hub, preview(staff, ana, 500), Code.ACCOUNT_CLOSED)
    check_refused(hub, pay_in(staff, "acc_nobody", 500, "t2"), Code.ACCOUNT_UNKNOWN, 404)
    check_refused(hub, preview(staff, "acc_nobody", 500), Code.ACCOUNT_UNKNOWN, 404)
    assert books(hub) == {}


def test_a_repeat_is_answered_from_the_payment_whatever_the_rules_are_by_now(
    staff: Caller, hub: Hub, ana: str
) -> None:
    decide(staff, fees={"cash": {"fixed_minor": 10}})
    first = pay_in(staff, ana, 500, "t1").json()
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    decide(staff, least_minor=1_000, most_minor=2_000, balance_minor_max=1_000)

    again = pay_in(staff, ana, 500, "t1")

    assert again.json() == first
    assert balance(staff, ana)["wallet"] == 490
    check_sound(hub)


def test_money_may_come_through_a_provider_at_its_own_fee(
    hub: Hub, staff: Caller, ana: str
) -> None:
    decide(staff, fees={"card": {"ppm": 14_000, "fixed_minor": 5}})
    asked = TopUp(
        id="p1", account=ana, amount_minor=2_000, till="", provider="card", site="x", by="card"
    )

    shown = preview(staff, ana, 2_000, provider="card").json()
    first = hub.writer.run(lambda tx: top_up(tx, asked))
    again = hub.writer.run(lambda tx: top_up(tx, asked))

    assert first == again
    assert shown["fee_minor"] == first.fee_minor == 33
    assert books(hub) == {
        "EUR:clearing/card": -2_000,
        "EUR:fees/": 33,
        "EUR:wallet/acc_ana": 1_967,
    }
    check_sound(hub)


@on_sqlite
def test_a_preview_names_one_source(staff: Caller, ana: str) -> None:
    check_problem(preview(staff, ana, 500, till="counter", provider="card"), 400)
    check_problem(staff.get(f"/accounts/{ana}/top-ups/preview", amount_minor=500), 400)
    check_problem(preview(staff, ana, 500, provider="cash"), 400)
    check_problem(preview(staff, ana, 500, till="No Till"), 400)


@on_sqlite
def test_a_key_of_the_desk_cannot_change_rules(hub: Hub, client: Any) -> None:
    from hub.people.keys import Scope

    desk = Caller(client, make_key(hub, Scope.PAYMENTS_WRITE, Scope.PAYMENTS_READ).token)

    check_problem(decide(desk, least_minor=5), 403)
    assert desk.get("/rules/top-ups/EUR").status_code == 200


@on_sqlite
def test_the_command_says_what_a_top_up_cost_and_brought(
    tmp_path: Path, staff: Caller, hub: Hub, ana: str, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(staff, fees={"cash": {"fixed_minor": 50}})
    tiers = [{"from_minor": 1_000, "bonus_minor": 200}]
    staff.post("/campaigns", {"id": "spring", "name": "Spring", "tiers": tiers})
    hub.close()

    exits = [
        topup.run(Place(tmp_path), ana, amount, "counter", f"t{amount}", as_json=False)
        for amount in ("10.00", "5.00", "0.50")
    ]
    printed = capsys.readouterr()

    assert exits == [0, 0, 1]
    assert printed.out.splitlines() == [
        "€10.00 paid in for acc_ana at counter, booked as t10.00.",
        "€0.50 of it is the fee.",
        "€2.00 is given on top (spring).",
        "€5.00 paid in for acc_ana at counter, booked as t5.00.",
        "€0.50 of it is the fee.",
    ]
    assert "pay in more" in printed.err
    assert verify(tmp_path, "", as_json=False) == 0

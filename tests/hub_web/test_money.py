"""Money moves once for each id that a caller made, and the book always adds up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, strategies as st
from sqlalchemy import update

from hub.bootstrap import Hub
from hub.ledger.statements import sum_by_unit
from hub.payments.refunds import tax_part
from hub.payments.topups import TOP_UP_MINOR_MAX, TOP_UP_MINOR_MIN
from hub.store.tables.charging import sessions
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.place import book_session, set_up
from tests.hub_web.test_bad_requests import check_problem
from wire.errors import Code

CASH = {"amount_minor": 2_000, "till": "counter"}


@pytest.fixture
def ana(hub: Hub) -> str:
    """An account with 23.40 in its wallet."""
    set_up(hub)
    return "acc_ana"


def balance(staff: Caller, account: str) -> dict[str, int]:
    found = staff.get(f"/accounts/{account}/balance").json()
    return {name: found[f"{name}_minor"] for name in ("wallet", "deposit", "overrun", "held")}


def check_book(hub: Hub) -> None:
    with hub.store.read() as connection:
        assert sum_by_unit(connection) == {"EUR": 0}


def test_a_top_up_sent_twice_is_booked_once_and_answered_the_same(
    staff: Caller, hub: Hub, ana: str
) -> None:
    first = staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    again = staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert balance(staff, ana)["wallet"] == 4_340
    check_book(hub)


def test_the_order_of_members_does_not_make_another_request(staff: Caller, ana: str) -> None:
    staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")

    again = staff.post(f"/accounts/{ana}/top-ups", dict(reversed(CASH.items())), key="top-1")

    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/accounts/acc_ana/top-ups", {**CASH, "amount_minor": 2_001}),
        ("/accounts/acc_ana/top-ups", {**CASH, "till": "bar"}),
        ("/accounts/acc_sam/top-ups", CASH),
        ("/accounts/acc_ana/deposits", CASH),
    ],
)
def test_an_id_used_for_something_else_is_a_conflict_and_an_alarm(
    path: str, body: dict[str, object], staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    before = balance(staff, ana), balance(staff, "acc_sam")

    problem = check_problem(staff.post(path, body, key="top-1"), 409)

    assert problem["code"] == Code.ID_CONFLICT
    assert (balance(staff, ana), balance(staff, "acc_sam")) == before
    [alarm] = staff.get("/alarms").json()["items"]
    assert alarm["code"] == Code.ID_CONFLICT
    assert "top-1" in alarm["detail"]
    check_book(hub)


def test_an_id_of_another_key_is_a_conflict_too(staff: Caller, hub: Hub, ana: str) -> None:
    staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    other = Caller(staff.client, make_key(hub).token)

    check_problem(other.post(f"/accounts/{ana}/top-ups", CASH, key="top-1"), 409)

    assert balance(staff, ana)["wallet"] == 4_340


def test_the_answer_stays_the_same_after_the_stored_one_is_gone(
    staff: Caller, hub: Hub, ana: str
) -> None:
    first = staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    again = staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    other = staff.post(f"/accounts/{ana}/top-ups", {**CASH, "amount_minor": 1}, key="top-1")

    assert again.json() == first.json()
    check_problem(other)
    assert balance(staff, ana)["wallet"] == 4_340


def test_one_id_sent_by_many_at_once_moves_once(served: str, hub: Hub, ana: str) -> None:
    import httpx

    headers = {"Authorization": f"Bearer {make_key(hub).token}", "Idempotency-Key": "rush"}

    def send(_: int) -> bytes:
        url = f"{served}/api/v1/accounts/{ana}/top-ups"
        return httpx.post(url, json=CASH, headers=headers, trust_env=False).content

    with ThreadPoolExecutor(8) as crowd:
        answers = set(crowd.map(send, range(24)))

    assert len(answers) == 1
    with hub.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM payments WHERE id = 'rush'")
        assert rows.scalar_one() == 1
    check_book(hub)


def test_a_refused_request_leaves_nothing_and_its_id_may_be_tried_again(
    staff: Caller, ana: str
) -> None:
    body = {"amount_minor": 5_000}
    check_problem(staff.post(f"/accounts/{ana}/deposits", body, key="dep-1"), 409)
    staff.post(f"/accounts/{ana}/top-ups", {**CASH, "amount_minor": 5_000}, key="top-1")

    again = staff.post(f"/accounts/{ana}/deposits", body, key="dep-1")

    assert again.status_code == 201
    assert balance(staff, ana) == {"wallet": 2_340, "deposit": 5_000, "overrun": 0, "held": 0}


@pytest.mark.parametrize("amount", [TOP_UP_MINOR_MIN - 1, TOP_UP_MINOR_MAX + 1])
def test_a_top_up_has_a_least_and_a_most(amount: int, staff: Caller, ana: str) -> None:
    answer = staff.post(f"/accounts/{ana}/top-ups", {**CASH, "amount_minor": amount}, key="t")

    assert check_problem(answer, 400)["code"] == Code.AMOUNT_INVALID


def test_a_closed_account_takes_no_money(staff: Caller, ana: str) -> None:
    staff.post(f"/accounts/{ana}/close")

    problem = check_problem(staff.post(f"/accounts/{ana}/top-ups", CASH, key="t"), 409)

    assert problem["code"] == Code.ACCOUNT_CLOSED


def test_a_top_up_settles_an_overrun_first(staff: Caller, hub: Hub, ana: str) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_big", charge_minor=3_000, tax_minor=0))
    assert balance(staff, ana) == {"wallet": 0, "deposit": 0, "overrun": 660, "held": 0}

    staff.post(f"/accounts/{ana}/top-ups", {**CASH, "amount_minor": 500}, key="t1")
    part = balance(staff, ana)
    staff.post(f"/accounts/{ana}/top-ups", {**CASH, "amount_minor": 500}, key="t2")

    assert part == {"wallet": 0, "deposit": 0, "overrun": 160, "held": 0}
    assert balance(staff, ana) == {"wallet": 340, "deposit": 0, "overrun": 0, "held": 0}
    check_book(hub)


def test_a_deposit_is_taken_and_returned_and_never_more_than_was_paid(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post(f"/accounts/{ana}/deposits", {"amount_minor": 1_000}, key="d1")
    staff.post(f"/accounts/{ana}/deposits", {"amount_minor": 500, "till": "counter"}, key="d2")
    assert balance(staff, ana)["deposit"] == 1_500
    assert balance(staff, ana)["wallet"] == 1_340

    back = staff.post(f"/accounts/{ana}/deposits/return", {"amount_minor": 1_200}, key="r1")
    more = staff.post(f"/accounts/{ana}/deposits/return", {"amount_minor": 301}, key="r2")

    assert back.status_code == 201
    assert check_problem(more, 409)["code"] == Code.DEPOSIT_TOO_LOW
    assert balance(staff, ana) == {"wallet": 2_540, "deposit": 300, "overrun": 0, "held": 0}
    check_book(hub)


def refund(staff: Caller, key: str, amount: int | None = None, session: str = "ses_1"):
    body = {"reason": "it stopped early"} | ({} if amount is None else {"amount_minor": amount})
    return staff.post(f"/sessions/{session}/refunds", body, key=key)


def test_a_session_is_refunded_at_most_once_in_parts_or_whole(
    staff: Caller, hub: Hub, ana: str
) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1", charge_minor=119, tax_minor=19))

    part = refund(staff, "rf-1", 50)
    repeated = refund(staff, "rf-1", 50)
    too_much = refund(staff, "rf-2", 70)
    rest = refund(staff, "rf-3")
    over = refund(staff, "rf-4")
    one_more = refund(staff, "rf-5", 1)

    assert part.status_code == 201
    assert repeated.content == part.content
    assert check_problem(too_much, 409)["code"] == Code.REFUND_TOO_LARGE
    assert rest.json()["amount_minor"] == 69
    assert check_problem(over, 409)["code"] == Code.ALREADY_REFUNDED
    assert check_problem(one_more, 409)["code"] == Code.ALREADY_REFUNDED
    assert balance(staff, ana)["wallet"] == 2_340
    session = staff.get("/sessions/ses_1").json()
    assert (session["refunded_minor"], session["state"]) == (119, "refunded")
    check_book(hub)


def test_a_refund_takes_revenue_and_tax_back_in_proportion_and_names_the_original(
    staff: Caller, hub: Hub, ana: str
) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1", charge_minor=119, tax_minor=19))
    refund(staff, "rf-1", 50)

    lines = staff.get(f"/accounts/{ana}/ledger").json()["items"]
    back = [line for line in lines if line["kind"] == "refund"]

    assert {line["other"]: line["amount_minor"] for line in back} == {
        "EUR:revenue/dryer-1": 42,
        "EUR:tax/190000": 8,
    }
    assert {line["ref"] for line in back} == {"ses_1"}
    assert {line["reason"] for line in back} == {"it stopped early"}
    with hub.store.read() as connection:
        row = connection.exec_driver_sql("SELECT reverses FROM items WHERE id = 'rf-1'")
        assert row.scalar_one() == "charge:ses_1"


def test_a_refund_settles_the_overrun_first(staff: Caller, hub: Hub, ana: str) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1", charge_minor=3_000, tax_minor=0))

    refund(staff, "rf-1", 1_000)

    assert balance(staff, ana) == {"wallet": 340, "deposit": 0, "overrun": 0, "held": 0}


def test_a_running_session_is_refunded_when_it_has_ended(staff: Caller, hub: Hub, ana: str) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1", state="running"))
    assert check_problem(refund(staff, "rf-1"), 409)["code"] == Code.STATE_CONFLICT

    ended = update(sessions).values(state="ended")
    hub.writer.run(lambda tx: tx.connection.execute(ended))

    assert refund(staff, "rf-1").status_code == 201


def test_a_session_that_cost_nothing_has_nothing_to_refund(
    staff: Caller, hub: Hub, ana: str
) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1", charge_minor=0, tax_minor=0))

    check_problem(refund(staff, "rf-1"), 409)


def test_a_refund_needs_a_reason(staff: Caller, hub: Hub, ana: str) -> None:
    hub.writer.run(lambda tx: book_session(tx, "ses_1"))

    for reason in ("", "   ", "x" * 201, "a\nb"):
        check_problem(staff.post("/sessions/ses_1/refunds", {"reason": reason}, key="r"), 400)


def test_payments_of_an_account_say_what_was_asked_by_whom(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post(f"/accounts/{ana}/top-ups", CASH, key="top-1")
    hub.writer.run(lambda tx: book_session(tx, "ses_1"))
    refund(staff, "rf-1")

    found = staff.get(f"/accounts/{ana}/payments").json()["items"]

    kinds = {one["id"]: one["kind"] for one in found}
    assert kinds == {"top-1": "top_up", "rf-1": "refund", "seed_acc_ana": "top_up"}
    assert {one["by"] for one in found} == {"cli", staff.get("/keys").json()["items"][0]["id"]}


@given(
    charge=st.integers(1, 10**6),
    tax_ppm=st.integers(0, 10**6),
    cuts=st.lists(st.integers(1, 10**6), max_size=6),
)
def test_tax_of_the_parts_is_the_tax_of_the_whole(
    charge: int, tax_ppm: int, cuts: list[int]
) -> None:
    tax = charge * tax_ppm // (10**6 + tax_ppm)
    refunded, given_back = 0, 0
    for cut in [*cuts, charge]:
        part = min(cut, charge - refunded)
        if part:
            piece = tax_part(tax, charge, refunded, part)
            assert 0 <= piece <= part
            given_back += piece
            refunded += part

    assert refunded == charge
    assert given_back == tax

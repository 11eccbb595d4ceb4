"""Tills: cash moves within a shift, and each count is held against the book."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.fleet import controllers
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
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
from tests.hub_web.test_lists import walk
from wire.clock import ManualClock
from wire.errors import Code


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    return open_account(staff, "acc_ana")


@pytest.fixture
def bar(staff: Caller) -> str:
    """A registered till."""
    assert staff.post("/tills", {"id": "bar", "name": "Bar"}).status_code == 201
    return "bar"


def open_shift(staff: Caller, till: str, key: str, float_minor: int | None = 0, **more: Any) -> Any:
    body = {} if float_minor is None else {"float_minor": float_minor}
    return staff.post(f"/tills/{till}/shifts", body | more, key=key)


def close(staff: Caller, till: str, key: str, counted: int | None = None, **more: Any) -> Any:
    body = {} if counted is None else {"counted_minor": counted}
    return staff.post(f"/tills/{till}/close", body | more, key=key)


def count(staff: Caller, till: str) -> Any:
    return staff.post(f"/tills/{till}/count")


def cash(staff: Caller, till: str, key: str, direction: str, minor: int, **more: Any) -> Any:
    body = {"direction": direction, "place": "safe", "amount_minor": minor, "reason": "drop"}
    return staff.post(f"/tills/{till}/cash", body | more, key=key)


def test_a_shift_from_float_to_count(staff: Caller, hub: Hub, ana: str, bar: str) -> None:
    opened = open_shift(staff, bar, "s1", 5_000).json()
    pay_in(staff, ana, 2_000, "t1", bar)
    staff.post(f"/accounts/{ana}/deposits", {"amount_minor": 700, "till": bar}, key="d1")
    staff.post(f"/accounts/{ana}/deposits/return", {"amount_minor": 200, "till": bar}, key="r1")
    cash(staff, bar, "c1", "out", 3_000)
    cash(staff, bar, "c2", "in", 100, place="bank", reason="coins")
    counting = count(staff, bar).json()

    closed = close(staff, bar, "x1", 4_600, left_minor=1_000).json()

    assert (opened["state"], opened["from_safe_minor"]) == ("open", 5_000)
    assert (counting["state"], counting["expected_minor"]) == ("counting", None)
    assert (closed["state"], closed["difference_minor"]) == ("closed", 0)
    assert (closed["in_minor"], closed["out_minor"], closed["expected_minor"]) == (
        2_800,
        3_200,
        4_600,
    )
    assert books(hub) == {
        "EUR:cash/bar": -1_000,
        "EUR:clearing/safe": -1_600,
        "EUR:clearing/bank": 100,
        "EUR:wallet/acc_ana": 2_000,
        "EUR:deposit/acc_ana": 500,
    }
    check_sound(hub)


def test_takings_are_told_by_kind_and_other_shifts_are_left_out(
    staff: Caller, hub: Hub, ana: str, bar: str, clock: ManualClock
) -> None:
    for number in range(2):
        open_shift(staff, bar, f"s{number}", 1_000)
        pay_in(staff, ana, 1_500, f"t{number}", bar)
        pay_in(staff, ana, 500, f"u{number}", bar)
        cash(staff, bar, f"c{number}", "out", 700, place="other", reason="soap")
        count(staff, bar)
        close(staff, bar, f"x{number}", 2_300, left_minor=1_000)
        clock.advance(1_000)

    takings = staff.get("/shifts/s1").json()["takings"]
    moved = staff.get("/shifts/s1/cash").json()["items"]

    assert {
        row["kind"]: (row["in_minor"], row["out_minor"], row["movements"]) for row in takings
    } == {
        "till_cash": (0, 700, 1),
        "top_up": (2_000, 0, 2),
    }
    assert [(row["id"], row["place"], row["reason"]) for row in moved] == [("c1", "other", "soap")]
    assert staff.get("/shifts/s1").json()["shift"]["from_safe_minor"] == 0
    assert books(hub)["EUR:suspense/"] == -1_400
    check_sound(hub)


def test_a_difference_needs_a_reason_and_is_booked_and_shown(
    staff: Caller, hub: Hub, ana: str, bar: str
) -> None:
    open_shift(staff, bar, "s1", 1_000)
    pay_in(staff, ana, 500, "t1", bar)
    count(staff, bar)
    before = books(hub)

    words = check_refused(hub, close(staff, bar, "x1", 1_480), Code.BODY_MALFORMED, 400)
    still = books(hub)
    closed = close(staff, bar, "x1", 1_480, reason="20 cents on the floor").json()

    assert "differs from the book by -20" in words
    assert still == before
    assert (closed["expected_minor"], closed["difference_minor"]) == (1_500, -20)
    assert books(hub)["EUR:suspense/"] == -20
    assert books(hub)["EUR:clearing/safe"] == 1_000 - 1_480
    [row] = staff.get("/shifts", differing=True).json()["items"]
    assert (row["id"], row["reason"]) == ("s1", "20 cents on the floor")
    check_sound(hub)


def test_a_surplus_is_booked_the_other_way(staff: Caller, hub: Hub, bar: str) -> None:
    open_shift(staff, bar, "s1", 1_000)
    count(staff, bar)

    close(staff, bar, "x1", 1_050, reason="forgotten change")

    assert books(hub) == {"EUR:suspense/": 50, "EUR:clearing/safe": -50}
    check_sound(hub)


def test_a_repeated_close_is_answered_the_same_and_another_is_refused(
    staff: Caller, hub: Hub, bar: str
) -> None:
    open_shift(staff, bar, "s1", 1_000)
    count(staff, bar)
    first = close(staff, bar, "x1", 1_000)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    before = books(hub)

    again = close(staff, bar, "x1", 1_000)
    words = check_refused(hub, close(staff, bar, "x2", 1_000), Code.TILL_CLOSED)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    other = check_refused(hub, close(staff, bar, "x1", 999), Code.ID_CONFLICT)

    assert again.json() == first.json()
    assert "no open shift" in words
    assert "new id" in other
    assert books(hub) == before


def test_a_till_has_one_shift_at_a_time(staff: Caller, hub: Hub, bar: str) -> None:
    first = open_shift(staff, bar, "s1", 1_000)

    words = check_refused(hub, open_shift(staff, bar, "s2", 1_000), Code.TILL_CLOSED)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    again = open_shift(staff, bar, "s1", 1_000)
    other = open_shift(staff, bar, "s1", 900)

    assert "open shift" in words
    assert again.json() == first.json()
    assert check_problem(other, 409)["code"] == Code.ID_CONFLICT
    assert books(hub) == {"EUR:cash/bar": -1_000, "EUR:clearing/safe": 1_000}


def test_one_of_many_who_open_at_once_opens(hub: Hub, served: str, client: Any) -> None:
    import httpx

    staff = Caller(client, make_key(hub).token)
    staff.post("/tills", {"id": "bar", "name": "Bar"})

    def send(number: int) -> int:
        headers = staff.headers | {"Idempotency-Key": f"open-{number}"}
        url = f"{served}/api/v1/tills/bar/shifts"
        answer = httpx.post(url, json={"float_minor": 100}, headers=headers, trust_env=False)
        return answer.status_code

    with ThreadPoolExecutor(4) as crowd:
        answers = sorted(crowd.map(send, range(6)))

    assert answers == [201] + [409] * 5
    assert books(hub)["EUR:cash/bar"] == -100


def test_cash_moves_only_within_an_open_shift(staff: Caller, hub: Hub, ana: str, bar: str) -> None:
    deposit = {"amount_minor": 100, "till": bar}
    sold = {"name": "V", "funding": "sold", "amount_minor": 5, "count": 1, "till": bar}

    def everything() -> list[Any]:
        return [
            pay_in(staff, ana, 100, "t1", bar),
            staff.post(f"/accounts/{ana}/deposits", deposit, key="d1"),
            staff.post(f"/accounts/{ana}/deposits/return", deposit, key="r1"),
            staff.post("/voucher-batches", sold, key="b1"),
            cash(staff, bar, "c1", "in", 100),
        ]

    staff.post(f"/accounts/{ana}/deposits", {"amount_minor": 100, "till": "x"}, key="seed")
    before = books(hub)
    for answer in everything():
        assert "open one first" in check_refused(hub, answer, Code.TILL_CLOSED)
    open_shift(staff, bar, "s1")
    count(staff, bar)
    for answer in everything():
        assert "being counted" in check_refused(hub, answer, Code.TILL_CLOSED)
    assert books(hub) == before
    staff.post(f"/tills/{bar}/resume")

    assert [answer.status_code for answer in everything()] == [201] * 5
    check_sound(hub)


@on_sqlite
def test_steps_that_make_no_sense_change_nothing(staff: Caller, hub: Hub, bar: str) -> None:
    for answer in (
        count(staff, bar),
        staff.post(f"/tills/{bar}/resume"),
        close(staff, bar, "x", 0),
    ):
        check_refused(hub, answer, Code.TILL_CLOSED)
    open_shift(staff, bar, "s1")
    check_refused(hub, close(staff, bar, "x", 0), Code.TILL_CLOSED)
    assert staff.post(f"/tills/{bar}/resume").json()["state"] == "open"
    assert count(staff, bar).json() == count(staff, bar).json()
    for path in ("count", "resume"):
        check_problem(staff.post(f"/tills/none/{path}"), 404)
    check_problem(open_shift(staff, "none", "s9"), 404)
    check_problem(staff.get("/shifts/none"), 404)
    check_problem(staff.get("/tills/none"), 404)


def test_a_name_that_is_not_registered_works_until_the_operator_wants_tills(
    staff: Caller, hub: Hub, ana: str
) -> None:
    assert pay_in(staff, ana, 100, "t1", "shoebox").status_code == 201
    assert staff.get("/rules/tills").json() == {"tills_required": False}

    staff.post("/rules/tills", {"tills_required": True})

    words = check_refused(hub, pay_in(staff, ana, 100, "t2", "shoebox"), Code.TILL_CLOSED)
    assert "register it first" in words
    assert balance(staff, ana)["wallet"] == 100


def test_what_a_name_took_before_it_was_registered_goes_to_the_safe(
    staff: Caller, hub: Hub, ana: str
) -> None:
    pay_in(staff, ana, 2_500, "t1", "bar")
    staff.post("/tills", {"id": "bar", "name": "Bar"})

    opened = open_shift(staff, "bar", "s1", 500).json()

    assert (opened["from_safe_minor"], opened["opening_difference_minor"]) == (-2_000, 0)
    assert books(hub)["EUR:cash/bar"] == -500
    check_sound(hub)


def test_money_that_is_missing_at_a_later_opening_is_not_hidden(
    staff: Caller, hub: Hub, bar: str, clock: ManualClock
) -> None:
    open_shift(staff, bar, "s1", 1_000)
    count(staff, bar)
    close(staff, bar, "x1", 1_000, left_minor=1_000)
    clock.advance(1_000)

    check_refused(hub, open_shift(staff, bar, "s2", 900), Code.BODY_MALFORMED, 400)
    opened = open_shift(staff, bar, "s2", 900, reason="100 gone overnight").json()

    assert (opened["from_safe_minor"], opened["opening_difference_minor"]) == (0, -100)
    assert books(hub)["EUR:suspense/"] == -100
    [row] = staff.get("/shifts", differing=True, till=bar).json()["items"]
    assert row["id"] == "s2"
    check_sound(hub)


def test_a_clock_before_the_opening_or_the_last_close_is_refused(
    staff: Caller, hub: Hub, ana: str, bar: str, clock: ManualClock
) -> None:
    open_shift(staff, bar, "s1", 1_000)
    clock.jump_wall(-60_000)
    for answer in (pay_in(staff, ana, 100, "t1", bar), cash(staff, bar, "c1", "in", 5)):
        assert "clock" in check_refused(hub, answer, Code.PERIOD_CLOSED)
    count(staff, bar)
    check_refused(hub, close(staff, bar, "x1", 1_000), Code.PERIOD_CLOSED)
    clock.jump_wall(60_000)
    assert close(staff, bar, "x1", 1_000).status_code == 201

    clock.jump_wall(-1)
    check_refused(hub, open_shift(staff, bar, "s2", 0), Code.PERIOD_CLOSED)
    clock.jump_wall(1)
    assert open_shift(staff, bar, "s2", 0).status_code == 201


def test_denominations_are_added_up_and_kept(staff: Caller, hub: Hub, bar: str) -> None:
    open_shift(staff, bar, "s1", 1_350)
    count(staff, bar)
    pieces = [{"value_minor": 500, "pieces": 2}, {"value_minor": 50, "pieces": 7}]

    wrong = close(staff, bar, "x1", 1_300, denominations=pieces)
    closed = close(staff, bar, "x1", denominations=pieces).json()

    assert "make 1350, not 1300" in check_problem(wrong, 400)["detail"]
    assert closed["counted_minor"] == 1_350
    assert closed["denominations"] == [[500, 2], [50, 7]]


def test_a_coin_box_takes_what_is_put_in_whether_or_not_a_shift_is_open(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/sites", {"id": "cellar", "name": "Cellar"})
    hub.writer.run(lambda tx: controllers.add_controller(tx, "wash-1", "cellar"))
    till = staff.post("/tills", {"id": "wash-1", "name": "Box", "kind": "acceptor"}).json()

    def coins(number: int, minor: int) -> None:
        leg = Move(chart.cash("wash-1", "EUR"), chart.wallet(ana, "EUR"), minor)
        item = Item(id=f"fact-{number}", unit="EUR", kind="cash_taken", legs=(leg,))
        hub.writer.run(lambda tx: tx.book.must_post(item))

    coins(1, 200)
    opened = open_shift(staff, "wash-1", "s1", None).json()
    coins(2, 300)
    count(staff, "wash-1")
    coins(3, 50)
    closed = close(staff, "wash-1", "x1", 550).json()

    assert (till["site"], opened["float_minor"]) == ("cellar", 200)
    assert (closed["expected_minor"], closed["difference_minor"]) == (550, 0)
    assert books(hub) == {"EUR:wallet/acc_ana": 550, "EUR:clearing/safe": -550}
    check_problem(staff.post("/tills", {"id": "none", "name": "x", "kind": "acceptor"}), 404)
    check_sound(hub)


def test_cash_of_another_unit_stays_out_of_a_drawer(staff: Caller, hub: Hub, bar: str) -> None:
    kim = open_account(staff, "acc_kim", unit="PTS")
    open_shift(staff, bar, "s1")

    words = check_refused(hub, pay_in(staff, kim, 100, "t1", bar), Code.UNIT_MISMATCH)

    assert "use a till in PTS" in words
    assert pay_in(staff, kim, 100, "t2", "elsewhere").status_code == 201


def test_more_than_is_there_is_not_taken_out(staff: Caller, hub: Hub, bar: str) -> None:
    open_shift(staff, bar, "s1", 1_000)
    before = books(hub)

    words = check_refused(hub, cash(staff, bar, "c1", "out", 1_001), Code.BALANCE_TOO_LOW)
    first = cash(staff, bar, "c1", "out", 1_000)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    again = cash(staff, bar, "c1", "out", 1_000)
    staff.post("/tills", {"id": "cafe", "name": "Cafe"})
    open_shift(staff, "cafe", "s2", 1_000)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    assert "1000 minor units are in bar" in words
    assert before["EUR:cash/bar"] == -1_000
    assert again.json() == first.json()
    check_refused(hub, cash(staff, "cafe", "c1", "out", 1_000), Code.ID_CONFLICT)
    check_refused(hub, cash(staff, bar, "c1", "in", 1_000), Code.ID_CONFLICT)
    assert books(hub)["EUR:cash/cafe"] == -1_000


@on_sqlite
def test_bad_counts_and_movements_change_nothing(staff: Caller, hub: Hub, bar: str) -> None:
    for float_minor in (-1, 1.5, 10**16, None):
        check_problem(open_shift(staff, bar, "s1", float_minor), 400)
    open_shift(staff, bar, "s1", 1_000)
    for minor in (0, -5, 1.5, 10**16):
        check_problem(cash(staff, bar, "c1", "in", minor), 400)
    for change in ({"reason": " "}, {"place": "pocket"}, {"direction": "up"}):
        check_problem(cash(staff, bar, "c1", **({"direction": "in", "minor": 5} | change)), 400)
    count(staff, bar)
    pieces = [{"value_minor": 5, "pieces": 1}, {"value_minor": 5, "pieces": 2}]
    for counted, more in (
        (None, {}),
        (-1, {}),
        (10**16, {}),
        (1_000, {"left_minor": 1_001}),
        (1_000, {"left_minor": -1}),
        (None, {"denominations": pieces}),
        (None, {"denominations": [{"value_minor": 0, "pieces": 1}]}),
        (900, {"reason": "a\nb"}),
    ):
        check_problem(close(staff, bar, "x1", counted, **more), 400)

    assert books(hub) == {"EUR:cash/bar": -1_000, "EUR:clearing/safe": 1_000}
    assert staff.get(f"/tills/{bar}").json()["shift"]["state"] == "counting"


@on_sqlite
def test_a_till_keeps_its_kind_and_unit(staff: Caller, hub: Hub, bar: str) -> None:
    staff.post("/sites", {"id": "north", "name": "North"})

    renamed = staff.post("/tills", {"id": bar, "name": "North bar", "site": "north"})
    kiosk = staff.post("/tills", {"id": bar, "name": "Bar", "kind": "kiosk"})
    points = staff.post("/tills", {"id": bar, "name": "Bar", "unit": "PTS"})

    assert (renamed.json()["name"], renamed.json()["site"]) == ("North bar", "north")
    check_problem(kiosk, 409)
    check_problem(points, 409)
    for body in (
        {"id": "No Name", "name": "x"},
        {"id": "x", "name": ""},
        {"id": "x", "name": "x", "unit": "NIX"},
        {"id": "x", "name": "x", "kind": "purse"},
    ):
        check_problem(staff.post("/tills", body), 400)
    check_problem(staff.post("/tills", {"id": "x", "name": "x", "site": "none"}), 404)
    assert [row["id"] for row in staff.get("/tills").json()["items"]] == [bar]


@on_sqlite
def test_tills_and_shifts_are_listed_page_by_page(
    staff: Caller, hub: Hub, clock: ManualClock
) -> None:
    for number in range(3):
        staff.post("/tills", {"id": f"till-{number}", "name": "x"})
        for shift in range(2):
            open_shift(staff, f"till-{number}", f"s{number}-{shift}")
            count(staff, f"till-{number}")
            close(staff, f"till-{number}", f"x{number}-{shift}", 0)
    open_shift(staff, "till-1", "now")

    tills = walk(staff, "/tills", 2)
    shifts = walk(staff, "/shifts", 2)

    assert [(row["id"], row["shift"] is not None) for row in tills] == [
        ("till-0", False),
        ("till-1", True),
        ("till-2", False),
    ]
    assert len({row["id"] for row in shifts}) == len(shifts) == 7
    assert len(walk(staff, "/shifts", 1, till="till-1")) == 3

"""Deposits: for a card or a machine, returned with it, or kept in part with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.bootstrap import Hub
from hub.payments.deposit_rows import audit_deposits
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
from tests.hub_web.conftest import Caller
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_lists import walk
from wire.clock import ManualClock
from wire.errors import Code


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    """An account with 50.00 in its wallet."""
    pay_in(staff, open_account(staff, "acc_ana"), 5_000, "seed")
    return "acc_ana"


def take(staff: Caller, account: str, key: str, minor: int = 1_000, **more: Any) -> Any:
    return staff.post(f"/accounts/{account}/deposits", {"amount_minor": minor} | more, key=key)


def give_back(staff: Caller, account: str, key: str, **body: Any) -> Any:
    return staff.post(f"/accounts/{account}/deposits/return", body, key=key)


def keep(staff: Caller, account: str, key: str, **body: Any) -> Any:
    return staff.post(f"/accounts/{account}/deposits/keep", {"reason": "bent"} | body, key=key)


def link(staff: Caller, account: str, number: int) -> str:
    """Link a card; gives its id."""
    body = {"account": account, "uid": f"04A1B2C3D4E5{number:02X}", "level": 1}
    answer = staff.post("/cards", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def rows(staff: Caller, account: str, **query: Any) -> dict[str, dict[str, Any]]:
    found = staff.get(f"/accounts/{account}/deposits", **query).json()["items"]
    return {row["id"]: row for row in found}


def test_a_deposit_for_a_card_is_open_once_and_goes_back_with_it(
    staff: Caller, hub: Hub, ana: str
) -> None:
    card = link(staff, ana, 1)
    take(staff, ana, "d1", 500, card=card, till="counter")

    words = check_refused(hub, take(staff, ana, "d2", 500, card=card), Code.STATE_CONFLICT)
    back = give_back(staff, ana, "r1", card=card, till="counter")

    assert "return it first" in words
    assert back.json()["amount_minor"] == 500
    assert back.json()["about"] == f"card:{card}"
    assert staff.get(f"/cards/{card}").json()["state"] == "blocked"
    assert rows(staff, ana) == {}
    assert rows(staff, ana, open_only=False)["d1"]["returned_minor"] == 500
    assert balance(staff, ana) == {"wallet": 5_000, "deposit": 0, "overrun": 0}
    staff.post(f"/cards/{card}/unblock")
    assert take(staff, ana, "d3", 500, card=card).status_code == 201
    check_sound(hub)


def test_a_part_is_kept_for_damage_and_the_rest_goes_back(
    staff: Caller, hub: Hub, ana: str
) -> None:
    take(staff, ana, "d1", 2_000, purpose="laser")

    kept = keep(staff, ana, "k1", deposit="d1", amount_minor=700, reason="lens cracked")
    repeated = keep(staff, ana, "k1", deposit="d1", amount_minor=700, reason="lens cracked")
    more = keep(staff, ana, "k2", deposit="d1", amount_minor=1_301)
    rest = give_back(staff, ana, "r1", deposit="d1")

    assert kept.content == repeated.content
    assert (kept.json()["kind"], kept.json()["reason"]) == ("deposit_kept", "lens cracked")
    assert check_problem(more, 409)["code"] == Code.DEPOSIT_TOO_LOW
    assert rest.json()["amount_minor"] == 1_300
    [row] = rows(staff, ana, open_only=False).values()
    assert (row["purpose"], row["kept_minor"], row["returned_minor"]) == ("laser", 700, 1_300)
    assert books(hub)["EUR:fees/"] == 700
    assert balance(staff, ana)["wallet"] == 4_300
    check_sound(hub)


def test_what_is_for_a_card_or_a_machine_must_be_named(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    take(staff, ana, "d1", 300)
    clock.advance(1)
    take(staff, ana, "d2", 400, purpose="laser")
    clock.advance(1)
    take(staff, ana, "d3", 500)

    over = check_refused(hub, give_back(staff, ana, "r1", amount_minor=801), Code.DEPOSIT_TOO_LOW)
    part = give_back(staff, ana, "r2", amount_minor=450)

    assert "800 minor units" in over
    assert "name the one" in over
    assert part.status_code == 201
    left = {name: row["left_minor"] for name, row in rows(staff, ana).items()}
    assert left == {"d2": 400, "d3": 350}  # the oldest first
    assert list(rows(staff, ana)) == ["d3", "d2"]
    assert rows(staff, ana, open_only=False)["d1"]["closed_ms"] is not None
    check_sound(hub)


def test_a_returned_deposit_settles_an_overrun_first_and_a_closed_account_gets_its_own(
    staff: Caller, hub: Hub, ana: str
) -> None:
    from tests.hub_web.test_topups import owe

    take(staff, ana, "d1", 1_000)
    owe(hub, ana, 300)
    give_back(staff, ana, "r1", deposit="d1", amount_minor=500)
    first = balance(staff, ana)
    staff.post(f"/accounts/{ana}/close")

    assert first == {"wallet": 4_200, "deposit": 500, "overrun": 0}
    check_refused(hub, take(staff, ana, "d2", 10), Code.ACCOUNT_CLOSED)
    assert give_back(staff, ana, "r2", deposit="d1", till="counter").status_code == 201
    assert balance(staff, ana)["deposit"] == 0
    check_sound(hub)


@on_sqlite
def test_an_id_used_for_another_deposit_is_a_conflict(staff: Caller, hub: Hub, ana: str) -> None:
    card = link(staff, ana, 1)
    take(staff, ana, "d1", 500, purpose="laser")
    before = books(hub)

    for answer in (
        take(staff, ana, "d1", 501, purpose="laser"),
        take(staff, ana, "d1", 500, purpose="mill"),
        take(staff, ana, "d1", 500, card=card),
        take(staff, ana, "d1", 500),
        keep(staff, ana, "d1", deposit="d1"),
        give_back(staff, ana, "d1", deposit="d1"),
    ):
        check_refused(hub, answer, Code.ID_CONFLICT)

    assert books(hub) == before


def test_the_answer_stays_the_same_after_the_stored_one_is_gone(
    staff: Caller, hub: Hub, ana: str
) -> None:
    card = link(staff, ana, 1)
    first = take(staff, ana, "d1", 500, card=card).json()
    kept = keep(staff, ana, "k1", card=card, amount_minor=100).json()
    back = give_back(staff, ana, "r1", card=card).json()
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    assert take(staff, ana, "d1", 500, card=card).json() == first
    assert keep(staff, ana, "k1", card=card, amount_minor=100).json() == kept
    assert give_back(staff, ana, "r1", card=card).json() == back
    check_sound(hub)


@on_sqlite
def test_bad_deposits_change_nothing(staff: Caller, hub: Hub, ana: str) -> None:
    sam, card = open_account(staff, "acc_sam"), link(staff, ana, 1)
    blocked = link(staff, ana, 2)
    staff.post(f"/cards/{blocked}/block")
    take(staff, ana, "d1", 500, card=card)
    before = books(hub)

    refusals = (
        (take(staff, ana, "x", 0), 400, Code.BODY_MALFORMED),
        (take(staff, ana, "x", -5), 400, Code.BODY_MALFORMED),
        (take(staff, ana, "x", 100_001), 400, Code.AMOUNT_INVALID),
        (take(staff, ana, "x", 10, card=card, purpose="laser"), 400, Code.BODY_MALFORMED),
        (take(staff, ana, "x", 10, purpose="No Name"), 400, Code.BODY_MALFORMED),
        (take(staff, ana, "x", 10, card="crd_none"), 404, Code.NOT_FOUND),
        (take(staff, sam, "x", 10, card=card), 409, Code.STATE_CONFLICT),
        (take(staff, ana, "x", 10, card=blocked), 409, Code.STATE_CONFLICT),
        (take(staff, ana, "x", 5_000), 409, Code.BALANCE_TOO_LOW),
        (take(staff, "acc_none", "x", 10), 404, Code.ACCOUNT_UNKNOWN),
        (give_back(staff, ana, "x"), 400, Code.BODY_MALFORMED),
        (give_back(staff, ana, "x", card=card, deposit="d1"), 400, Code.BODY_MALFORMED),
        (give_back(staff, ana, "x", deposit="none"), 404, Code.NOT_FOUND),
        (give_back(staff, sam, "x", deposit="d1"), 404, Code.NOT_FOUND),
        (give_back(staff, ana, "x", deposit="d1", amount_minor=501), 409, Code.DEPOSIT_TOO_LOW),
        (keep(staff, ana, "x", deposit="d1", reason="  "), 400, Code.BODY_MALFORMED),
        (keep(staff, ana, "x", amount_minor=1), 409, Code.DEPOSIT_TOO_LOW),
    )

    for answer, status, code in refusals:
        assert check_problem(answer, status)["code"] == code, answer.text
    assert books(hub) == before
    check_sound(hub)


@on_sqlite
def test_deposits_are_listed_page_by_page(staff: Caller, ana: str) -> None:
    for number in range(5):
        take(staff, ana, f"d{number}", 10 + number)
    give_back(staff, ana, "r", deposit="d3")

    names = [row["id"] for row in walk(staff, f"/accounts/{ana}/deposits", 2)]

    assert sorted(names) == ["d0", "d1", "d2", "d4"]
    assert len(walk(staff, f"/accounts/{ana}/deposits", 2, open_only=False)) == 5
    check_problem(staff.get("/accounts/acc_none/deposits"), 404)


def test_the_audit_finds_rows_and_book_that_disagree(staff: Caller, hub: Hub, ana: str) -> None:
    take(staff, ana, "d1", 500)

    def spoil(sql: str) -> list[str]:
        hub.writer.run(lambda tx: tx.connection.execute(text(sql)))
        with hub.store.read() as connection:
            return list(audit_deposits(connection))

    assert spoil("UPDATE deposits SET amount_minor = 400") == [
        "deposits of EUR:deposit/acc_ana make 400 minor units, 500 is booked"
    ]
    assert spoil("DELETE FROM deposits") == [
        "EUR:deposit/acc_ana is 500, and no deposit says what for"
    ]

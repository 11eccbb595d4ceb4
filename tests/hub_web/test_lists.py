"""Lists are read page by page: nothing is repeated and nothing is hidden."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from hub.bootstrap import Hub
from hub.errors import InputError
from hub.web.paging import decode_cursor, encode_cursor
from tests.hub_web.conftest import Caller
from tests.hub_web.place import book_session, set_up
from tests.hub_web.test_bad_requests import check_problem


def walk(staff: Caller, path: str, limit: int, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(100):
        page = staff.get(path, limit=limit, **query, **({"after": after} if after else {})).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        after = page["next"]
        if after is None:
            return found
    raise AssertionError("the list never ends")


@pytest.fixture
def full(hub: Hub) -> None:
    set_up(hub)

    def job(tx) -> None:
        for number in range(7):
            account = "acc_ana" if number % 2 else "acc_sam"
            # Two of each begin in the same millisecond.
            started = tx.now_ms - number // 2 * 1_000
            book_session(tx, f"ses_{number}", account=account, started_ms=started, charge_minor=20)

    hub.writer.run(job)


LISTS = {
    "/accounts": 2,
    "/cards": 2,
    "/sessions": 7,
    "/machines": 4,
    "/controllers": 2,
    "/accounts/acc_ana/ledger": 7,
    "/accounts/acc_ana/payments": 1,
}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_any_size_give_the_whole_list(limit: int, staff: Caller, full: None) -> None:
    for path, count in LISTS.items():
        rows = walk(staff, path, limit)

        assert rows == walk(staff, path, 200), path
        names = [row.get("id") or row["definition"]["id"] for row in rows]
        assert len(names) == len(set(names)) == count, path


def test_sessions_are_filtered_by_whom_where_and_state(staff: Caller, full: None) -> None:
    assert len(walk(staff, "/sessions", 2, account="acc_ana")) == 3
    assert len(walk(staff, "/sessions", 2, machine="dryer-1")) == 7
    assert walk(staff, "/sessions", 2, machine="washer-1") == []
    assert walk(staff, "/sessions", 2, state="running") == []


def test_rows_that_come_in_between_neither_repeat_nor_hide_others(
    staff: Caller, hub: Hub, full: None
) -> None:
    first = staff.get("/sessions", limit=3).json()
    hub.writer.run(lambda tx: book_session(tx, "ses_new", started_ms=tx.now_ms + 5))

    rest = walk(staff, "/sessions", 3)
    second = staff.get("/sessions", limit=200, after=first["next"]).json()["items"]

    seen = [row["id"] for row in first["items"] + second]
    assert len(seen) == len(set(seen)) == 7
    assert rest[0]["id"] == "ses_new"


def test_accounts_are_found_by_the_beginning_of_a_name_or_id(staff: Caller, full: None) -> None:
    assert [row["id"] for row in walk(staff, "/accounts", 5, search="ANA")] == ["acc_ana"]
    assert len(walk(staff, "/accounts", 5, search="acc_")) == 2
    assert walk(staff, "/accounts", 5, search="%") == []


def test_the_running_balance_of_a_statement_ends_at_the_balance(staff: Caller, full: None) -> None:
    lines = walk(staff, "/accounts/acc_ana/ledger", 2)

    assert (
        lines[0]["balance_minor"] == staff.get("/accounts/acc_ana/balance").json()["wallet_minor"]
    )
    for newer, older in itertools.pairwise(lines):
        assert newer["balance_minor"] - newer["amount_minor"] == older["balance_minor"]
    assert lines[-1]["balance_minor"] == lines[-1]["amount_minor"]


def test_a_cursor_of_another_list_is_refused(staff: Caller, full: None) -> None:
    machines = staff.get("/machines", limit=1).json()["next"]

    check_problem(staff.get("/sessions", after=machines), 400)
    check_problem(staff.get("/accounts", after="!!"), 400)


@given(st.tuples(st.integers(-(2**53), 2**53), st.text(max_size=64)))
def test_a_cursor_comes_back_as_it_was(key: tuple[int, str]) -> None:
    assert decode_cursor(encode_cursor(key), tuple[int, str]) == key


@given(st.text(max_size=64))
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    try:
        number, name = decode_cursor(text, tuple[int, str])
    except InputError:
        return
    assert isinstance(number, int)
    assert isinstance(name, str)

"""A hub on each database for tests of money over HTTP, and what must hold after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from hub.bootstrap import Hub
from hub.charging.audit import audit_charging
from hub.ledger.statements import balances_of
from hub.ledger.verify import verify_book
from hub.payments.audit_in import audit_money_in
from tests.hub_web.conftest import Caller
from tests.hub_web.test_bad_requests import check_problem

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For a test of what no database has a part in: one is enough."""


def hub_on(folder: Path, database: str) -> Iterator[Hub]:
    """A hub whose writer runs, on the database of this test."""
    desk = Desk(folder, database)
    yield desk.hub
    desk.close()


def check_sound(hub: Hub) -> None:
    """Every balance, limit and hash is right, and what is kept beside the book agrees."""
    with hub.store.read() as connection:
        faults = [
            *verify_book(connection),
            *audit_charging(connection),
            *audit_money_in(connection),
        ]
    assert faults == []


def books(hub: Hub) -> dict[str, int]:
    """All balances that aren't 0."""
    with hub.store.read() as connection:
        codes = list(connection.exec_driver_sql("SELECT code FROM ledger_accounts").scalars())
        found = balances_of(connection, codes)
    return {code: minor for code, minor in found.items() if minor}


def check_refused(hub: Hub, answer: Any, code: int, status: int = 409) -> str:
    """Check that a request was refused by a number; gives the words."""
    problem = check_problem(answer, status)
    assert problem["code"] == code, problem
    check_sound(hub)
    return str(problem["detail"])


def open_account(staff: Caller, name: str, unit: str = "EUR", group: str = "") -> str:
    """Open an account without any money."""
    answer = staff.post("/accounts", {"id": name, "unit": unit, "group": group})
    assert answer.status_code == 201, answer.text
    return name


def pay_in(staff: Caller, account: str, minor: int, key: str, till: str = "counter") -> Any:
    """Top an account up with cash."""
    body = {"amount_minor": minor, "till": till}
    return staff.post(f"/accounts/{account}/top-ups", body, key=key)


def balance(staff: Caller, account: str) -> dict[str, int]:
    """What an account has."""
    found = staff.get(f"/accounts/{account}/balance").json()
    return {name: found[f"{name}_minor"] for name in ("wallet", "deposit", "overrun")}

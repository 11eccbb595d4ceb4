"""A hub's services on a real database, which runs on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk

from hub.billing import periods, receivables, standing
from hub.billing.audit import audit_billing
from hub.billing.period_rows import Period, last_period
from hub.billing.receivables import ReceivablePayment
from hub.billing.terms import change_terms
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move, Spill
from hub.ledger.verify import verify_book
from hub.people import accounts

DAY_MS = 86_400_000
MARCH_MS = 1_772_323_200_000
"""2026-03-01T00:00Z: the month before ends here."""


on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For a test of what no database has a part in: one is enough."""


class Office:
    """A desk with what billing asks for again and again."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.count = 0

    @property
    def now_ms(self) -> int:
        return self.desk.clock.now().wall_ms

    def at(self, wall_ms: int) -> None:
        """Let the hub's clock show this time."""
        self.desk.clock.jump_wall(wall_ms - self.now_ms)

    def open(self, name: str, limit: int, **terms) -> None:
        self.desk.add_account(name, credit_limit_minor=limit, **terms)

    def change(self, name: str, **given):
        return self.desk.run(lambda tx: accounts.change_account(tx, name, given))

    def terms(self, name: str, **given):
        return self.desk.run(lambda tx: change_terms(tx, name, given))

    def use(self, name: str, minor: int, kind: str = "session") -> None:
        """A fact: the wallet pays as far as it may, the rest is an overrun."""
        self.count += 1
        legs = (
            Spill(
                (chart.wallet(name, "EUR"), chart.overrun(name, "EUR")),
                ((chart.revenue("washer", "EUR"), minor),),
            ),
        )
        item = Item(id=f"use-{self.count}", unit="EUR", kind=kind, legs=legs, ref=name)
        self.desk.run(lambda tx: tx.book.must_post(item))

    def move(self, debit: str, credit: str, minor: int, kind: str = "grant") -> None:
        self.count += 1
        legs = (Move(debit, credit, minor),)
        item = Item(id=f"move-{self.count}", unit="EUR", kind=kind, legs=legs)
        self.desk.run(lambda tx: tx.book.must_post(item))

    def hold(self, name: str, minor: int) -> None:
        self.move(chart.wallet(name, "EUR"), chart.escrow(name, "EUR"), minor)

    def close_due(self) -> int:
        """What the job does; gives how many accounts were due."""
        return self.all_due(periods.due_accounts, periods.close_due)

    def discontinue_due(self) -> int:
        return self.all_due(standing.overdue_accounts, standing.review)

    def all_due(self, find, work) -> int:
        with self.desk.store.read() as connection:
            due = find(connection, self.now_ms, "", 100)
        for name in due:
            self.desk.run(lambda tx, name=name: work(tx, name))
        return len(due)

    def close_now(self, name: str, key: str) -> Period:
        asked = periods.EarlyClose(id=key, account=name, by="staff")
        return self.desk.run(lambda tx: periods.close_now(tx, asked))

    def pay(self, name: str, minor: int, key: str, **where):
        asked = ReceivablePayment(
            id=key, account=name, amount_minor=minor, by="staff", **(where or {"provider": "bank"})
        )
        return self.desk.run(lambda tx: receivables.pay(tx, asked))

    def receivable(self, name: str) -> int:
        return -self.desk.balance(chart.receivable(name, "EUR"))

    def last(self, name: str) -> Period:
        with self.desk.store.read() as connection:
            found = last_period(connection, name)
        assert found is not None
        return found

    def account(self, name: str):
        with self.desk.store.read() as connection:
            return accounts.get_account(connection, name)

    def faults(self) -> list[str]:
        """What doesn't add up; what isn't a controller's here isn't looked at."""
        with self.desk.store.read() as connection:
            return [*verify_book(connection), *audit_billing(connection)]


def make_office(data: Path, database: str) -> Office:
    desk = Desk(data, database)
    desk.add_site()
    office = Office(desk)
    office.at(MARCH_MS)
    return office


@pytest.fixture
def office(tmp_path, database) -> Iterator[Office]:
    office = make_office(tmp_path, database)
    yield office
    office.desk.close()

"""Accounts that had credit before there were periods: mixed, and billed from then on."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from hub.billing import periods
from hub.billing.audit import audit_billing
from hub.billing.period_rows import last_period
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.people.accounts import get_account
from hub.people.credit import Billing
from hub.store import migrations
from hub.store.engine import open_store
from tests.hub_billing.conftest import DAY_MS, MARCH_MS
from wire.clock import ManualClock

BEFORE = "0006"
WALLET = chart.wallet("firm", "EUR")


def at_schema(url):
    """A database as the schema before left it, with an account that has credit."""
    store = open_store(url)
    with store.writing.connect() as connection, connection.begin():
        command.upgrade(migrations._config(connection), BEFORE)
        for name, limit in (("firm", 1_000), ("ana", 0)):
            connection.execute(
                text(
                    "INSERT INTO accounts (id, unit, credit_limit_minor, created_ms)"
                    " VALUES (:name, 'EUR', :limit, 1)"
                ),
                {"name": name, "limit": limit},
            )
    with Writer(store, ManualClock(MARCH_MS)) as writer:
        writer.run(lambda tx: tx.book.set_least(WALLET, -1_000))
        writer.run(lambda tx: tx.book.must_post(use("use-1", 300)))
    return store


def use(id_, minor):
    leg = Move(WALLET, chart.revenue("washer", "EUR"), minor)
    return Item(id=id_, unit="EUR", kind="session", legs=(leg,))


def check(store):
    migrations.upgrade(store)
    with store.read() as connection:
        assert get_account(connection, "firm").terms.billing is Billing.MIXED
        assert get_account(connection, "ana").terms.billing is Billing.PREPAID
        assert [*verify_book(connection), *audit_billing(connection)] == []
        [running] = connection.execute(text("SELECT * FROM open_periods")).all()
    assert (running.account, running.starts_ms, running.opening_minor) == ("firm", MARCH_MS, -300)
    with Writer(store, ManualClock(MARCH_MS + DAY_MS)) as writer:
        writer.run(lambda tx: tx.book.must_post(use("use-2", 50)))
    with Writer(store, ManualClock(MARCH_MS + 31 * DAY_MS)) as writer:
        writer.run(lambda tx: periods.close_due(tx, "firm"))
    with store.read() as connection:
        period = last_period(connection, "firm")
        assert period is not None
        assert (period.sums, period.due_minor) == ({"session": -50}, 350)
        assert [*verify_book(connection), *audit_billing(connection)] == []


def test_on_sqlite(tmp_path):
    store = at_schema(str(tmp_path / "hub.db"))
    check(store)
    store.close()


def test_on_postgresql(postgres):
    name = postgres.create()
    store = at_schema(postgres.url(name))
    check(store)
    store.close()
    postgres.drop(name)

"""What the database itself forbids, whoever asks it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.errors import ConfigError, StoreError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.store.engine import open_store

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
OVERRUN = chart.overrun("ann", "EUR")


@pytest.fixture
def booked(writer):
    legs = (Move(BANK, WALLET, 100), Move(WALLET, chart.revenue("washer", "EUR"), 40))
    writer.submit_item(Item(id="one", unit="EUR", kind="test", legs=legs)).result(10)
    debt = Move(OVERRUN, chart.revenue("washer", "EUR"), 5)
    writer.submit_item(Item(id="two", unit="EUR", kind="test", legs=(debt,))).result(10)
    writer.close()


def write(store, statement):
    with store.writing.connect() as connection, connection.begin():
        connection.execute(text(statement))


@pytest.mark.parametrize("table", ["transfers", "items", "batches"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {table}",
        "UPDATE {table} SET id = id",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
)
def test_the_book_is_only_appended_to(store, booked, table, statement):
    with pytest.raises(IntegrityError, match="only ever appended"):
        write(store, statement.format(table=table))


@pytest.mark.parametrize(
    ("code", "minor"), [(WALLET, -1), (OVERRUN, 1), (chart.escrow("ann", "EUR"), -1)]
)
def test_a_limit_holds_in_the_database_too(store, booked, writer, code, minor):
    if code == chart.escrow("ann", "EUR"):
        write(
            store,
            f"INSERT INTO ledger_accounts (code, unit, balance_min) VALUES ('{code}', 'EUR', 0)",
        )

    with pytest.raises(IntegrityError, match="CHECK"):
        write(store, f"UPDATE ledger_accounts SET balance = {minor} WHERE code = '{code}'")


@pytest.mark.parametrize("values", ["1, 2, 0", "1, 2, -5", "1, 1, 5"])
def test_a_transfer_moves_something_between_two(store, booked, values):
    with pytest.raises(IntegrityError, match="CHECK"):
        write(
            store,
            "INSERT INTO transfers (item, ordinal, at_ms, debit, credit, amount)"
            f" VALUES ('x', 0, 0, {values})",
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_accounts SET balance = 0",
        "INSERT INTO alarms (id, code, detail, raised_ms, last_ms) VALUES ('a', 1, '', 0, 0)",
        "CREATE TABLE more (id INTEGER)",
    ],
)
def test_a_reader_cannot_write(store, booked, statement):
    with store.read() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text(statement))


def test_a_reader_sees_one_moment(store, writer):
    count = text("SELECT count(*) FROM items")
    one = Item(id="one", unit="EUR", kind="test", legs=(Move(BANK, WALLET, 1),))
    with store.read() as connection:
        assert connection.execute(count).scalar_one() == 0
        writer.submit_item(one).result(10)
        assert connection.execute(count).scalar_one() == 0
    with store.read() as connection:
        assert connection.execute(count).scalar_one() == 1


def test_nothing_is_written_outside_a_transaction(store):
    with store.writing.connect() as connection, connection.begin():
        connection.connection.rollback()  # as SQLite does when the disk is full
        with pytest.raises(StoreError):
            connection.execute(text("UPDATE ledger_accounts SET balance = 0"))


def test_every_commit_reaches_the_disk(store):
    with store.writing.connect() as connection, connection.begin():
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
        assert connection.execute(text("PRAGMA mmap_size")).scalar() in (0, None)

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }


@pytest.mark.parametrize("url", ["sqlite://", ":memory:", "sqlite:///:memory:"])
def test_a_book_in_memory_is_refused(url):
    with pytest.raises(ConfigError, match="file"):
        open_store(url)


@pytest.mark.parametrize("url", ["nosuch://there", "/no/such/folder/hub.db"])
def test_a_place_that_cannot_be_is_the_operators_error(url):
    with pytest.raises(ConfigError):
        open_store(url)

"""What the database itself forbids, whoever asks it."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

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


CHANGES = {
    "delete": "DELETE FROM {table}",
    "update": "UPDATE {table} SET {key} = {key}",
    "insert or replace": "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    "truncate": "TRUNCATE {table} CASCADE",
}
KEYS = {"transfers": "id", "items": "place", "batches": "id", "events": "seq"}


@pytest.mark.parametrize(
    ("backend", "change"),
    [
        ("sqlite", "delete"),
        ("sqlite", "update"),
        ("sqlite", "insert or replace"),
        ("postgresql", "delete"),
        ("postgresql", "update"),
        ("postgresql", "truncate"),
    ],
    indirect=["backend"],
)
@pytest.mark.parametrize("table", ["transfers", "items", "batches"])
def test_the_book_is_only_appended_to(store, booked, table, change):
    with pytest.raises(DBAPIError, match=r"only ever appended|permission denied"):
        write(store, CHANGES[change].format(table=table, key=KEYS[table]))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", KEYS)
def test_a_role_of_the_hub_may_not_change_the_book(store, table):
    """Whoever disables the triggers still has no right to change a row."""
    rights = text(
        "SELECT has_table_privilege(current_user, :table, privilege) "
        "FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege"
    )
    with store.read() as connection:
        found = list(connection.execute(rights, {"table": table}).scalars())
    assert found == [True, False, False, False]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("change", ["delete", "update", "truncate"])
def test_not_even_a_superuser_changes_the_book_by_accident(
    store, booked, postgres, url, table, change
):
    with pytest.raises(psycopg.errors.RestrictViolation, match="only ever appended"):
        postgres.run(CHANGES[change].format(table=table, key=KEYS[table]), url.rpartition("/")[2])


@pytest.mark.parametrize(
    ("code", "minor"), [(WALLET, -1), (OVERRUN, 1), (chart.escrow("ann", "EUR"), -1)]
)
def test_a_limit_holds_in_the_database_too(store, booked, writer, code, minor):
    if code == chart.escrow("ann", "EUR"):
        write(
            store,
            f"INSERT INTO ledger_accounts (code, unit, balance_min) VALUES ('{code}', 'EUR', 0)",
        )

    with pytest.raises(IntegrityError, match=r"CHECK|check constraint"):
        write(store, f"UPDATE ledger_accounts SET balance = {minor} WHERE code = '{code}'")


@pytest.mark.parametrize("values", ["1, 2, 0", "1, 2, -5", "1, 1, 5"])
def test_a_transfer_moves_something_between_two(store, booked, values):
    with pytest.raises(IntegrityError, match=r"CHECK|check constraint"):
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
    with (
        store.read() as connection,
        pytest.raises(DBAPIError, match=r"readonly|read-only"),
    ):
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


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_nothing_is_written_outside_a_transaction(store):
    with store.writing.connect() as connection, connection.begin():
        connection.connection.rollback()  # as SQLite does when the disk is full
        with pytest.raises(StoreError):
            connection.execute(text("UPDATE ledger_accounts SET balance = 0"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
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

"""`verify` finds whatever was changed behind the hub's back, and names it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial

import psycopg
import pytest

from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move, Spill
from hub.ledger.verify import verify_book
from simulator.postgres import HUB, USER

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
REVENUE = chart.revenue("washer", "EUR")
OVERRUN = chart.overrun("ann", "EUR")


@pytest.fixture
def tamper(store, writer, url, request):
    """A book of four items in three batches; gives what changes it behind the hub's back."""
    pay = Item(id="pay", unit="EUR", kind="top_up", legs=(Move(BANK, WALLET, 100),), reason="desk")
    session = Spill((WALLET, OVERRUN), ((REVENUE, 120), (chart.tax(190_000, "EUR"), 10)))
    wash = Item(id="wash", unit="EUR", kind="session", legs=(session,))
    more = [Item(id=f"more-{n}", unit="EUR", kind="top_up", legs=pay.legs) for n in range(2)]
    for one in (pay, wash):
        writer.submit_item(one).result(10)
    writer.run(lambda tx: [tx.book.must_post(one) for one in more])
    writer.close()
    if not store.is_sqlite:
        return partial(tamper_postgres, request.getfixturevalue("postgres"), url)
    return partial(tamper_sqlite, url.removeprefix("sqlite:///"))


def tamper_sqlite(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def tamper_postgres(server, url, *statements):
    """Change what only a superuser can: no trigger and no key is looked after."""
    with psycopg.connect(url.replace("+psycopg", "").replace(HUB, USER)) as connection:
        connection.execute("SET session_replication_role = replica")
        for check in ("least", "most"):
            name = f"ck_ledger_accounts_{check}"
            connection.execute(f"ALTER TABLE ledger_accounts DROP CONSTRAINT IF EXISTS {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def faults(store):
    with store.read() as connection:
        return list(verify_book(connection))


def test_a_sound_book_has_no_faults(store, tamper):
    told = []
    with store.read() as connection:
        assert list(verify_book(connection, lambda done, total: told.append((done, total)))) == []
    assert told[-1] == (4, 4)


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (f"UPDATE ledger_accounts SET balance = 1 WHERE code = '{WALLET}'", [WALLET]),
        ("UPDATE transfers SET amount = 99 WHERE id = 1", ["item pay", "transfer 1 ", WALLET]),
        ("UPDATE transfers SET at_ms = 1 WHERE id = 1", ["item pay", "transfer 1 "]),
        ("UPDATE transfers SET debit = credit, credit = debit WHERE id = 2", ["item wash", "2, 3"]),
        ("UPDATE transfers SET ordinal = 7 WHERE id = 3", ["item wash"]),
        ("DELETE FROM transfers WHERE item = 'pay'", ["item pay", "gone", WALLET]),
        ("DELETE FROM items WHERE id = 'wash'", ["wash", "transfer 2 "]),
        ("DELETE FROM items WHERE id = 'more-1'", ["batch 3", "more-1"]),
        ("UPDATE items SET digest = 'x' WHERE id = 'wash'", ["batch 2"]),
        ("UPDATE items SET effect = 'x' WHERE id = 'wash'", ["batch 2", "item wash"]),
        ("UPDATE items SET reason = 'gift' WHERE id = 'pay'", ["item pay"]),
        ("UPDATE items SET kind = 'gift' WHERE id = 'pay'", ["item pay"]),
        ("UPDATE items SET ref = 'gift' WHERE id = 'pay'", ["item pay"]),
        ("UPDATE items SET place = 9 WHERE id = 'more-1'", ["more-1", "place 9"]),
        ("UPDATE batches SET hash = 'x' WHERE id = 1", ["batch 1", "batch 2"]),
        ("UPDATE batches SET at_ms = 1 WHERE id = 2", ["item wash"]),
        ("DELETE FROM batches WHERE id = 2", ["batch 2"]),
        (
            f"UPDATE ledger_accounts SET balance_max = 10 WHERE code = '{WALLET}'",
            [WALLET, "above its limit"],
        ),
        (f"UPDATE ledger_accounts SET unit = 'USD' WHERE code = '{WALLET}'", [WALLET, "USD"]),
        (
            f"UPDATE ledger_accounts SET balance_min = NULL WHERE code = '{WALLET}'",
            [WALLET, "lost its least"],
        ),
        (f"UPDATE ledger_accounts SET code = 'EUR:gold/x' WHERE code = '{WALLET}'", ["EUR:gold/x"]),
        (
            "INSERT INTO transfers VALUES (7, 'forged', 0, 1, 2, 5, 0)",
            ["forged", "transfer 7 "],
        ),
        (
            "INSERT INTO batches (id, hash, items, at_ms) VALUES (4, 'x', 1, 0)",
            ["batch 4 has no items"],
        ),
    ],
)
def test_what_was_changed_is_named(store, tamper, statement, names):
    tamper(statement)

    found = "\n".join(faults(store)) + " "
    for name in names:
        assert name in found


def test_a_forged_top_up_that_fits_every_balance_is_found(store, tamper):
    """Whoever changes transfer and balances alike is betrayed by the item's digest."""
    tamper(
        "UPDATE transfers SET amount = amount + 50 WHERE id = 1",
        f"UPDATE ledger_accounts SET balance = balance - 50 WHERE code = '{BANK}'",
        f"UPDATE ledger_accounts SET balance = balance + 50 WHERE code = '{WALLET}'",
    )

    assert faults(store) == [
        f"item pay isn't as it was booked: see transfer 1 on {BANK}, {WALLET}",
    ]


def test_a_book_that_lost_its_last_batch_is_whole_but_shorter(store, tamper):
    """The chain can't know what follows: what is missing at its end shows in the balances."""
    tamper(
        "DELETE FROM transfers WHERE item LIKE 'more-%'",
        "DELETE FROM items WHERE batch = 3",
        "DELETE FROM batches WHERE id = 3",
    )

    assert any(WALLET in fault for fault in faults(store))

"""Deposits taken before rows said what for are listed as they are brought forward."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from hub.payments.deposit_rows import audit_deposits, list_deposits
from hub.store.engine import open_store
from hub.store.migrations import _config, upgrade

BEFORE = """
    INSERT INTO batches (id, hash, items, at_ms) VALUES (1, 'x', 1, 5);
    INSERT INTO items (place, id, unit, kind, digest, effect, batch)
        VALUES (1, 'd1', 'EUR', 'deposit_taken', 'x', 'x', 1);
    INSERT INTO ledger_accounts (id, code, unit, balance) VALUES
        (1, 'EUR:cash/bar', 'EUR', -700), (2, 'EUR:deposit/acc_ana', 'EUR', 700),
        (3, 'EUR:deposit/acc_sam', 'EUR', 0);
    INSERT INTO transfers (id, item, ordinal, debit, credit, amount, at_ms)
        VALUES (1, 'd1', 0, 1, 2, 700, 42)
"""


def empty_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return str(folder / "hub.db")
    server = request.getfixturevalue("postgres")
    return str(server.url(server.create()))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_deposit_of_an_earlier_schema_gets_a_row(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = open_store(empty_database(kind, tmp_path, request))
    with store.writing.connect() as connection, connection.begin():
        command.upgrade(_config(connection), "0003")
        for statement in BEFORE.split(";"):
            connection.execute(text(statement.replace("EUR:", r"EUR\:")))

    upgrade(store)

    with store.read() as connection:
        [held] = list_deposits(connection, "acc_ana", open_only=True, after=None, limit=5)
        assert list(audit_deposits(connection)) == []
    store.close()
    assert (held.left_minor, held.unit, held.taken_ms, held.card) == (700, "EUR", 42, "")

"""The book's statements: each over many rows at once, the same on each database."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import TextClause, text

from hub.store.rows import from_values

LAST = text("SELECT id, hash, (SELECT max(place) FROM items) FROM batches ORDER BY id DESC LIMIT 1")
"""Last batch and place."""

# For `write_rows`:
OPEN = "INSERT INTO ledger_accounts (code, unit, balance, balance_min, balance_max) VALUES {rows}"
BATCH = "INSERT INTO batches (id, hash, items, at_ms) VALUES {rows}"
ITEMS = (
    "INSERT INTO items (id, unit, kind, ref, reason, reverses, place, digest, effect, batch)"
    " VALUES {rows}"
)
TRANSFERS = "INSERT INTO transfers (item, ordinal, debit, credit, amount, at_ms) VALUES {rows}"
CHANGE = (
    "UPDATE ledger_accounts SET balance = r.column2 FROM (VALUES {rows}) AS r"
    " WHERE ledger_accounts.id = r.column1"
)
LIMIT = (
    "UPDATE ledger_accounts SET balance = r.column2, balance_min = r.column3"
    " FROM (VALUES {rows}) AS r WHERE ledger_accounts.id = r.column1"
)


@lru_cache(maxsize=4)
def known_items(dialect: str) -> TextClause:
    """Ids and digests of known items; parameter `ids`."""
    return text(
        f"SELECT items.id, items.digest FROM {from_values(dialect, 'ids')} "  # noqa: S608 our own names
        "JOIN items ON items.id = r.value"
    )


@lru_cache(maxsize=4)
def accounts(dialect: str) -> TextClause:
    """Accounts with number, balance and limits; parameter `codes`."""
    return text(
        "SELECT a.code, a.id, a.balance, a.balance_min, a.balance_max "  # noqa: S608 our own names
        f"FROM {from_values(dialect, 'codes')} JOIN ledger_accounts AS a ON a.code = r.value"
    )

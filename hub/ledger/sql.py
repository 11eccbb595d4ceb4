"""The book's statements: each over many rows at once, the same on each database."""

from __future__ import annotations

from functools import lru_cache

from hub.store.rows import Written, opened_values

_ACCOUNT = "a.code, a.id, a.balance, a.balance_min, a.balance_max"

LAST = (
    "SELECT id, hash, (SELECT coalesce(max(place), 0) FROM items) "
    "FROM batches ORDER BY id DESC LIMIT 1"
)
"""Last batch and place."""
LAST_ACCOUNT = "SELECT coalesce(max(id), 0) FROM ledger_accounts"

# For `write_rows`:
OPEN = Written(
    "INSERT INTO ledger_accounts (id, code, unit, balance_min, balance_max) {rows}",
    ("integer", "text", "text", "integer", "integer"),
)
BATCH = Written(
    "INSERT INTO batches (id, hash, items, at_ms) {rows}", ("integer", "text", "integer", "integer")
)
ITEMS = Written(
    "INSERT INTO items (id, unit, kind, ref, reason, reverses, place, digest, effect, batch)"
    " {rows}",
    ("text", "text", "text", "text", "text", "text", "integer", "text", "text", "integer"),
)
TRANSFERS = Written(
    "INSERT INTO transfers (item, ordinal, debit, credit, amount, at_ms) {rows}",
    ("text", "integer", "integer", "integer", "integer", "integer"),
)
CHANGE = Written(
    "UPDATE ledger_accounts SET balance = balance + r.column2 FROM ({rows}) AS r"
    " WHERE ledger_accounts.id = r.column1",
    ("integer", "integer"),
)
LIMIT = Written(
    "UPDATE ledger_accounts SET balance = balance + r.column2, balance_min = r.column3"
    " FROM ({rows}) AS r WHERE ledger_accounts.id = r.column1",
    ("integer", "integer", "integer"),
)

# For PostgreSQL, where other hubs write too:
LOCK = (
    f"SELECT {_ACCOUNT} FROM ledger_accounts AS a "  # noqa: S608 our own names
    f"WHERE a.code IN (SELECT r.value FROM {opened_values('postgresql')}) "
    "ORDER BY a.id FOR NO KEY UPDATE"
)
"""In order of numbers: two hubs that lock the same accounts wait, and never for each other."""
SEEN = (
    f"SELECT r.value, NULL AS digest FROM {opened_values('postgresql')} "  # noqa: S608 our own names
    "WHERE EXISTS (SELECT 1 FROM ledger_accounts AS a WHERE a.code = r.value) "
    f"UNION ALL SELECT items.id, items.digest FROM {opened_values('postgresql')} "
    "JOIN items ON items.id = r.value"
)
"""Which of a list of codes have a row, and ids and digests of the known ones of a list of ids."""
OPEN_SHARED = (
    "INSERT INTO ledger_accounts (code, unit, balance_min, balance_max) "
    "SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS bigint), CAST(value ->> 3 AS bigint) "
    "FROM jsonb_array_elements(CAST(%s AS jsonb)) AS value "
    "ON CONFLICT (code) DO NOTHING RETURNING code, id"
)
LOCKED_LAST = "SELECT batch, hash, place FROM locked_tail()"
"""Last batch and place, which nobody else moves before the commit."""


@lru_cache(maxsize=4)
def known_items(dialect: str) -> str:
    """Ids and digests of known items, of a list of ids."""
    return (
        f"SELECT items.id, items.digest FROM {opened_values(dialect)} "  # noqa: S608 our own names
        "JOIN items ON items.id = r.value"
    )


@lru_cache(maxsize=4)
def accounts(dialect: str) -> str:
    """Accounts with number, balance and limits, of a list of codes."""
    return (
        f"SELECT {_ACCOUNT} FROM {opened_values(dialect)} "  # noqa: S608 our own names
        "JOIN ledger_accounts AS a ON a.code = r.value"
    )


@lru_cache(maxsize=4)
def transfers_of(dialect: str) -> str:
    """What moved for items, of a list of ids: debit, credit, amount."""
    return (
        "SELECT d.code, c.code, t.amount "  # noqa: S608 our own names
        f"FROM {opened_values(dialect)} JOIN transfers AS t ON t.item = r.value "
        "JOIN ledger_accounts AS d ON d.id = t.debit "
        "JOIN ledger_accounts AS c ON c.id = t.credit ORDER BY t.item, t.ordinal"
    )

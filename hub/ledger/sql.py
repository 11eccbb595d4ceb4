"""The book's statements: set-based, one JSON parameter each, the same on each database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text

from hub.store.rows import Columns, from_rows, from_values

_ITEMS: Columns = (
    ("id", "text"),
    ("unit", "text"),
    ("kind", "text"),
    ("ref", "text"),
    ("reason", "text"),
    ("reverses", "text"),
    ("place", "integer"),
    ("digest", "text"),
    ("effect", "text"),
)
_MOVES: Columns = (
    ("item", "text"),
    ("ordinal", "integer"),
    ("debit", "integer"),
    ("credit", "integer"),
    ("amount", "integer"),
)
_OPENED: Columns = (
    ("code", "text"),
    ("unit", "text"),
    ("balance", "integer"),
    ("least", "integer"),
    ("most", "integer"),
)
_CHANGED: Columns = (("id", "integer"), ("balance", "integer"))
_LIMITED: Columns = (("id", "integer"), ("balance", "integer"), ("least", "integer"))


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements for one dialect.

    Attributes:
        known: Digests of known items; parameter `ids`.
        balances: Accounts with balance and limits; parameter `codes`.
        open: Opens accounts; parameter `rows`.
        last: Last batch and place.
        batch: Appends a batch.
        items: Appends items; parameters `rows`, `batch`.
        transfers: Appends transfers; parameters `rows`, `at_ms`.
        change: Sets balances; parameter `rows`.
        limit: Sets balances with their least; parameter `rows`.
    """

    known: TextClause
    balances: TextClause
    open: TextClause
    last: TextClause
    batch: TextClause
    items: TextClause
    transfers: TextClause
    change: TextClause
    limit: TextClause


@lru_cache(maxsize=4)
def statements_for(dialect: str) -> Statements:
    """Write the statements for a dialect, once."""
    # All names in these statements are this file's own; values are parameters.
    item_names = ", ".join(name for name, _ in _ITEMS)
    move_names = ", ".join(name for name, _ in _MOVES)
    return Statements(
        known=text(
            f"SELECT items.id, items.digest FROM {from_values(dialect, 'ids')} "  # noqa: S608
            "JOIN items ON items.id = r.value"
        ),
        balances=text(
            "SELECT a.code, a.id, a.balance, a.balance_min, a.balance_max "  # noqa: S608
            f"FROM {from_values(dialect, 'codes')} JOIN ledger_accounts AS a ON a.code = r.value"
        ),
        open=text(
            "INSERT INTO ledger_accounts (code, unit, balance, balance_min, balance_max) "  # noqa: S608
            f"SELECT code, unit, balance, least, most FROM {from_rows(dialect, 'rows', _OPENED)}"
        ),
        last=text(
            "SELECT id, hash, (SELECT max(place) FROM items) FROM batches ORDER BY id DESC LIMIT 1"
        ),
        batch=text(
            "INSERT INTO batches (id, hash, items, at_ms) VALUES (:batch, :hash, :items, :at_ms)"
        ),
        items=text(
            f"INSERT INTO items ({item_names}, batch) "  # noqa: S608
            f"SELECT {item_names}, :batch FROM {from_rows(dialect, 'rows', _ITEMS)}"
        ),
        transfers=text(
            f"INSERT INTO transfers ({move_names}, at_ms) "  # noqa: S608
            f"SELECT {move_names}, :at_ms FROM {from_rows(dialect, 'rows', _MOVES)}"
        ),
        change=text(
            "UPDATE ledger_accounts SET balance = r.balance "  # noqa: S608
            f"FROM {from_rows(dialect, 'rows', _CHANGED)} WHERE ledger_accounts.id = r.id"
        ),
        limit=text(
            "UPDATE ledger_accounts SET balance = r.balance, balance_min = r.least "  # noqa: S608
            f"FROM {from_rows(dialect, 'rows', _LIMITED)} WHERE ledger_accounts.id = r.id"
        ),
    )

"""The hub's book read from outside: plain SQL on its database, no code of the ledger.

Every figure is folded from the transfers, never taken from a stored balance, so that
it is a second opinion.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

BUSY_S = 10.0

Database = Path | str
"""A SQLite file, or the URL of a PostgreSQL database as the hub takes it."""
Connection = sqlite3.Connection | psycopg.Connection

_FOLD = """
    SELECT a.code AS code, a.balance AS stored,
           COALESCE((SELECT SUM(t.amount) FROM transfers t WHERE t.credit = a.id), 0)
         - COALESCE((SELECT SUM(t.amount) FROM transfers t WHERE t.debit = a.id), 0) AS folded
      FROM ledger_accounts a
"""
_SESSIONS = """
    SELECT i.ref AS session, SUM(CASE WHEN taken.id IS NULL THEN 0 ELSE t.amount END) AS charged
      FROM items i
      JOIN transfers t ON t.item = i.id
      LEFT JOIN ledger_accounts taken
        ON taken.id = t.credit AND (taken.code LIKE '%:revenue/%' OR taken.code LIKE '%:tax/%')
     WHERE i.ref LIKE 'ses\\_%' ESCAPE '\\'
     GROUP BY i.ref
"""


@dataclass(frozen=True, slots=True)
class Books:
    """What the book says.

    Attributes:
        revenue_minor: Takings of all machines with tax.
        overrun_minor: What facts cost beyond all rights, and isn't settled.
        wallets_minor: What people have.
        escrow_minor: What is held for controllers.
        crooked: Ledger accounts whose stored balance isn't the fold of its transfers.
        sum_minor: All balances of all units, which must cancel out.
    """

    revenue_minor: int
    overrun_minor: int
    wallets_minor: int
    escrow_minor: int
    crooked: tuple[str, ...]
    sum_minor: int

    @property
    def conserved(self) -> bool:
        """Whether no money appeared or vanished."""
        return self.sum_minor == 0 and not self.crooked


def read_books(database: Database) -> Books:
    """Fold the whole book."""
    with opened_book(database) as connection:
        rows = [(str(code), int(stored), int(folded)) for code, stored, folded in _fold(connection)]
    kinds: dict[str, int] = {}
    for code, _, folded in rows:
        kind = code.partition(":")[2].partition("/")[0]
        kinds[kind] = kinds.get(kind, 0) + folded
    return Books(
        revenue_minor=kinds.get("revenue", 0) + kinds.get("tax", 0),
        overrun_minor=-kinds.get("overrun", 0),
        wallets_minor=kinds.get("wallet", 0),
        escrow_minor=kinds.get("escrow", 0),
        crooked=tuple(code for code, stored, folded in rows if stored != folded),
        sum_minor=sum(folded for _, _, folded in rows),
    )


def session_charges(database: Database) -> dict[str, int]:
    """What each session brought in revenue and tax, before any refund."""
    with opened_book(database) as connection:
        return {str(session): int(charged) for session, charged in connection.execute(_SESSIONS)}


def booked_through(database: Database) -> dict[tuple[str, str], int]:
    """Last booked seq of each journal, by controller and epoch."""
    with opened_book(database) as connection:
        query = "SELECT controller, epoch, through_seq FROM journals"
        return {(str(who), str(epoch)): int(seq) for who, epoch, seq in connection.execute(query)}


def list_revision(database: Database) -> int:
    """Newest revision of the card list."""
    with opened_book(database) as connection:
        found = connection.execute("SELECT MAX(revision) FROM card_list").fetchone()
    return int(found[0] or 0) if found else 0


@contextmanager
def opened_book(database: Database) -> Iterator[Connection]:
    """Open a hub's database for reading only, wherever it is; its owner goes on writing."""
    if isinstance(database, Path):
        with opened(database) as connection:
            yield connection
        return
    plain = database.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, options="-c default_transaction_read_only=on") as found:
        yield found


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only; its owner goes on writing."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=BUSY_S)
    try:
        yield connection
    finally:
        connection.close()


def _fold(connection: Connection) -> list[tuple[str, int, int]]:
    return connection.execute(_FOLD).fetchall()

"""The schema of the controller's database, step by step; a step is never edited.

STRICT tables: a wrong type is an error now, not a surprise later. `journal` is what
happened, in order. `rights`, `unbacked` and `open_sessions` follow from it and from
what the hub said; `base_totals` are the totals at `base_seq`, from which the rest of
the journal is folded at each start. `card_spent` is what sessions of cards with a limit
cost; `carried` since before the card's newest entry came. `cards.limited` names the
account that a card's limit holds for. `retired` says why a machine is out of service,
`held_cash` is the last event of each holding that no card has claimed.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

_STEPS = Migrations("standpipe_agent")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; each step is one transaction."""
    _STEPS.apply(Database(connection))


@_STEPS()
def m001_journal(db: Database) -> None:
    """Journal, what follows from it, and what the hub sent."""
    for statement in _M001.split(";\n"):
        db.execute(statement)


@_STEPS()
def m002_limits(db: Database) -> None:
    """What cards with a limit of their own have spent since the hub said it."""
    for statement in _M002.split(";\n"):
        db.execute(statement)


@_STEPS()
def m003_service(db: Database) -> None:
    """Machines out of service, and money that waits for a card."""
    for statement in _M003.split(";\n"):
        db.execute(statement)


_M001 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, data BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE base_totals (
    account TEXT PRIMARY KEY, spent INTEGER NOT NULL, released INTEGER NOT NULL,
    taken_in INTEGER NOT NULL, unbacked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rights (
    account TEXT PRIMARY KEY, granted INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0,
    taken_in INTEGER NOT NULL DEFAULT 0, unbacked INTEGER NOT NULL DEFAULT 0,
    floor INTEGER, as_of_seq INTEGER NOT NULL DEFAULT 0, target INTEGER DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE unbacked (
    account TEXT NOT NULL, seq INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE open_sessions (
    session TEXT PRIMARY KEY, machine TEXT NOT NULL, data BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE cards (card TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE commands (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, outcome TEXT NOT NULL,
    code INTEGER NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE TABLE locks (machine TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE documents (name TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID
"""
_M002 = """
ALTER TABLE cards ADD COLUMN limited TEXT NOT NULL DEFAULT '';
CREATE TABLE card_spent (
    card TEXT NOT NULL, seq INTEGER NOT NULL, amount INTEGER NOT NULL,
    carried INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (card, seq)
) STRICT, WITHOUT ROWID
"""
_M003 = """
CREATE TABLE retired (machine TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE held_cash (
    holding TEXT PRIMARY KEY, machine TEXT NOT NULL, data BLOB NOT NULL
) STRICT, WITHOUT ROWID
"""

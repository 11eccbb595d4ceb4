"""Rights per account, as stored: what the hub said and what the journal amounts to."""

from __future__ import annotations

import sqlite3
from typing import Any

from firmware_agent.core.allowance import Rights, Unbacked
from firmware_agent.store import Store
from wire.events import SessionEnded, Totals

EXCESS_PER_STEP = 50
"""Accounts whose excess is released at a time; the rest follows."""


class AccountTable:
    """The stored rights.

    Args:
        store: Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, account: str) -> Rights:
        """An account's rights; none of it known: no rights."""
        rows = self._store.query(_OF_ACCOUNT, account)
        if not rows:
            return Rights(account)
        recent = self._store.query(
            "SELECT seq, amount FROM unbacked WHERE account = ? ORDER BY seq", account
        )
        return _rights(rows[0], tuple(Unbacked(*row) for row in recent))

    def with_excess(self) -> tuple[Rights, ...]:
        """Some accounts that hold more backed rights than their target."""
        rows = self._store.query(_WITH_EXCESS, EXCESS_PER_STEP)
        return tuple(self.load(row[0]) for row in rows)

    def keep(self, sql: sqlite3.Connection, rights: Rights) -> None:
        """Store what the hub said of an account, within a transaction."""
        sql.execute(
            "INSERT INTO rights (account, granted, floor, as_of_seq, target)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET"
            " granted = excluded.granted, floor = excluded.floor,"
            " as_of_seq = excluded.as_of_seq, target = excluded.target",
            (
                rights.account,
                rights.granted_minor,
                rights.floor_minor,
                rights.as_of_seq,
                rights.target_minor,
            ),
        )
        sql.execute(
            "DELETE FROM unbacked WHERE account = ? AND seq <= ?",
            (rights.account, rights.as_of_seq),
        )

    def keep_totals(self, sql: sqlite3.Connection, account: str, totals: Totals) -> None:
        """Store an account's totals after an event, in the event's transaction."""
        sql.execute(
            "INSERT INTO rights (account, spent, released, taken_in, unbacked)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET"
            " spent = excluded.spent, released = excluded.released,"
            " taken_in = excluded.taken_in, unbacked = excluded.unbacked",
            (account, totals.spent, totals.released, totals.taken_in, totals.unbacked),
        )

    def keep_unbacked(self, sql: sqlite3.Connection, event: SessionEnded) -> None:
        """Store what a session spent beyond backed rights, in its end's transaction."""
        if event.unbacked_minor:
            sql.execute(
                "INSERT INTO unbacked (account, seq, amount) VALUES (?, ?, ?)",
                (event.account, event.seq, event.unbacked_minor),
            )


_SELECT = (
    "SELECT account, granted, spent, released, taken_in, unbacked, floor, as_of_seq, target"
    " FROM rights"
)
_OF_ACCOUNT = _SELECT + " WHERE account = ?"
_WITH_EXCESS = (
    _SELECT + " WHERE target IS NOT NULL AND granted + taken_in - spent - released > target LIMIT ?"
)


def _rights(row: tuple[Any, ...], recent: tuple[Unbacked, ...]) -> Rights:
    account, granted, spent, released, taken_in, unbacked, floor, as_of_seq, target = row
    return Rights(
        account,
        granted_minor=granted,
        spent_minor=spent,
        released_minor=released,
        taken_in_minor=taken_in,
        unbacked_minor=unbacked,
        floor_minor=floor,
        as_of_seq=as_of_seq,
        target_minor=target,
        recent=recent,
    )

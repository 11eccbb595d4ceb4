"""Everything that the agent keeps, and the one commit of a step.

A step's durable effects go to disk together: the journal's row, the totals that it
states, whether a session is open, and whatever else belongs to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from firmware_agent.accounts import AccountTable
from firmware_agent.card_list import CardList
from firmware_agent.code_table import mark_used
from firmware_agent.core.allowance import Rights
from firmware_agent.core.effects import (
    Answer,
    Append,
    Durable,
    KeepLock,
    KeepRetired,
    KeepRevision,
    KeepRights,
)
from firmware_agent.core.paying import accounts_of
from firmware_agent.fold import totals_of
from firmware_agent.journal import Journal
from firmware_agent.store import Store, keep_meta
from wire.codec import Format
from wire.downlink import CardEntry
from wire.events import (
    CashHeld,
    CashTaken,
    CashUnclaimed,
    CodeRedeemed,
    SessionEnded,
    SessionProgress,
    SessionStarted,
)
from wire.uplink import Outcome

COMMANDS_KEPT = 1_000
"""Commands remembered, so that none is obeyed twice; far more than come in a minute,
after which a command is void anyway."""

Write = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How a command ended."""

    outcome: Outcome
    code: int
    detail: str


class Records:
    """The agent's memory.

    Args:
        store: Where it is.
        controller: Whose.
        format_: How new events are encoded.
    """

    def __init__(self, store: Store, controller: str, format_: Format = Format.JSON) -> None:
        self.store = store
        self.journal = Journal(store, controller, format_)
        self.accounts = AccountTable(store)
        self.cards = CardList(store)
        self._writers: dict[type, Callable[[sqlite3.Connection, Any], None]] = {
            Append: self._append,
            KeepRights: lambda sql, effect: self.accounts.keep(sql, effect.rights),
            KeepRevision: lambda sql, effect: keep_meta(sql, "accounts_revision", effect.revision),
            KeepLock: _keep_lock,
            KeepRetired: _keep_retired,
            Answer: _keep_answer,
        }

    def commit(self, effects: Iterable[Durable], *more: Write) -> None:
        """Write a step's facts in one transaction; on disk when it returns.

        Raises:
            StoreError: Nothing of it was written.
        """
        try:
            with self.store.transaction() as sql:
                for effect in effects:
                    self._writers[type(effect)](sql, effect)
                for write in more:
                    write(sql)
        except BaseException:
            self.journal.drop_head()
            raise
        self.journal.settle_head()

    def accounts_revision(self) -> int:
        """Revision of the rights held."""
        return self.store.number("accounts_revision")

    def locked_machines(self) -> frozenset[str]:
        """Machines that a command locked."""
        return frozenset(row[0] for row in self.store.query("SELECT machine FROM locks"))

    def retired_machines(self) -> dict[str, str]:
        """Machines that were taken out of service here, and why."""
        return dict(self.store.query("SELECT machine, reason FROM retired"))

    def held_cash(self) -> tuple[bytes, ...]:
        """Last event of each holding of money that no card has claimed."""
        rows = self.store.query("SELECT data FROM held_cash ORDER BY holding")
        return tuple(row[0] for row in rows)

    def cash_seq(self, acceptor: str) -> int:
        """The device's own count of what was journalled last; 0: nothing was."""
        return self.store.number(_cash_key(acceptor))

    def open_sessions(self) -> tuple[bytes, ...]:
        """Last event of each session that is open in the journal."""
        rows = self.store.query("SELECT data FROM open_sessions ORDER BY session")
        return tuple(row[0] for row in rows)

    def look_up(self, card: str) -> tuple[CardEntry | None, tuple[Rights, ...], int]:
        """What is known of a card: its entry, rights of its accounts, spent of its limit."""
        entry = self.cards.find(card)
        if entry is None:
            return None, (), 0
        rights = tuple(self.accounts.load(account) for account in accounts_of(entry))
        spent = 0 if entry.limit_minor is None else self.cards.spent_minor(card)
        return entry, rights, spent

    def command(self, command: str) -> CommandOutcome | None:
        """How a command ended; None: it hasn't been seen."""
        rows = self.store.query("SELECT outcome, code, detail FROM commands WHERE id = ?", command)
        if not rows:
            return None
        outcome, code, detail = rows[0]
        return CommandOutcome(Outcome(outcome), code, detail)

    def begin_command(self, command: str) -> None:
        """Remember a command before it is obeyed: from now on it isn't obeyed again.

        Raises:
            StoreError: It isn't remembered, and so must not be obeyed.
        """
        with self.store.transaction() as sql:
            sql.execute(
                "INSERT INTO commands (id, outcome, code, detail) VALUES (?, ?, 0, '')",
                (command, Outcome.UNKNOWN),
            )
            sql.execute(
                "DELETE FROM commands WHERE number <= (SELECT MAX(number) FROM commands) - ?",
                (COMMANDS_KEPT,),
            )

    def document(self, name: str) -> bytes | None:
        """Bytes kept under a name, as they were received."""
        rows = self.store.query("SELECT data FROM documents WHERE name = ?", name)
        return rows[0][0] if rows else None

    def _append(self, sql: sqlite3.Connection, effect: Append) -> None:
        event = effect.event
        data = self.journal.append(sql, event)
        if (changed := totals_of(event)) is not None:
            self.accounts.keep_totals(sql, *changed)
        if isinstance(event, SessionEnded):
            self.accounts.keep_unbacked(sql, event)
            self.cards.note_spent(sql, event)
            sql.execute("DELETE FROM open_sessions WHERE session = ?", (event.session,))
        elif isinstance(event, CodeRedeemed):
            mark_used(sql, event.code)
        if isinstance(event, CashTaken | CashHeld) and event.device_seq:
            keep_meta(sql, _cash_key(event.acceptor), event.device_seq)
        if isinstance(event, CashHeld):
            sql.execute(
                "INSERT OR REPLACE INTO held_cash (holding, machine, data) VALUES (?, ?, ?)",
                (event.holding, event.machine, data),
            )
        elif isinstance(event, CashTaken | CashUnclaimed) and event.holding:
            sql.execute("DELETE FROM held_cash WHERE holding = ?", (event.holding,))
        elif isinstance(event, SessionStarted | SessionProgress):
            sql.execute(
                "INSERT OR REPLACE INTO open_sessions (session, machine, data) VALUES (?, ?, ?)",
                (event.session, event.machine, data),
            )


def _cash_key(acceptor: str) -> str:
    return f"cash_seq {acceptor}"


def keep_document(name: str, data: bytes) -> Write:
    """A write that keeps bytes under a name."""

    def write(sql: sqlite3.Connection) -> None:
        sql.execute("INSERT OR REPLACE INTO documents (name, data) VALUES (?, ?)", (name, data))

    return write


def _keep_lock(sql: sqlite3.Connection, effect: KeepLock) -> None:
    if effect.locked:
        sql.execute("INSERT OR IGNORE INTO locks (machine) VALUES (?)", (effect.machine,))
    else:
        sql.execute("DELETE FROM locks WHERE machine = ?", (effect.machine,))


def _keep_retired(sql: sqlite3.Connection, effect: KeepRetired) -> None:
    sql.execute("DELETE FROM retired WHERE machine = ?", (effect.machine,))
    if effect.reason:
        sql.execute(
            "INSERT INTO retired (machine, reason) VALUES (?, ?)", (effect.machine, effect.reason)
        )


def _keep_answer(sql: sqlite3.Connection, effect: Answer) -> None:
    sql.execute(
        "UPDATE commands SET outcome = ?, code = ?, detail = ? WHERE id = ?",
        (effect.outcome, effect.code, effect.detail, effect.command),
    )

"""A controller's database, read a little further each time.

It is opened anew for each look: a trial may exchange the file, as a thief or a technician
would. What was read before is kept, so a look that finds less than the one before says so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import NamedTuple

from simulator.trials.audit.events import (
    CASH,
    CODE,
    ENDED,
    PROGRESS,
    RELEASED,
    STARTED,
    Event,
    Totals,
    first_hash,
    next_hash,
    read_event,
)
from simulator.trials.audit.observation import Disk

BUSY_S = 10.0
"""The agent runs in the same process: whoever waits longer waits for ever."""


class Rewound(NamedTuple):
    """A look that found less than the one before.

    Attributes:
        epoch: The journal that was there.
        through: Up to where it was known.
        words: What is there now.
    """

    epoch: str
    through: int
    words: str


class DiskFile:
    """What a controller has on its disk.

    Attributes:
        disk: Which.
        epoch: Id of its journal; empty: there is none.
        acked: Up to where it believes that the hub has booked.
        hashes: Chain hash after each event, the origin first.
        running: The start of each open session, by id.
        unbacked: Spent beyond backed rights in this journal, by account.
        totals: As the last event of each account says.
        granted: Rights received, by account.
        kept: Totals of the table of rights, by account.
        complaints: What is wrong with the journal in itself.
        rewound: Looks that found less than those before.
        unreadable: Why it can't be read; empty: it can.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.complaints: list[str] = []
        self.rewound: list[Rewound] = []
        self.unreadable = ""
        self._begin("")

    @property
    def last_seq(self) -> int:
        """Seq of the newest event; 0: there is none."""
        return len(self.hashes) - 1

    def look(self) -> None:
        """Read what is new, in one transaction."""
        self.unreadable = ""
        if not self.disk.path.exists():
            self.unreadable = "there is no file"
            return
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=BUSY_S)) as sql:
                sql.isolation_level = None
                sql.execute("BEGIN")
                self._read(sql)
        except sqlite3.DatabaseError as error:
            self.unreadable = str(error)

    def take_complaints(self) -> list[str]:
        """Complaints that nobody took yet."""
        taken, self.complaints = self.complaints, []
        return taken

    def session_at(self, machine: str) -> str:
        """The session that is open at a machine; empty: there is none."""
        for session, start in self.running.items():
            if start.machine == machine:
                return session
        return ""

    @property
    def _uri(self) -> str:
        return f"file:{self.disk.path}?mode=ro"

    def _begin(self, epoch: str) -> None:
        self.epoch = epoch
        self.acked = 0
        self.hashes: list[bytes] = [first_hash(self.disk.controller, epoch)]
        self.running: dict[str, Event] = {}
        self.unbacked: dict[str, int] = {}
        self.totals: dict[str, Totals] = {}
        self.granted: dict[str, int] = {}
        self.kept: dict[str, Totals] = {}
        self._over: set[str] = set()

    def _read(self, sql: sqlite3.Connection) -> None:
        if not sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'base_totals'").fetchall():
            self.unreadable = "it has no tables yet"
            return
        meta = dict(sql.execute(_META).fetchall())
        epoch = str(meta.get("epoch", ""))
        if epoch != self.epoch or not self._continues(sql):
            if self.epoch:
                (last,) = sql.execute("SELECT max(seq) FROM journal").fetchone()
                words = f"journal {epoch} through {last or 0}"
                self.rewound.append(Rewound(self.epoch, self.last_seq, words))
            self._begin(epoch)
        for seq, data in sql.execute(_ROWS, (self.last_seq,)):
            self._add(int(seq), bytes(data))
        self.acked = int(meta.get("acked_seq", 0))
        self.granted, self.kept = {}, {}
        for account, granted, *totals in sql.execute(_RIGHTS):
            self.granted[account] = granted
            self.kept[account] = Totals(*totals)

    def _continues(self, sql: sqlite3.Connection) -> bool:
        """Whether the last event that was read is still there, and the same."""
        if self.last_seq == 0:
            return True
        row = sql.execute("SELECT hash FROM journal WHERE seq = ?", (self.last_seq,)).fetchone()
        return row is not None and bytes(row[0]) == self.hashes[-1]

    def _add(self, seq: int, data: bytes) -> None:
        if seq != self.last_seq + 1:
            self.complaints.append(f"event {self.last_seq + 1} is missing before {seq}")
            self.hashes += [b""] * (seq - self.last_seq - 1)
        self.hashes.append(next_hash(self.hashes[-1], data))
        event = read_event(data)
        if event.kind in (STARTED, PROGRESS, ENDED):
            self._add_session(seq, event)
        if event.kind in (ENDED, RELEASED, CASH, CODE):
            self._add_totals(seq, event)

    def _add_session(self, seq: int, event: Event) -> None:
        session = event.session
        if event.kind == STARTED:
            if session in self.running or session in self._over:
                self.complaints.append(f"event {seq} starts {session} once more")
            self.running[session] = event
        elif session not in self.running:
            how = "goes on with" if event.kind == PROGRESS else "ends"
            self.complaints.append(f"event {seq} {how} {session}, which isn't open")
        if event.kind == ENDED:
            self.running.pop(session, None)
            self._over.add(session)

    def _add_totals(self, seq: int, event: Event) -> None:
        before = self.totals.get(event.account, Totals())
        spent = event.backed_minor if event.kind == ENDED else 0
        unbacked = event.unbacked_minor if event.kind == ENDED else 0
        gave_back = event.amount_minor if event.kind == RELEASED else 0
        brought = event.amount_minor if event.kind in (CASH, CODE) else 0
        after = Totals(
            before.spent + spent,
            before.released + gave_back,
            before.taken_in + brought,
            before.unbacked + unbacked,
        )
        if event.totals != after:
            self.complaints.append(
                f"event {seq} says {event.totals} of {event.account}, its journal gives {after}"
            )
        if event.kind == ENDED and spent + unbacked != event.charge_minor:
            self.complaints.append(f"event {seq}: {spent} + {unbacked} isn't its charge")
        self.totals[event.account] = event.totals
        self.unbacked[event.account] = self.unbacked.get(event.account, 0) + unbacked


_META = "SELECT key, value FROM meta WHERE key IN ('epoch', 'acked_seq')"
_ROWS = "SELECT seq, data FROM journal WHERE seq > ? ORDER BY seq"
_RIGHTS = "SELECT account, granted, spent, released, taken_in, unbacked FROM rights"

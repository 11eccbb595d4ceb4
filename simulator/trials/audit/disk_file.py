"""A controller's database, read a little further each time.

It is opened anew for each look: a trial may exchange the file, as a thief or a technician
would. What was read before is kept, so a look that finds less than the one before says so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import NamedTuple

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.events import Totals, first_hash, next_hash, read_event
from simulator.trials.audit.fold import Complaint, Fold
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
        fold: What the journal comes to.
        granted: Rights received, by account.
        kept: Totals of the table of rights, by account.
        floors: Floors received, by account; None: the card's own holds.
        complaints: What is wrong with the journal in itself.
        rewound: Looks that found less than those before.
        unreadable: Why it can't be read; empty: it can.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.complaints: list[Complaint] = []
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
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            # A torn page may also leave rows whose columns are none that were written.
            self.unreadable = str(error)

    def forget(self) -> None:
        """Its controller begins anew on an empty disk; what was wrong before is over."""
        self.complaints.clear()
        self.rewound.clear()
        self._begin("")

    def take_complaints(self, invariant: Invariant) -> list[str]:
        """Complaints about an invariant that nobody took yet."""
        taken = [words for about, words in self.complaints if about is invariant]
        self.complaints = [one for one in self.complaints if one[0] is not invariant]
        return taken

    @property
    def _uri(self) -> str:
        return f"file:{self.disk.path}?mode=ro"

    def _begin(self, epoch: str) -> None:
        self.epoch = epoch
        self.acked = 0
        self.hashes: list[bytes] = [first_hash(self.disk.controller, epoch)]
        self.fold = Fold()
        self.granted: dict[str, int] = {}
        self.kept: dict[str, Totals] = {}
        self.floors: dict[str, int | None] = {}

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
        self.complaints += self.fold.rest()
        self.acked = int(meta.get("acked_seq", 0))
        self.granted, self.kept, self.floors = {}, {}, {}
        for account, granted, floor, *totals in sql.execute(_RIGHTS):
            self.granted[account] = granted
            self.floors[account] = floor
            self.kept[account] = Totals(*totals)

    def _continues(self, sql: sqlite3.Connection) -> bool:
        """Whether the last event that was read is still there, and the same."""
        if self.last_seq == 0:
            return True
        row = sql.execute("SELECT hash FROM journal WHERE seq = ?", (self.last_seq,)).fetchone()
        return row is not None and bytes(row[0]) == self.hashes[-1]

    def _add(self, seq: int, data: bytes) -> None:
        if seq != self.last_seq + 1:
            words = f"event {self.last_seq + 1} is missing before {seq}"
            self.complaints.append((Invariant.POWER_CUT, words))
            self.hashes += [b""] * (seq - self.last_seq - 1)
        self.hashes.append(next_hash(self.hashes[-1], data))
        self.complaints += self.fold.add(seq, read_event(data))


_META = "SELECT key, value FROM meta WHERE key IN ('epoch', 'acked_seq')"
_ROWS = "SELECT seq, data FROM journal WHERE seq > ? ORDER BY seq"
_RIGHTS = "SELECT account, granted, floor, spent, released, taken_in, unbacked FROM rights"

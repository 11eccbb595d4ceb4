"""The journal's rows: append-only, chained, sent to the hub as they are.

`append` is used within the one transaction of an event; `head` moves when that
transaction is on disk (`settle_head`), or not at all (`drop_head`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from firmware_agent.code_table import load_used_codes
from firmware_agent.core.used_codes import Use
from firmware_agent.errors import StoreCorrupt
from firmware_agent.fold import Fold
from firmware_agent.store import Store, keep_meta
from wire import chain
from wire.codec import Format, encode
from wire.errors import DecodeError
from wire.events import AnyEvent

ROWS_KEPT = 5_000
"""Acknowledged rows that stay for people to look at: weeks of a busy laundry."""
ROWS_KEPT_TIGHT = 100
"""Those that stay when the database is nearly full: the last hours, and the time of day."""
PRUNE_ROWS = 1_000
"""Rows pruned in one transaction; keeps it below a few ms."""
CHECK_ROWS_MAX = 20_000
"""Unacknowledged rows are checked from a newer base than this at a start, so that a
month without network doesn't make it slow. The hub checks the chain of all of them."""
READ_ROWS = 500
"""Rows held in memory while a journal is walked."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored event."""

    seq: int
    data: bytes
    hash: bytes


class Journal:
    """The journal of one controller in one epoch.

    Args:
        store: Where it is.
        controller: Whose; part of the chain's origin.
        format_: How new events are encoded.

    Raises:
        StoreCorrupt: It is another controller's.
    """

    def __init__(self, store: Store, controller: str, format_: Format = Format.JSON) -> None:
        self._store = store
        self._format = format_
        self.controller = controller
        owner = store.meta("controller")
        if owner not in (None, controller):
            raise StoreCorrupt(f"the journal is of {owner}, and this is {controller}")
        self.epoch = str(store.meta("epoch") or "")
        self.acked_seq = store.number("acked_seq")
        self.acked_ms = store.number("acked_ms")
        self.base_seq = store.number("base_seq")
        self.head_seq, self.head_hash = self._find_head()
        self._next = (self.head_seq, self.head_hash)

    def begin(self, epoch: str) -> None:
        """Begin a new journal, in an empty database."""
        with self._store.transaction() as sql:
            keep_meta(sql, "controller", self.controller)
            keep_meta(sql, "epoch", epoch)
        self.epoch = epoch
        self.head_hash = self._base_hash()
        self._next = (self.head_seq, self.head_hash)

    def append(self, sql: sqlite3.Connection, event: AnyEvent) -> bytes:
        """Write an event, encoded once; returns its bytes.

        Raises:
            StoreCorrupt: Its seq doesn't follow: a fault of the program.
        """
        seq, digest = self._next
        if event.seq != seq + 1:
            raise StoreCorrupt(f"event {event.seq} can't follow {seq}")
        data = encode(event, self._format)
        digest = chain.link(digest, data)
        sql.execute(
            "INSERT INTO journal (seq, data, hash) VALUES (?, ?, ?)", (event.seq, data, digest)
        )
        self._next = (event.seq, digest)
        return data

    def settle_head(self) -> None:
        """The transaction is on disk."""
        self.head_seq, self.head_hash = self._next

    def drop_head(self) -> None:
        """The transaction came to nothing."""
        self._next = (self.head_seq, self.head_hash)

    def rows(self, first_seq: int, count: int) -> list[Row]:
        """Up to `count` rows from `first_seq` on.

        Raises:
            StoreCorrupt: One of them can't be read.
        """
        found = self._store.query(
            "SELECT seq, data, hash FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?",
            first_seq,
            count,
        )
        return [read_row(*row) for row in found]

    def hash_at(self, seq: int) -> bytes | None:
        """Chain hash after a row; None: it isn't known here (any more)."""
        if seq == self.head_seq:
            return self.head_hash
        if seq == self.base_seq:
            return self._base_hash()
        if seq == 0:
            return chain.origin(self.controller, self.epoch)
        found = self._store.query("SELECT hash FROM journal WHERE seq = ?", seq)
        return found[0][0] if found and isinstance(found[0][0], bytes) else None

    def known_hash(self, seq: int) -> bytes:
        """Chain hash after a row that must be here.

        Raises:
            StoreCorrupt: It isn't: rows are gone that nobody pruned.
        """
        digest = self.hash_at(seq)
        if digest is None:
            raise StoreCorrupt(f"event {seq} is gone from the journal")
        return digest

    def acknowledge(self, through_seq: int, hub_ms: int) -> None:
        """The hub has booked everything up to here, it said at this time of its clock."""
        with self._store.transaction() as sql:
            keep_meta(sql, "acked_seq", through_seq)
            keep_meta(sql, "acked_ms", hub_ms)
        self.acked_seq, self.acked_ms = through_seq, hub_ms

    def prune(self, *, is_tight: bool = False) -> int:
        """Drop some acknowledged rows beyond the kept ones; returns how many.

        Without any to drop, a very long unacknowledged journal gets a newer base.

        Args:
            is_tight: The database is nearly full: hardly any are kept.
        """
        kept, rows_min = (ROWS_KEPT_TIGHT, 1) if is_tight else (ROWS_KEPT, PRUNE_ROWS)
        oldest = self._store.query("SELECT MIN(seq) FROM journal")[0][0]
        if not isinstance(oldest, int):
            return 0
        keep_from = min(self.acked_seq, self.head_seq - kept) + 1
        upto = min(keep_from, oldest + PRUNE_ROWS) - 1
        if upto - oldest + 1 >= rows_min:
            self._move_base(max(upto, self.base_seq), drop_upto=upto)
            return upto - oldest + 1
        if self.head_seq - self.base_seq > CHECK_ROWS_MAX + PRUNE_ROWS:
            self._move_base(self.base_seq + PRUNE_ROWS, drop_upto=0)
        return 0

    def walk(self, after_seq: int) -> Iterator[Row]:
        """All rows after a seq, a few at a time.

        Raises:
            StoreCorrupt: A row can't be read; each before it was given.
        """
        count = READ_ROWS
        while count:
            try:
                rows = self.rows(after_seq + 1, count)
            except StoreCorrupt:
                if count == 1:
                    raise
                count //= 2
                continue
            if not rows:
                return
            yield from rows
            after_seq = rows[-1].seq

    def _find_head(self) -> tuple[int, bytes]:
        """The last event; in a damaged table the last before the damage."""
        head = self.base_seq, self._base_hash()
        try:
            newest = [read_row(*row) for row in self._store.query(_NEWEST)]
        except StoreCorrupt:
            newest = []
            with suppress(StoreCorrupt):
                for row in self.walk(self.base_seq):
                    newest = [row]
        return (newest[0].seq, newest[0].hash) if newest else head

    def _move_base(self, seq: int, *, drop_upto: int) -> None:
        fold = Fold()
        fold.add_all(row.data for row in self.rows(self.base_seq + 1, seq - self.base_seq))
        digest = self.known_hash(seq)
        with self._store.transaction() as sql:
            # First: a database that is full has room for the rest then.
            sql.execute("DELETE FROM journal WHERE seq <= ?", (drop_upto,))
            for account, totals in fold.totals.items():
                sql.execute(
                    "INSERT OR REPLACE INTO base_totals"
                    " (account, spent, released, taken_in, unbacked) VALUES (?, ?, ?, ?, ?)",
                    (account, totals.spent, totals.released, totals.taken_in, totals.unbacked),
                )
            keep_meta(sql, "base_seq", seq)
            keep_meta(sql, "base_hash", digest)
        self.base_seq = seq

    def _base_hash(self) -> bytes:
        kept = self._store.meta("base_hash")
        return kept if isinstance(kept, bytes) else chain.origin(self.controller, self.epoch)


def read_row(seq: object, data: object, digest: object) -> Row:
    """A row as it was read.

    Raises:
        StoreCorrupt: It isn't one that was written: a page of the file is damaged.
    """
    if isinstance(seq, int) and isinstance(data, bytes) and isinstance(digest, bytes):
        return Row(seq, data, digest)
    raise StoreCorrupt(f"event {seq} can't be read")


def find_break(rows: Iterator[Row], seq: int, digest: bytes) -> tuple[int, str]:
    """Walk a chain: the last sound seq, and what is wrong after it (or nothing).

    Args:
        rows: From `seq` + 1 on.
        seq: Where the chain is known to be sound.
        digest: Its hash there.
    """
    try:
        for row in rows:
            if row.seq != seq + 1:
                return seq, f"event {seq + 1} is missing"
            digest = chain.link(digest, row.data)
            if digest != row.hash:
                return seq, f"event {row.seq} isn't what was written"
            seq = row.seq
    except StoreCorrupt as error:
        return seq, str(error)
    return seq, ""


def check_totals(store: Store, journal: Journal) -> str:
    """Compare the totals and used codes kept with the journal's: a complaint, or nothing.

    Raises:
        StoreCorrupt: The tables can't be read.
    """
    fold = Fold()
    try:
        fold.add_all(row.data for row in journal.walk(journal.base_seq))
    except DecodeError as error:
        return f"an event can't be read: {error}"
    expected = {account: counts for account, *counts in store.query(_BASE_TOTALS)}
    for account, totals in fold.totals.items():
        expected[account] = [totals.spent, totals.released, totals.taken_in, totals.unbacked]
    kept = {account: counts for account, *counts in store.query(_KEPT_TOTALS)}
    for account in expected.keys() | kept.keys():
        if expected.get(account, _NONE) != kept.get(account, _NONE):
            return f"the totals of {account} aren't those of the journal"
    used = load_used_codes(store)
    for code in sorted(fold.codes):
        if used.use_of(code) is Use.FRESH:
            return f"code {code} was redeemed, and isn't marked as used"
    return ""


_NONE = [0, 0, 0, 0]
_NEWEST = "SELECT seq, data, hash FROM journal ORDER BY seq DESC LIMIT 1"
_BASE_TOTALS = "SELECT account, spent, released, taken_in, unbacked FROM base_totals"
_KEPT_TOTALS = "SELECT account, spent, released, taken_in, unbacked FROM rights"

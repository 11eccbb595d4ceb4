"""The site's card list: looked up in the database, not held in memory.

A look-up is one read of an index, and 100,000 cards cost no memory.
"""

from __future__ import annotations

import sqlite3

from firmware_agent.errors import StoreCorrupt
from firmware_agent.store import Store, keep_meta
from wire.codec import Format, decode, encode
from wire.downlink import CardEntry, ListPage
from wire.errors import DecodeError
from wire.events import SessionEnded

_REVISION = "list_revision"


class CardList:
    """The stored list.

    Args:
        store: Where it is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.revision = store.number(_REVISION)
        self.last_revision = self.revision

    def find(self, card: str) -> CardEntry | None:
        """What the list says of a card; None: nothing.

        Raises:
            StoreCorrupt: It can't be read.
        """
        rows = self._store.query("SELECT data FROM cards WHERE card = ?", card)
        try:
            return decode(rows[0][0], CardEntry) if rows else None
        except DecodeError as error:
            raise StoreCorrupt(f"the entry of a card can't be read: {error}") from None

    def spent_minor(self, card: str) -> int:
        """What sessions of a card cost that its limit doesn't know of.

        Those since its entry came, and those before that the hub hasn't booked yet.
        """
        rows = self._store.query(_SPENT, card)
        return int(rows[0][0])

    def note_spent(self, sql: sqlite3.Connection, event: SessionEnded) -> None:
        """Count a session's charge against its card's limit, in its end's transaction."""
        if event.charge_minor:
            sql.execute(
                "INSERT INTO card_spent (card, seq, amount)"
                " SELECT card, ?, ? FROM cards WHERE card = ? AND limited = ?",
                (event.seq, event.charge_minor, event.card, event.account),
            )

    def count(self) -> int:
        """How many cards there are."""
        return int(self._store.query("SELECT COUNT(*) FROM cards")[0][0])

    @property
    def is_behind(self) -> bool:
        """Whether the hub has said that there is more."""
        return self.revision < self.last_revision

    def apply(self, page: ListPage) -> bool:
        """Take a page that continues what is held; False: it doesn't.

        Cards and revision are stored in one transaction.

        Raises:
            StoreUnwritable: Nothing was taken.
        """
        self.last_revision = max(self.last_revision, page.last_revision)
        if page.from_revision != self.revision or page.upto_revision < self.revision:
            return False
        if page.upto_revision == self.revision and not page.entries:
            return False
        with self._store.transaction() as sql:
            self._write(sql, page)
        self.revision = page.upto_revision
        return True

    def _write(self, sql: sqlite3.Connection, page: ListPage) -> None:
        gone = [(entry.card,) for entry in page.entries if not entry.account]
        kept = [
            (
                entry.card,
                encode(entry, Format.MSGPACK),
                "" if entry.limit_minor is None else entry.account,
            )
            for entry in page.entries
            if entry.account
        ]
        sql.executemany("DELETE FROM cards WHERE card = ?", gone)
        sql.executemany("INSERT OR REPLACE INTO cards (card, data, limited) VALUES (?, ?, ?)", kept)
        self._renew_limits(sql, {entry.card for entry in page.entries})
        keep_meta(sql, _REVISION, page.upto_revision)

    def _renew_limits(self, sql: sqlite3.Connection, listed: set[str]) -> None:
        """A new entry knows what was booked; what wasn't counts until it is."""
        counted = {row[0] for row in sql.execute("SELECT DISTINCT card FROM card_spent")}
        for card in counted & listed:
            sql.execute(_FORGET_BOOKED, (card, card))
            sql.execute("UPDATE card_spent SET carried = 1 WHERE card = ?", (card,))


_ACKED = "COALESCE((SELECT value FROM meta WHERE key = 'acked_seq'), 0)"
_SPENT = (
    "SELECT COALESCE(SUM(amount), 0) FROM card_spent"  # noqa: S608 our own
    f" WHERE card = ? AND (carried = 0 OR seq > {_ACKED})"
)
_FORGET_BOOKED = (
    f"DELETE FROM card_spent WHERE card = ? AND (seq <= {_ACKED}"  # noqa: S608 our own
    " OR NOT EXISTS (SELECT 1 FROM cards WHERE card = ? AND limited <> ''))"
)

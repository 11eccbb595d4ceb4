"""A batch of items on its way: decided by one thread, written and committed by another.

Deciding needs nothing that the batch before it writes: on SQLite it happens in memory,
which knows what that batch decided; on PostgreSQL it happens in a transaction of its
own, whose locks wait where both touch the same account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.ledger.answers import AskedItem
from hub.ledger.apply import accounts_of
from hub.ledger.book import Book, Change
from hub.ledger.serial import commit, committing, writing
from hub.ledger.shelves import Memory
from hub.store.engine import Store, check_open
from hub.store.rows import write_rows

BATCH_ITEMS_MAX = 2_000
"""Larger batches gain nothing more and let the first callers wait."""


class Flight(Protocol):
    """One batch.

    Attributes:
        batch: Who asked for what.
        known: Digests of the ids that it books, once it is closed.
        codes: Accounts that it locks until it is committed; empty where nothing is locked.
    """

    batch: list[AskedItem]
    known: dict[str, str]
    codes: set[str]

    def takes_more(self) -> bool:
        """Whether more can be added."""
        ...

    def add(self, batch: Sequence[AskedItem]) -> None:
        """Decide some more, after those before.

        Raises:
            Exception: The database failed; nothing was written.
        """
        ...

    def close(self) -> None:
        """Make ready what is to be written.

        Raises:
            Exception: The database failed; nothing was written.
        """
        ...

    def write(self) -> None:
        """Write and commit what was decided; called in the other thread.

        Raises:
            OutcomeUnknownError: The commit was sent, and no answer came.
            Exception: It failed; nothing was kept.
        """
        ...

    def drop(self) -> None:
        """Give up what isn't written; may be called at any time."""
        ...


class LoneFlight:
    """A batch on a database that this writer has for itself; it grows until it is closed.

    Args:
        store: Where to write.
        reader: Sees what is committed; nobody else uses it until this is closed.
        book: Decides on the reader.
        look: Look the ids up beforehand. Nearly all are new, and for those that aren't
            the database refuses the whole batch, which is then decided anew.
    """

    def __init__(self, store: Store, reader: Connection, book: Book, *, look: bool) -> None:
        self.batch: list[AskedItem] = []
        self.known: dict[str, str] = {}
        self.codes: set[str] = set()
        self._store = store
        self._reading = reader.begin()
        self._book = book
        self._look = look
        self._changes: list[Change] = []

    def takes_more(self) -> bool:
        return len(self.batch) < BATCH_ITEMS_MAX

    def add(self, batch: Sequence[AskedItem]) -> None:
        self.batch += batch
        self._book.load([asked.item for asked in batch], look=self._look)
        _decide(self._book, batch)
        self._book.prepare()

    def close(self) -> None:
        self._changes = list(chain.from_iterable(self._book.changes()))
        self._reading.rollback()
        self.known = self._book.booked()

    def write(self) -> None:
        if not self._changes:
            return
        with writing(self._store) as connection, committing(connection):
            write_rows(connection, self._changes)
            check_open(connection)

    def drop(self) -> None:
        self._changes.clear()
        self._reading.close()


class SharedFlight:
    """A batch on a database that other hubs write too.

    It is decided at once: accounts are locked in order of their numbers.

    Args:
        store: Where to write.
        memory: Numbers of accounts.
        now_ms: Hub's wall time.
        known: Ids that the batch before it books.
    """

    def __init__(self, store: Store, memory: Memory, now_ms: int, known: Mapping[str, str]) -> None:
        self.batch: list[AskedItem] = []
        self.known: dict[str, str] = {}
        self.codes: set[str] = set()
        self._before = known
        self._store = store
        self._memory = memory
        self._now_ms = now_ms
        self._open = ExitStack()

    def takes_more(self) -> bool:
        return not self.batch

    def add(self, batch: Sequence[AskedItem]) -> None:
        self.batch += batch
        for asked in batch:
            self.codes.update(accounts_of(asked.item))
        self.codes -= self._memory.free
        self._connection = self._open.enter_context(writing(self._store))
        self._transaction = self._connection.begin()
        self._book = Book(self._connection, self._now_ms, self._memory)
        self._book.know(self._before)
        self._book.load([asked.item for asked in batch])
        _decide(self._book, batch)

    def close(self) -> None:
        self.known = self._book.booked()

    def write(self) -> None:
        self._book.flush()
        check_open(self._connection)
        commit(self._connection, self._transaction)
        self._open.close()

    def drop(self) -> None:
        with suppress(SQLAlchemyError):  # the connection may be gone
            self._open.close()


def _decide(book: Book, batch: Sequence[AskedItem]) -> None:
    for asked in batch:
        asked.error = None  # of an attempt that is made again
        asked.outcome = book.post_loaded(asked.item, asked.digest)

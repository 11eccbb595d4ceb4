"""Runs a batch in one transaction, on the thread that calls.

A job that fails is undone alone. When a whole transaction fails before its commit, it is
run again while it was only unlucky; then its jobs are run one by one, so that only those
fail that must.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Transaction
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.errors import OutcomeUnknownError
from hub.ledger.answers import AskedItem, Batch
from hub.ledger.book import Book
from hub.ledger.shelves import Memory
from hub.ledger.tx import Tx, run_job
from hub.store.engine import Store, check_open
from hub.store.failures import UnreachableError, is_given_up, is_unlucky, store_error
from wire.clock import Clock

TRIES_MAX = 5
"""Two hubs that want the same rows part after one or two; more is another fault."""
_FOR_ALL = (OutcomeUnknownError, UnreachableError)
"""Failures that trying each job alone can't mend."""
logger = logging.getLogger("standpipe.store")


class Serial:
    """Runs batches one after the other.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
        memory: What is known from the last one.
    """

    def __init__(self, store: Store, clock: Clock, memory: Memory) -> None:
        self._store = store
        self._clock = clock
        self._memory = memory

    def run(self, batch: Batch) -> None:
        """Run a batch in one transaction, or else one by one; each gets its outcome."""
        error = self._try(batch)
        if error is None:
            return
        logger.error("a transaction of %d failed: %s", len(batch), error)
        if len(batch) == 1 or isinstance(error, _FOR_ALL):
            for asked in batch:
                asked.fail(error)
            return
        for asked in batch:
            failure = self._try([asked])
            if failure is not None:
                asked.fail(failure)

    def _try(self, batch: Batch) -> BaseException | None:
        """Run a batch in one transaction, again while it is only unlucky; gives what failed."""
        error: BaseException | None = None
        for _ in range(TRIES_MAX):
            try:
                with writing(self._store) as connection, committing(connection):
                    self._work(connection, batch)
            except BaseException as raised:  # noqa: BLE001 the callers must hear of it
                self._memory.clear()
                error = in_words(raised)
                if not is_unlucky(raised):
                    break
            else:
                return None
        return error

    def _work(self, connection: Connection, batch: Batch) -> None:
        now_ms = self._clock.now().wall_ms
        book = Book(connection, now_ms, self._memory)
        items = [asked.item for asked in batch if type(asked) is AskedItem]
        if items:
            book.load(items)
        for asked in batch:
            asked.error = None  # of an attempt that is made again
            if isinstance(asked, AskedItem):
                asked.outcome = book.post_checked(asked.item, asked.digest)
            else:
                asked.tx = Tx(connection, book, now_ms)
                asked.result, error = run_job(asked.tx, asked.job)
                if error is not None:
                    asked.fail(in_words(error))
        book.flush()
        check_open(connection)


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """Borrow a connection that writes.

    Raises:
        UnreachableError: There is none to be had.
    """
    try:
        connection = store.writing.connect()
    except SQLAlchemyError as error:
        raise UnreachableError(
            f"the database can't be reached: {error.__cause__ or error}"
        ) from error
    with connection:
        yield connection


@contextmanager
def committing(connection: Connection) -> Iterator[None]:
    """Run a block in a transaction.

    Raises:
        OutcomeUnknownError: The commit was sent, and no answer came.
        Exception: Whatever the block raised; nothing was kept.
    """
    transaction = connection.begin()
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # the connection may be gone
            transaction.rollback()
        raise
    commit(connection, transaction)


def commit(connection: Connection, transaction: Transaction) -> None:
    """Commit.

    Raises:
        OutcomeUnknownError: The commit was sent, and no answer came.
        Exception: The database refused; nothing was kept.
    """
    try:
        transaction.commit()
    except BaseException as error:
        # A check that waited for the commit: nothing was kept.
        if isinstance(error, IntegrityError) or is_given_up(error):
            connection.rollback()
            raise
        connection.invalidate()
        raise OutcomeUnknownError(
            f"the database failed while committing: ask again with the same id: {error}"
        ) from error


def in_words(error: BaseException) -> BaseException:
    """Tell a failure as the hub's own, where it is a database's."""
    return store_error(error) if isinstance(error, SQLAlchemyError) else error

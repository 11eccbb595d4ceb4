"""The one writer: many callers, one thread, one transaction for all that has come.

Callers hand over jobs and wait. The writer runs what has come in order, in one
transaction, commits, and only then answers. A job that fails is undone alone: the
others' outcomes are those of running one by one in the same order.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hub.errors import HubError, OutcomeUnknownError, OverloadedError, StoreError
from hub.ledger.book import Book
from hub.ledger.items import Item, Outcome
from hub.store.engine import Store
from wire.clock import Clock

QUEUE_JOBS_MAX = 20_000
"""A second's work at full speed; more would only wait longer than its callers do."""
BATCH_JOBS_MAX = 2_000
"""Larger batches gain nothing more and let the first callers wait."""
CALLER_TIMEOUT_S = 30
"""Longer than any commit; a caller that waits longer must ask again with its id."""
STOP_TIMEOUT_S = 10

T = TypeVar("T")
Touched = frozenset[tuple[str, str]]
logger = logging.getLogger("standpipe.store")


class Tx:
    """One job's view of the transaction.

    Attributes:
        connection: Reads and writes within the transaction.
        book: The ledger within it.
        now_ms: Hub's wall time of the transaction.
    """

    def __init__(self, connection: Connection, book: Book, now_ms: int) -> None:
        self.connection = connection
        self.book = book
        self.now_ms = now_ms
        self._hooks: list[Callable[[], None]] = []
        self._touched: set[tuple[str, str]] = set()

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Have something called once the transaction is committed, in the writer's thread."""
        self._hooks.append(hook)

    def touch(self, kind: str, id_: str = "") -> None:
        """Say that something changed, for those who publish or show it."""
        self._touched.add((kind, id_))


Job = Callable[[Tx], T]


@dataclass(slots=True)
class _Waiting(Generic[T]):
    work: Job[T] | Item
    future: Future[T]
    result: Any = None
    error: BaseException | None = None
    tx: Tx | None = None


class Writer:
    """Runs jobs in group commits. Use as a context manager, or `start` and `close`.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queue: queue.SimpleQueue[_Waiting[Any] | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[Touched], None]] = []
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._closing = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Finish what has come, then stop; may be called again."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def listen(self, listener: Callable[[Touched], None]) -> None:
        """Have a listener told, after each commit, what was touched. It must not block."""
        self._listeners.append(listener)

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand over a job.

        Raises:
            OverloadedError: The queue is full; nothing was done.
        """
        return self._put(_Waiting(job, Future()))

    def submit_item(self, item: Item) -> Future[Outcome]:
        """Hand over an item for the book, the quick way.

        Raises:
            OverloadedError: The queue is full; nothing was done.
        """
        return self._put(_Waiting[Outcome](item, Future()))

    def run(self, job: Job[T], timeout_s: int = CALLER_TIMEOUT_S) -> T:
        """Hand over a job and wait for its outcome.

        Raises:
            OverloadedError: The queue is full; nothing was done.
            OutcomeUnknownError: No answer in time: repeat with the same id.
        """
        try:
            return self.submit(job).result(timeout_s)
        except TimeoutError:
            raise OutcomeUnknownError(
                "the database hasn't answered: repeat with the same id"
            ) from None

    def _put(self, waiting: _Waiting[T]) -> Future[T]:
        if self._closing:
            raise OverloadedError("the hub is stopping: try again in a moment")
        if self._queue.qsize() >= QUEUE_JOBS_MAX:
            raise OverloadedError("too much to write at once: try again in a moment")
        self._queue.put(waiting)
        return waiting.future

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            if batch:
                self._commit(batch)

    def _take(self) -> tuple[list[_Waiting[Any]], bool]:
        batch: list[_Waiting[Any]] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) >= BATCH_JOBS_MAX:
                return batch, True
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Waiting[Any]]) -> None:
        try:
            with self._store.writing.connect() as connection:
                self._transact(connection, batch)
        except BaseException as error:  # noqa: BLE001 the callers must hear of it
            failure = _failure(error)
            for waiting in batch:
                waiting.future.set_exception(failure)
            logger.error("a transaction failed: %s", failure)  # noqa: TRY400 in words
            return
        self._answer(batch)

    def _transact(self, connection: Connection, batch: list[_Waiting[Any]]) -> None:
        with connection.begin():
            now_ms = self._clock.now().wall_ms
            book = Book(connection, now_ms)
            items = [w.work for w in batch if isinstance(w.work, Item)]
            if items:
                book.load(items)
            for waiting in batch:
                if isinstance(waiting.work, Item):
                    waiting.result = book.post(waiting.work)
                else:
                    waiting.tx = Tx(connection, book, now_ms)
                    _run_job(waiting, waiting.work, waiting.tx)
            book.flush()

    def _answer(self, batch: list[_Waiting[Any]]) -> None:
        touched: set[tuple[str, str]] = set()
        hooks: list[Callable[[], None]] = []
        for waiting in batch:
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
                continue
            if waiting.tx is not None:
                touched |= waiting.tx._touched  # noqa: SLF001 the writer's own half of Tx
                hooks += waiting.tx._hooks  # noqa: SLF001
            waiting.future.set_result(waiting.result)
        if touched:
            frozen = frozenset(touched)
            hooks += [partial(listener, frozen) for listener in self._listeners]
        for hook in hooks:
            try:
                hook()
            except Exception:
                logger.exception("after a commit")


def _run_job(waiting: _Waiting[Any], job: Job[Any], tx: Tx) -> None:
    """Run one job within its own savepoint, so that its failure undoes it alone."""
    tx.book.flush()
    try:
        with _savepoint(tx.connection):
            waiting.result = job(tx)
            tx.book.flush()
    except HubError as error:
        tx.book.forget()
        waiting.error = error
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        tx.book.forget()
        waiting.error = _failure(error)
    except Exception as error:  # noqa: BLE001 the caller's own error goes back to the caller
        tx.book.forget()
        waiting.error = error


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    with connection.begin_nested():
        yield


def _failure(error: BaseException) -> BaseException:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return OutcomeUnknownError("the database was lost while committing: ask again by id")
    if isinstance(error, SQLAlchemyError):
        return StoreError(f"the database refused: {getattr(error, 'orig', None) or error}")
    return error

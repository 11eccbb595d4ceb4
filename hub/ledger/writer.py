"""The one writer: many callers, one thread, one transaction for all that has come.

Callers hand over jobs and wait. The writer runs what has come in order, in one
transaction, commits, and only then answers. It never waits for more to come: what
comes while it commits is the next batch, so batches grow with the load by themselves.

A job that fails is undone alone: the others' outcomes are those of running one by one
in the same order. When a whole transaction fails before its commit, its jobs are run
again one by one, so that only those fail that must.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.errors import OutcomeUnknownError, OverloadedError, StoreError
from hub.ledger.apply import check
from hub.ledger.book import Book, Memory
from hub.ledger.items import Item, Outcome, digest_of
from hub.store.engine import Store, check_open
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


class Writer:
    """Runs jobs in group commits. Use as a context manager, or `start` and `close`.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # On SQLite nobody else writes, so what the last commit left is still true.
        self._memory = Memory() if store.is_sqlite else None
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[Touched], None]] = []
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._lock = threading.Lock()
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
        with self._lock:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def listen(self, listener: Callable[[Touched], None]) -> None:
        """Have a listener told, after each commit, what was touched. It must not block."""
        self._listeners.append(listener)

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand over a job; it can't be taken back.

        The job acts only through its `Tx`: when a transaction fails, it is run again.

        Raises:
            OverloadedError: The queue is full; nothing was done.
        """
        answer: Future[T] = _Answer()
        self._put(_Waiting(answer, job=job))
        return answer

    def submit_item(self, item: Item) -> Future[Outcome]:
        """Hand over an item for the book, the quick way.

        Raises:
            InputError: It holds what can't be stored.
            OverloadedError: The queue is full; nothing was done.
        """
        answer: Future[Outcome] = _Answer()
        fault = check(item)
        if fault is None:
            self._put(_Waiting(answer, item=item, digest=digest_of(item)))
        else:
            answer.set_result(fault)
        return answer

    def run(self, job: Job[T], timeout_s: int = CALLER_TIMEOUT_S) -> T:
        """Hand over a job and wait for its outcome.

        Raises:
            OverloadedError: The queue is full; nothing was done.
            OutcomeUnknownError: No answer in time: repeat with the same id.
        """
        answer = self.submit(job)
        try:
            return answer.result(timeout_s)
        except TimeoutError:
            if answer.done():  # the job's own
                raise
            raise OutcomeUnknownError(
                "the database hasn't answered: repeat with the same id"
            ) from None

    def _put(self, waiting: _Waiting) -> None:
        # Under the lock nothing can come after the word to stop, and wait for ever.
        with self._lock:
            if self._closing:
                raise OverloadedError("the hub is stopping: try again in a moment")
            if self._queue.qsize() >= QUEUE_JOBS_MAX:
                raise OverloadedError("too much to write at once: try again in a moment")
            self._queue.put(waiting)

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            if batch:
                self._commit(batch)
                self._answer(batch)

    def _take(self) -> tuple[list[_Waiting], bool]:
        batch: list[_Waiting] = []
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

    def _commit(self, batch: list[_Waiting]) -> None:
        """Run a batch in one transaction, or else one by one; each gets its outcome."""
        try:
            with self._store.writing.connect() as connection:
                self._transact(connection, batch)
        except BaseException as error:  # noqa: BLE001 the callers must hear of it
            if self._memory is not None:
                self._memory.clear()
            if len(batch) > 1 and not isinstance(error, OutcomeUnknownError):
                logger.warning("a transaction of %d failed, now one by one: %s", len(batch), error)
                for waiting in batch:
                    self._commit([waiting])
                return
            failure = _failure(error)
            for waiting in batch:
                waiting.fail(failure)
            logger.error("a transaction failed: %s", failure)  # noqa: TRY400 in words

    def _transact(self, connection: Connection, batch: list[_Waiting]) -> None:
        transaction = connection.begin()
        try:
            self._work(connection, batch)
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except IntegrityError:  # a check that waited for the commit: nothing was kept
            connection.rollback()
            raise
        except BaseException as error:
            connection.invalidate()
            raise OutcomeUnknownError(
                f"the database failed while committing: ask again with the same id: {error}"
            ) from error

    def _work(self, connection: Connection, batch: list[_Waiting]) -> None:
        now_ms = self._clock.now().wall_ms
        book = Book(connection, now_ms, self._memory)
        items = [waiting.item for waiting in batch if waiting.item is not None]
        if items:
            book.load(items)
        for waiting in batch:
            waiting.error = None  # of an attempt that is made again
            if waiting.item is not None:
                waiting.result = book.post_checked(waiting.item, waiting.digest)
            elif waiting.job is not None:
                waiting.tx = Tx(connection, book, now_ms)
                _run_job(waiting, waiting.job, waiting.tx)
        book.flush()
        check_open(connection)

    def _answer(self, batch: list[_Waiting]) -> None:
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


class _Answer(Future[T]):
    """A future whose work can't be taken back: it may be in a transaction already."""

    def cancel(self) -> bool:
        return False


class _Waiting:
    """One caller's job or item, and what came of it."""

    __slots__ = ("digest", "error", "future", "item", "job", "result", "tx")

    def __init__(
        self,
        future: Future[Any],
        *,
        job: Job[Any] | None = None,
        item: Item | None = None,
        digest: str = "",
    ) -> None:
        self.future = future
        self.job = job
        self.item = item
        self.digest = digest
        self.result: Any = None
        self.error: BaseException | None = None
        self.tx: Tx | None = None

    def fail(self, error: BaseException) -> None:
        """Have the caller told of an error, and of nothing else."""
        self.result = self.tx = None
        self.error = error


def _run_job(waiting: _Waiting, job: Job[Any], tx: Tx) -> None:
    """Run one job within its own savepoint, so that its failure undoes it alone."""
    tx.book.flush()
    try:
        with tx.connection.begin_nested():
            waiting.result = job(tx)
            tx.book.flush()
    except Exception as error:  # noqa: BLE001 the caller's own error goes back to the caller
        check_open(tx.connection)
        tx.book.forget()
        waiting.fail(_failure(error))


def _failure(error: BaseException) -> BaseException:
    if isinstance(error, SQLAlchemyError):
        return StoreError(f"the database refused: {getattr(error, 'orig', None) or error}")
    return error

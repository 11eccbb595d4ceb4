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
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.errors import OutcomeUnknownError, OverloadedError
from hub.ledger.apply import check
from hub.ledger.book import Book
from hub.ledger.items import Item, Outcome, digest_of
from hub.ledger.shelves import Memory
from hub.ledger.tx import Job, Touched, Tx, run_job
from hub.store.engine import Store, check_open
from hub.store.failures import UnreachableError, is_given_up, is_unlucky, store_error
from wire.clock import Clock

QUEUE_JOBS_MAX = 20_000
"""A second's work at full speed; more would only wait longer than its callers do."""
BATCH_JOBS_MAX = 2_000
"""Larger batches gain nothing more and let the first callers wait."""
CALLER_TIMEOUT_S = 30
"""Longer than any commit; a caller that waits longer must ask again with its id."""
STOP_TIMEOUT_S = 10

TRIES_MAX = 5
"""Two hubs that want the same rows part after one or two; more is another fault."""

__all__ = ["Job", "Touched", "Tx", "Writer"]
T = TypeVar("T")
logger = logging.getLogger("standpipe.store")


class Writer:
    """Runs jobs in group commits. Use as a context manager, or `start` and `close`.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._memory = Memory()
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
        error = self._try(batch)
        if error is None:
            return
        logger.error("a transaction of %d failed: %s", len(batch), error)
        if len(batch) == 1 or isinstance(error, (OutcomeUnknownError, UnreachableError)):
            for waiting in batch:
                waiting.fail(error)
            return
        for waiting in batch:
            failure = self._try([waiting])
            if failure is not None:
                waiting.fail(failure)

    def _try(self, batch: list[_Waiting]) -> BaseException | None:
        """Run a batch in one transaction, again while it is only unlucky; gives what failed."""
        error: BaseException | None = None
        for _ in range(TRIES_MAX):
            try:
                with self._connect() as connection:
                    self._transact(connection, batch)
            except BaseException as raised:  # noqa: BLE001 the callers must hear of it
                self._memory.clear()
                error = _failure(raised)
                if not is_unlucky(raised):
                    break
            else:
                return None
        return error

    def _connect(self) -> Connection:
        try:
            return self._store.writing.connect()
        except SQLAlchemyError as error:
            raise UnreachableError(
                f"the database can't be reached: {error.__cause__ or error}"
            ) from error

    def _transact(self, connection: Connection, batch: list[_Waiting]) -> None:
        transaction = connection.begin()
        try:
            self._work(connection, batch)
        except BaseException:
            with suppress(SQLAlchemyError):  # the connection may be gone
                transaction.rollback()
            raise
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
                waiting.result, error = run_job(waiting.tx, waiting.job)
                if error is not None:
                    waiting.fail(_failure(error))
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
                touched |= waiting.tx.touched
                hooks += waiting.tx.hooks
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


def _failure(error: BaseException) -> BaseException:
    return store_error(error) if isinstance(error, SQLAlchemyError) else error

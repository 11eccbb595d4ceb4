"""The one writer: many callers, one transaction for all that has come.

Callers hand over jobs and items, and wait. The writer decides what has come in order,
commits, and only then answers. It never waits for more to come: what comes while it
commits is the next batch, so batches grow with the load by themselves.

The others' outcomes are those of running one by one in the same order, whatever one does.
"""

from __future__ import annotations

import enum
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Self, TypeVar

from hub.errors import OutcomeUnknownError, OverloadedError
from hub.ledger.answers import Answer, Asked, AskedItem, AskedJob, Batch, LastingFuture
from hub.ledger.apply import check
from hub.ledger.items import Item, Outcome, digest_of
from hub.ledger.pipeline import Pipeline, Underway
from hub.ledger.shelves import Memory
from hub.ledger.tx import Job, Touched, Tx
from hub.store.engine import Store
from wire.clock import Clock

QUEUE_JOBS_MAX = 20_000
"""A second's work at full speed; more would only wait longer than its callers do."""
BATCH_JOBS_MAX = 2_000
"""Larger batches gain nothing more and let the first callers wait."""
OVERLAP_ITEMS_MIN = 32
"""Fewer are sooner done by one thread than handed over to another."""
CALLER_TIMEOUT_S = 30
"""Longer than any commit; a caller that waits longer must ask again with its id."""
STOP_TIMEOUT_S = 10

__all__ = ["Answer", "Job", "Touched", "Tx", "Writer"]
T = TypeVar("T")
logger = logging.getLogger("standpipe.store")


class _Word(enum.Enum):
    STOP = enum.auto()
    LANDED = enum.auto()


class Writer:
    """Runs jobs in group commits. Use as a context manager, or `start` and `close`.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._queue: queue.SimpleQueue[Asked | Underway | None] = queue.SimpleQueue()
        self._pipeline = Pipeline(store, clock, Memory(), self._answer, self._queue.put)
        self._listeners: list[Callable[[Touched], None]] = []
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._lock = threading.Lock()
        self._closing = False
        self._only_items = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start its threads."""
        self._pipeline.start()
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
        answer: Future[T] = LastingFuture()
        self._put(AskedJob(job, answer))
        return answer

    def submit_item(self, item: Item) -> Answer[Outcome]:
        """Hand over an item for the book, the quick way; it can't be taken back.

        Raises:
            InputError: It holds what can't be stored.
            OverloadedError: The queue is full; nothing was done.
        """
        fault = check(item)
        if fault is not None:
            answer: Answer[Outcome] = Answer()
            answer.set(fault)
            return answer
        asked = AskedItem(item, digest_of(item))
        self._put(asked)
        return asked

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

    def _put(self, asked: Asked) -> None:
        # Under the lock nothing can come after the word to stop, and wait for ever.
        with self._lock:
            self._refuse_when_closing()
            if self._queue.qsize() >= QUEUE_JOBS_MAX:
                raise OverloadedError("too much to write at once: try again in a moment")
            self._queue.put(asked)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise OverloadedError("the hub is stopping: try again in a moment")

    def _run(self) -> None:
        pipeline = self._pipeline
        word: _Word | None = None
        while word is not _Word.STOP:
            batch, word = self._take()
            items = [asked for asked in batch if type(asked) is AskedItem]
            self._only_items = len(items) == len(batch)
            if word is _Word.LANDED and not pipeline.takes_more():
                pipeline.land()
                word = None
            if not self._only_items:
                pipeline.run(batch)
            elif len(items) >= OVERLAP_ITEMS_MIN or (items and pipeline.is_busy):
                pipeline.push(items)
            elif items:
                pipeline.run(items)
            if word is _Word.LANDED:
                pipeline.land()
        pipeline.close()

    def _take(self) -> tuple[list[Asked], _Word | None]:
        """Take what has come; and tell whether the batch underway has landed, or to stop."""
        pipeline = self._pipeline
        batch: list[Asked] = []
        enough, most = 1, BATCH_JOBS_MAX
        # The other half is decided while this one is written.
        half = max(OVERLAP_ITEMS_MIN, (self._queue.qsize() + pipeline.count_waiting()) // 2)
        if pipeline.is_busy:
            # Until it has landed there is time to wait for more.
            most = most if pipeline.can_grow else min(half, most)
            enough = OVERLAP_ITEMS_MIN if pipeline.can_grow and pipeline.takes_more() else most
        elif self._only_items:
            most = min(half, most)
        while len(batch) < most:
            try:
                taken = self._queue.get(block=len(batch) < enough)
            except queue.Empty:
                break
            if isinstance(taken, AskedItem | AskedJob):
                batch.append(taken)
            elif taken is None:
                return batch, _Word.STOP
            elif pipeline.is_underway(taken):
                return batch, _Word.LANDED
        return batch, None

    def _answer(self, batch: Batch) -> None:
        touched: set[tuple[str, str]] = set()
        hooks: list[Callable[[], None]] = []
        for asked in batch:
            if isinstance(asked, AskedJob) and asked.tx is not None:
                touched |= asked.tx.touched
                hooks += asked.tx.hooks
            asked.tell()
        if touched:
            frozen = frozenset(touched)
            hooks += [partial(listener, frozen) for listener in self._listeners]
        for hook in hooks:
            try:
                hook()
            except Exception:
                logger.exception("after a commit")

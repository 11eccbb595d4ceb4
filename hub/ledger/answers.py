"""What callers wait with, and what came of what they asked.

An `Answer` is a future without a lock of its own: thousands are made in a second, and
hardly any thread ever waits for one, since most are told by a callback.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from hub.ledger.items import Item, Outcome
from hub.ledger.tx import Job, Tx

T = TypeVar("T")
logger = logging.getLogger("standpipe.store")
_lock = threading.Lock()
"""Held for moments only, so one for all answers is enough."""


class Answer(Generic[T]):
    """What comes of something that can't be taken back."""

    __slots__ = ("_callbacks", "_error", "_is_done", "_result")

    def __init__(self) -> None:
        self._is_done = False
        self._callbacks: list[Callable[[Answer[T]], None]] = []
        self._result: T | None = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether it is there."""
        return self._is_done

    def result(self, timeout: float | None = None) -> T:
        """Wait for it.

        Raises:
            TimeoutError: It hasn't come.
            Exception: What was asked failed with this.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._result  # type: ignore[return-value]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for what it failed with; None: it didn't.

        Raises:
            TimeoutError: It hasn't come.
        """
        if not self._is_done:
            come = threading.Event()
            self.add_done_callback(lambda _: come.set())
            if not come.wait(timeout):
                raise TimeoutError
        return self._error

    def add_done_callback(self, callback: Callable[[Answer[T]], None]) -> None:
        """Have something called with this, in the writer's thread, when it is there."""
        with _lock:
            if not self._is_done:
                self._callbacks.append(callback)
                return
        callback(self)

    def set(self, result: T | None, error: BaseException | None = None) -> None:
        """Give it; whoever waits is told."""
        self._result, self._error = result, error
        with _lock:
            self._is_done = True
        for callback in self._callbacks:
            try:
                callback(self)
            except Exception:
                logger.exception("told an answer")


class AskedItem(Answer[Outcome]):
    """An item, and the answer to it.

    Attributes:
        item: What is asked.
        digest: Its digest.
        outcome: As decided, before the commit.
        error: Why it can't be said.
    """

    __slots__ = ("digest", "error", "item", "outcome")

    def __init__(self, item: Item, digest: str) -> None:
        self._is_done = False
        self._callbacks = []
        self.item = item
        self.digest = digest
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Have the caller told of an error."""
        self.error = error

    def tell(self) -> None:
        """Answer the caller."""
        self.set(self.outcome, self.error)


class AskedJob:
    """A job, and the answer to it.

    Attributes:
        job: What is asked.
        future: The answer.
        tx: Its view of the transaction that it ran in.
        error: What it failed with.
    """

    __slots__ = ("error", "future", "job", "result", "tx")

    def __init__(self, job: Job[Any], future: Future[Any]) -> None:
        self.job = job
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.tx: Tx | None = None

    def fail(self, error: BaseException) -> None:
        """Have the caller told of an error, and of nothing else."""
        self.result = self.tx = None
        self.error = error

    def tell(self) -> None:
        """Answer the caller."""
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


Asked = AskedItem | AskedJob
Batch = Sequence[Asked]


class LastingFuture(Future[T]):
    """A future whose work can't be taken back: it may be in a transaction already."""

    def cancel(self) -> bool:
        return False

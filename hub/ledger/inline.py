"""A writer without threads: what is handed over is booked before the call returns.

For a hub that runs in somebody else's thread, as in a simulation. The same transactions
as of `Writer`, one after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

from sqlalchemy import Connection, event

from hub.ledger.answers import Asked, Batch
from hub.ledger.writer import Writer
from hub.store.engine import Store
from wire.clock import Clock


class Point(StrEnum):
    """A moment in a transaction's life."""

    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"


class InlineWriter(Writer):
    """Runs what is handed over at once, in the thread that hands it over.

    What is handed over while it commits (by whoever is told of it) comes next.

    Args:
        store: Where to write.
        clock: Gives each transaction its time.
        passing: Called at each `Point`; what it raises before a commit undoes it, and
            after one nobody is answered.
        shared: Others write the database too, so nothing is remembered between commits.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passing: Callable[[Point], None] = lambda _: None,
        *,
        shared: bool = False,
    ) -> None:
        super().__init__(store, clock)
        self._waiting: deque[Asked] = deque()
        self._is_running = False
        self._passing = passing
        self._is_shared = shared
        self._engine = store.writing
        event.listen(self._engine, "commit", self._before_commit)

    def start(self) -> None:
        """There is no thread to start."""

    def close(self) -> None:
        """Take nothing more. May be called again."""
        if not self._closing:
            self._closing = True
            event.remove(self._engine, "commit", self._before_commit)

    def _before_commit(self, _connection: Connection) -> None:
        self._passing(Point.BEFORE_COMMIT)

    def _put(self, asked: Asked) -> None:
        self._refuse_when_closing()
        self._waiting.append(asked)
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._waiting:
                if self._is_shared:
                    self._pipeline.forget()
                self._pipeline.run([self._waiting.popleft()])
        finally:
            self._is_running = False

    def _answer(self, batch: Batch) -> None:
        self._passing(Point.AFTER_COMMIT)
        super()._answer(batch)

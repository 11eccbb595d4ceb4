"""Decides one batch while the batch before it is written and committed.

Python decides; the database writes, and lets go of Python's lock meanwhile: together
they use two processors where one after the other would use one. Outcomes are those of
running one by one in the same order: nobody is answered before the commit, and when a
batch fails, what was decided after it is decided anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from sqlalchemy import Connection

from hub.errors import OutcomeUnknownError
from hub.ledger.answers import AskedItem, Batch
from hub.ledger.apply import accounts_of
from hub.ledger.book import Book
from hub.ledger.flights import Flight, LoneFlight, SharedFlight
from hub.ledger.serial import Serial, in_words
from hub.ledger.shelves import Memory
from hub.store.engine import Store
from hub.store.failures import UnreachableError
from wire.clock import Clock

LOOKED_UP_BATCHES = 64
"""After an id that was known, so many batches look theirs up: who repeats some repeats more."""


class Pipeline:
    """Takes batches of items, one after the other, from one thread.

    Args:
        store: Where to write.
        clock: Gives each batch its time.
        memory: What is known from the last transaction; shared with `serial`.
        answer: Called with each batch once its outcome is certain.
        landed: Called in another thread when a batch is written, or failed: `land` it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        memory: Memory,
        answer: Callable[[Batch], None],
        landed: Callable[[Underway], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._memory = memory
        self._serial = Serial(store, clock, memory)
        self._answer = answer
        self._landed = landed
        self._ready: SimpleQueue[Underway | None] = SimpleQueue()
        self._underway: Underway | None = None
        self._next: Flight | None = None
        self._later: list[AskedItem] = []
        self._looks_left = 0
        self._reader: Connection | None = None
        self._thread = threading.Thread(target=self._write, name="commits", daemon=True)

    @property
    def is_busy(self) -> bool:
        """Whether a batch is underway: what comes next is only decided meanwhile."""
        return self._underway is not None

    @property
    def can_grow(self) -> bool:
        """Whether items can be pushed a few at a time; else each push is a batch."""
        return self._store.is_sqlite

    def count_waiting(self) -> int:
        """How many items were pushed and aren't answered."""
        underway = 0 if self._underway is None else len(self._underway.flight.batch)
        following = 0 if self._next is None else len(self._next.batch)
        return underway + following + len(self._later)

    def is_underway(self, batch: Underway) -> bool:
        """Whether this batch isn't landed yet."""
        return self._underway is batch

    def takes_more(self) -> bool:
        """Whether more can be pushed before the batch underway has landed."""
        return self._next is None or self._next.takes_more()

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def close(self) -> None:
        """Settle what was pushed, and end the thread."""
        self.settle()
        self._ready.put(None)
        if self._reader is not None:
            self._reader.close()

    def push(self, batch: Sequence[AskedItem]) -> None:
        """Decide some items; they are written with the next batch."""
        if self._memory.is_full():
            while self._underway is not None:
                self._land()
            self._memory.trim()
        while not self.takes_more():
            self._land()
        now = self._split([*self._later, *batch])
        if not now:
            return
        try:
            if self._next is None:
                self._next = self._new_flight()
            self._next.add(now)
            if self._underway is None:
                self._launch()
        except Exception:  # noqa: BLE001 whatever it is comes again where it is told
            self._give_up(now)

    def land(self) -> None:
        """Wait for the batch underway, start the next, and answer."""
        self._land()
        if self._later and self.takes_more():
            self.push(())

    def settle(self) -> None:
        """Wait for all that was pushed, and answer it."""
        while self._underway is not None or self._later:
            self.land()

    def run(self, batch: Batch) -> None:
        """Run a batch of any kind alone, and answer it."""
        self.settle()
        self._memory.trim()
        self._run(batch)

    def forget(self) -> None:
        """Remember nothing of earlier transactions: somebody else wrote since."""
        self._memory.clear()

    def _run(self, batch: Batch) -> None:
        self._serial.run(batch)
        self._answer(batch)

    def _land(self) -> None:
        before, self._underway = self._underway, None
        if before is None:
            return
        if before.lands():
            is_next_lost = not self._launch_next()
        else:
            self._mend(before)
            is_next_lost = self._next is not None
        self._answer(before.flight.batch)
        if is_next_lost:
            self._give_up(())

    def _split(self, batch: list[AskedItem]) -> list[AskedItem]:
        """Keep for later what must wait for the batch underway, and whatever follows on that.

        Its accounts are locked until it is committed. Items that share no account and no id
        may as well be decided the other way round: nobody can tell.
        """
        self._later = []
        before = self._underway
        if before is None or not before.flight.codes:
            return batch
        taken, ids, free = set(before.flight.codes), set[str](), self._memory.free
        now = []
        for asked in batch:
            codes = [code for code in accounts_of(asked.item) if code not in free]
            if asked.item.id in ids or not taken.isdisjoint(codes):
                taken.update(codes)
                ids.add(asked.item.id)
                self._later.append(asked)
            else:
                now.append(asked)
        return now

    def _new_flight(self) -> Flight:
        now_ms = self._clock.now().wall_ms
        self._memory.trim()
        known = {} if self._underway is None else self._underway.flight.known
        if not self._store.is_sqlite:
            return SharedFlight(self._store, self._memory, now_ms, known)
        look, self._looks_left = self._looks_left > 0, max(0, self._looks_left - 1)
        if self._reader is None:
            self._reader = self._store.reading.connect()
        book = Book(self._reader, now_ms, self._memory)
        book.know(known)
        return LoneFlight(self._store, self._reader, book, look=look)

    def _launch(self) -> None:
        flight = self._next
        assert flight is not None
        flight.close()
        self._next = None
        self._underway = Underway(flight)
        self._ready.put(self._underway)

    def _launch_next(self) -> bool:
        """Start what was decided meanwhile, if anything; False: it can't be."""
        try:
            if self._next is not None:
                self._launch()
        except Exception:  # noqa: BLE001 whatever it is comes again where it is told
            return False
        return True

    def _give_up(self, batch: Sequence[AskedItem]) -> None:
        """Run alone what couldn't be decided beforehand, after what is underway."""
        flight, self._next = self._next, None
        if flight is not None:
            flight.drop()
        self._land()
        self._memory.clear()
        self._run(batch if flight is None else flight.batch)
        if self._later:
            self.push(())

    def _mend(self, failed: Underway) -> None:
        """Run a batch alone that couldn't be written as it was decided."""
        self._memory.clear()
        if isinstance(failed.error, OutcomeUnknownError | UnreachableError):
            for asked in failed.flight.batch:
                asked.fail(failed.error)
            return
        self._looks_left = LOOKED_UP_BATCHES
        self._serial.run(failed.flight.batch)

    def _write(self) -> None:
        while (underway := self._ready.get()) is not None:
            try:
                underway.flight.write()
            except BaseException as error:  # noqa: BLE001 it is told where it is settled
                underway.flight.drop()
                underway.error = in_words(error)
            underway.over.set()
            self._landed(underway)


class Underway:
    """A batch that is being written."""

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.over = threading.Event()
        self.error: BaseException | None = None

    def lands(self) -> bool:
        """Wait until it is written; False: it failed."""
        self.over.wait()
        return self.error is None

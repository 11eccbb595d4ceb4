"""What a job works with: small steps for the writer, under a lease that is kept alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub.errors import HubError
from hub.ledger.writer import CALLER_TIMEOUT_S, Tx, Writer
from hub.store.engine import Store
from hub.store.leases import LEASE_MS, Lease, LeaseLostError, guard, renew, take
from wire.clock import Clock

AT_ONCE_MAX = 50
"""Pieces of work handed over at a time: they share a commit, and others get in between."""
RENEW_MS = LEASE_MS // 3
FAULTS_KEPT_MAX = 20
"""Pieces that failed, named; where there are more, one look isn't enough anyway."""


class StoppedError(HubError):
    """Raised when the hub is stopping: the job goes on when it is up again."""


@dataclass(slots=True)
class Report:
    """What a job did.

    Attributes:
        done: Pieces of work.
        faults: What went wrong with single pieces, in words; the others were done.
        is_broken: Whether the job itself failed, and the rest isn't done.
        found: What a person must look at.
    """

    done: int = 0
    faults: list[str] = field(default_factory=list)
    is_broken: bool = False
    found: list[str] = field(default_factory=list)


class Bench:
    """A job's way to the hub.

    Args:
        store: For reading.
        writer: For writing, in small steps.
        clock: To keep the lease in time.
        lease: Says that no other hub does the same.
        stop: Set when the hub stops.
    """

    def __init__(
        self, store: Store, writer: Writer, clock: Clock, lease: Lease, stop: threading.Event
    ) -> None:
        self.store = store
        self.writer = writer
        self.stop = stop
        self._clock = clock
        self._lease = lease
        self._renewed_ms = clock.now().mono_ms

    @property
    def now_ms(self) -> int:
        """Hub's wall time."""
        return self._clock.now().wall_ms

    @property
    def lease(self) -> Lease:
        """The lease as it stands."""
        return self._lease

    def each(
        self,
        find: Callable[[Connection, int, str, int], list[str]],
        work: Callable[[Tx, str], object],
        report: Report,
    ) -> None:
        """Do something for all that is due, each by itself, so that one can't stop the rest.

        Args:
            find: Ids that are due, in order, behind one and at most so many.
            work: Done for each in a transaction.
            report: Where to count and note faults.

        Raises:
            LeaseLostError: Another hub does it now.
            StoppedError: The hub stops.
        """
        for ids in self._pages(find):
            answers = [(id_, self._submit(work, id_)) for id_ in ids]
            for id_, answer in answers:
                self._count(id_, answer, report)

    def steps(self, step: Callable[[Tx, int, int], int], report: Report) -> None:
        """Do something bit by bit until nothing is left.

        Args:
            step: Done in a transaction, with the time and how many at most; says how many.
            report: Where to count.

        Raises:
            HubError: A step failed; those before it are done.
        """
        done = AT_ONCE_MAX
        while done >= AT_ONCE_MAX:
            self.keep()
            done = self.run(lambda tx: step(tx, tx.now_ms, AT_ONCE_MAX))
            report.done += done

    def run(self, job: Callable[[Tx], int]) -> int:
        """Run one transaction under the lease."""

        def guarded(tx: Tx) -> int:
            guard(tx.connection, self._lease, tx.now_ms)
            return job(tx)

        return self.writer.run(guarded)

    def keep(self) -> None:
        """Keep the lease alive, and look whether the hub stops. Call it now and then.

        Raises:
            LeaseLostError: Another hub has it by now.
            StoppedError: The hub stops.
        """
        if self.stop.is_set():
            raise StoppedError("the hub is stopping")
        now_ms = self._clock.now().mono_ms
        if now_ms - self._renewed_ms < RENEW_MS:
            return
        self.hold()

    def hold(self) -> None:
        """Make sure of the lease, after something that took long: it may have run out.

        Raises:
            LeaseLostError: Another hub has it, or had it meanwhile.
        """
        self._lease = self.writer.run(self._held)
        self._renewed_ms = self._clock.now().mono_ms

    def _held(self, tx: Tx) -> Lease:
        held = self._lease
        renewed = renew(tx.connection, held, tx.now_ms)
        if renewed is None:
            renewed = take(tx.connection, held.name, held.holder, tx.now_ms)
            # The number rises by one for each holder: by more, another was at it.
            if renewed is None or renewed.fence != held.fence + 1:
                raise LeaseLostError(f"{held.name} is another hub's by now")
        return renewed

    def _pages(self, find: Callable[[Connection, int, str, int], list[str]]) -> Iterator[list[str]]:
        after = ""
        while True:
            self.keep()
            with self.store.read() as connection:
                ids = find(connection, self.now_ms, after, AT_ONCE_MAX)
            if ids:
                yield ids
            if len(ids) < AT_ONCE_MAX:
                return
            after = ids[-1]

    def _submit(self, work: Callable[[Tx, str], object], id_: str) -> Future[None]:
        def guarded(tx: Tx) -> None:
            guard(tx.connection, self._lease, tx.now_ms)
            work(tx, id_)

        return self.writer.submit(guarded)

    def _count(self, id_: str, answer: Future[None], report: Report) -> None:
        try:
            answer.result(CALLER_TIMEOUT_S)
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001 the others must get their turn
            if len(report.faults) < FAULTS_KEPT_MAX:
                report.faults.append(f"{id_}: {error}")
        else:
            report.done += 1

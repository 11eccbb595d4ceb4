"""Which controllers this hub serves: all of them, or its share of those of several hubs.

Controllers are spread over 64 partitions. Of several hubs on one database each takes
leases on about as many, tells the others every few seconds that it lives, and takes over
what is free when another one doesn't any more. Serving is booking what controllers send
and sending them what they lack; every hub answers people for all controllers.

A lease says who should work, never whether money is right: each booking under a lease
is guarded in its own transaction, and the sequence check of `charging.ingest` would trim
what came by two ways.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import delete, insert, select, update

from hub.errors import HubError
from hub.ledger.writer import Job, Tx, Writer
from hub.store import leases
from hub.store.leases import Lease, LeaseLostError
from hub.store.tables.cluster import hubs
from wire import topics
from wire.clock import Clock

BEATS_PER_LEASE = 5
"""A lease survives three missed beats: one slow commit moves nothing."""
FORGOTTEN_AFTER_MS = 86_400_000
"""The last sign of a hub that died stays for a day, for people."""
NEVER_MS = -(2**53)
MS_PER_S = 1_000

T = TypeVar("T")
log = logging.getLogger("hub.partitions")


class Partitions(Protocol):
    """What this hub serves."""

    @property
    def followed(self) -> frozenset[str] | None:
        """Partitions to subscribe to; None: to all."""
        ...

    def serves(self, controller: str) -> bool:
        """Whether this hub sends to a controller."""
        ...

    def guarded(self, controller: str, job: Job[T]) -> Job[T]:
        """Make a job run only while its controller is this hub's to serve.

        Raises:
            LeaseLostError: It isn't now. The job raises the same if it isn't then.
        """
        ...

    def start(self) -> None:
        """Begin to take part."""
        ...

    def close(self) -> None:
        """Leave what is held to others; a second call does nothing."""
        ...


class AllPartitions:
    """All controllers: the only hub of its database."""

    followed = None

    def serves(self, controller: str) -> bool:  # noqa: ARG002 the port's signature
        return True

    def guarded(self, controller: str, job: Job[T]) -> Job[T]:  # noqa: ARG002 the port's signature
        return job

    def start(self) -> None:
        """There is nobody to share with."""

    def close(self) -> None:
        """There is nobody to leave anything to."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a hub does next to have its share, by names of partitions."""

    take: tuple[str, ...] = ()
    release: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a hub takes part.

    Attributes:
        instance: Id of this run of the hub.
        client: Its MQTT client id, for people.
        lease_ms: How long others wait for it.
    """

    instance: str
    client: str = ""
    lease_ms: int = leases.LEASE_MS


def share(rows: Sequence[Lease], live: Iterable[str], me: str, now_ms: int) -> Move:
    """Decide what to take and what to give back; of `live` hubs each has about as much.

    Args:
        rows: Leases of all partitions, as they stand.
        live: Hubs that can serve, this one among them.
        me: This hub.
        now_ms: Now, by the clock that wrote the leases.
    """
    order = sorted(set(live))
    place, whole = order.index(me), len(order)
    least, rest = divmod(len(rows), whole)
    quota = least + (place < rest)
    held = sorted(row.name for row in rows if row.holder == me and now_ms < row.expires_ms)
    if len(held) > quota:
        return Move(release=tuple(held[quota:]))
    free = sorted(row.name for row in rows if not row.holder or now_ms >= row.expires_ms)
    # Hubs that start together begin at different places, so they wait for each other less.
    first = len(free) * place // whole
    return Move(take=tuple((free[first:] + free[:first])[: quota - len(held)]))


class SharedPartitions:
    """A share of the controllers, kept by leases.

    Args:
        writer: Keeps the leases.
        clock: Says until when a lease surely stands.
        sharing: How this hub takes part.
        is_connected: Whether it reaches the broker: who doesn't serves nobody.
        changed: Called after what it serves changed; told whether there is more.
    """

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        sharing: Sharing,
        is_connected: Callable[[], bool],
        changed: Callable[[bool], None],
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._sharing = sharing
        self._is_connected = is_connected
        self._changed = changed
        self._held: dict[str, Lease] = {}
        self._until_mono_ms = NEVER_MS
        self._connected_mono_ms = NEVER_MS
        self._closing = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def followed(self) -> frozenset[str] | None:
        return frozenset(self._held)

    def serves(self, controller: str) -> bool:
        return self._lease_of(controller) is not None

    def guarded(self, controller: str, job: Job[T]) -> Job[T]:
        lease = self._lease_of(controller)
        if lease is None:
            raise LeaseLostError(f"{controller} is another hub's to serve")

        def run(tx: Tx) -> T:
            leases.guard(tx.connection, lease, tx.now_ms)
            return job(tx)

        return run

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="partitions", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now: the broker is there."""
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        try:
            self._writer.run(self._leave)
        except HubError as error:
            log.warning("others must wait until this hub's leases run out: %s", error)
        self._held = {}

    def step(self) -> None:
        """Say that this hub lives, and have its share.

        Raises:
            HubError: The database doesn't answer; what is held stands until it runs out.
        """
        asked_ms = self._clock.now().mono_ms
        if self._is_connected():
            self._connected_mono_ms = asked_ms
        # A broker that restarts is back before anybody else could serve.
        able = asked_ms - self._connected_mono_ms < self._sharing.lease_ms
        held = self._writer.run(self._take_part if able else self._leave)
        before = {(lease.name, lease.fence) for lease in self._held.values()}
        after = {(lease.name, lease.fence) for lease in held}
        self._held = {lease.name: lease for lease in held}
        self._until_mono_ms = asked_ms + self._sharing.lease_ms
        if before != after:
            log.info("serves %d of %d partitions", len(held), topics.PARTITIONS)
            self._changed(bool(after - before))

    def _run(self) -> None:
        every_s = self._sharing.lease_ms / MS_PER_S / BEATS_PER_LEASE
        while not self._closing:
            try:
                self.step()
            except HubError as error:
                log.warning("leases aren't renewed: %s", error)
            except Exception:
                log.exception("leases")
            self._wake.wait(every_s)
            self._wake.clear()

    def _lease_of(self, controller: str) -> Lease | None:
        if self._clock.now().mono_ms >= self._until_mono_ms:
            return None  # nobody said that it stands: another hub may serve by now
        return self._held.get(topics.partition_of(controller))

    def _take_part(self, tx: Tx) -> list[Lease]:
        db, me, ttl_ms = tx.connection, self._sharing.instance, self._sharing.lease_ms
        now_ms = leases.time_of(db, tx.now_ms)
        self._sign(tx, now_ms)
        seen = select(hubs.c.id).where(hubs.c.seen_ms > now_ms - ttl_ms)
        live = db.execute(seen).scalars().all()
        rows = leases.all_leases(db, topics.partitions())
        move = share(rows, live, me, now_ms)
        mine = [row for row in rows if row.holder == me and now_ms < row.expires_ms]
        leases.release_all(db, [row for row in mine if row.name in move.release])
        kept = [row.name for row in mine if row.name not in move.release]
        return leases.take_all(db, [*kept, *move.take], me, tx.now_ms, ttl_ms)

    def _sign(self, tx: Tx, now_ms: int) -> None:
        mine = hubs.c.id == self._sharing.instance
        if tx.connection.execute(update(hubs).where(mine).values(seen_ms=now_ms)).rowcount:
            return
        tx.connection.execute(delete(hubs).where(hubs.c.seen_ms < now_ms - FORGOTTEN_AFTER_MS))
        tx.connection.execute(
            insert(hubs).values(
                id=self._sharing.instance,
                client=self._sharing.client,
                started_ms=now_ms,
                seen_ms=now_ms,
            )
        )

    def _leave(self, tx: Tx) -> list[Lease]:
        db, me = tx.connection, self._sharing.instance
        rows = leases.all_leases(db, topics.partitions())
        leases.release_all(db, [row for row in rows if row.holder == me])
        db.execute(delete(hubs).where(hubs.c.id == me))
        return []

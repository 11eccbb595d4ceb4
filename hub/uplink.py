"""What comes from controllers: queued by the link, worked through by one thread.

Checks of signatures and chains happen here, outside the writer; each batch and want is
then one job of the writer, and several share a commit. Nothing is durable before that
commit: what is dropped here is sent again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from hub.charging import ingest, wants
from hub.downlink import Downlink
from hub.errors import HubError, OutcomeUnknownError, OverloadedError
from hub.fleet import commands
from hub.fleet.alarms import Matter, raise_alarm
from hub.fleet.controllers import find_controller, public_key_of
from hub.fleet.live import Live
from hub.ledger.writer import Job, Touched, Tx, Writer
from hub.mqtt_link import Received
from hub.partitions import AllPartitions, Partitions
from hub.store.engine import Store
from hub.store.leases import LeaseLostError
from wire import topics
from wire.clock import Clock
from wire.codec import PAYLOAD_BYTES_MAX, decode
from wire.downlink import Ack, WantAnswer
from wire.envelope import unseal
from wire.errors import ChainError, Code, DecodeError, SignatureError, WireError
from wire.keys import HUB, Verifier
from wire.uplink import Presence, Result, StateView, Status, Want

JOURNALS_MAX = 2_000
"""Batches that wait: 200,000 events, what ten seconds can book."""
URGENT_MAX = 2_000
"""Other messages that wait: people stand at the machines, so they go another way."""
JOBS_MAX = 8
"""Jobs handed over and not committed, on each way: a commit of as many full batches takes
some 50 ms, which is what a want waits behind at most twice."""
VERIFIERS_MAX = 20_000
ALARM_EVERY_MS = 10_000
"""One word per matter in ten seconds: a flood of bad messages must not become one of writes."""
ALARMS_REMEMBERED_MAX = 1_000
TAKE_S = 0.5

T = TypeVar("T")
log = logging.getLogger("hub.uplink")


@dataclass(slots=True)
class Counts:
    """What became of messages since the start; for looking only."""

    received: int = 0
    dropped: int = 0
    refused: int = 0
    batches: int = 0
    events: int = 0
    wants: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """A controller whose messages can be checked; `key` is what its verifier checks by."""

    verifier: Verifier
    key: str


@dataclass(slots=True)
class _Seen:
    at_ms: dict[tuple[int, str], int] = field(default_factory=dict)

    def is_due(self, code: Code, subject: str, now_ms: int) -> bool:
        """Whether a matter may be told again."""
        last = self.at_ms.get((code, subject))
        if last is not None and now_ms - last < ALARM_EVERY_MS:
            return False
        if len(self.at_ms) >= ALARMS_REMEMBERED_MAX:
            self.at_ms.clear()
        self.at_ms[(code, subject)] = now_ms
        return True


class Uplink:
    """Takes messages in and has them booked.

    Args:
        store: To look controllers up.
        writer: Books.
        clock: For the live view.
        live: Takes status and state.
        downlink: Sends acks and answers after the commit.
    """

    def __init__(
        self, store: Store, writer: Writer, clock: Clock, live: Live, downlink: Downlink
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._writer = writer
        self._clock = clock
        self._live = live
        self._downlink = downlink
        self._journals: queue.Queue[Received] = queue.Queue(JOURNALS_MAX)
        self._urgent: queue.Queue[Received] = queue.Queue(URGENT_MAX)
        self._journals_free = threading.Semaphore(JOBS_MAX)
        self._urgent_free = threading.Semaphore(JOBS_MAX)
        self._partitions: Partitions = AllPartitions()
        self._peers: dict[str, Peer | None] = {}
        self._seen = _Seen()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._handlers: dict[str, Callable[[str, bytes], None]] = {
            topics.UP_JOURNAL: self._journal,
            topics.UP_WANT: self._want,
            topics.UP_RESULT: self._result,
            topics.UP_STATUS: self._status,
            topics.UP_STATE: self._state,
        }

    def share(self, partitions: Partitions) -> None:
        """Book only what controllers of these partitions send from now on."""
        self._partitions = partitions

    def start(self) -> None:
        """Start the threads that work through the queues."""
        for name, waiting in (("journals", self._journals), ("urgent", self._urgent)):
            thread = threading.Thread(
                target=self._run, args=(waiting,), name=f"uplink-{name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop; what waits is dropped, and sent again later. May be called again."""
        self._closing.set()
        while self._threads:
            self._threads.pop().join()

    def receive(self, message: Received) -> None:
        """Queue a message; a full queue drops it, since it is sent again. Never blocks."""
        self.counts.received += 1
        is_journal = message.topic.endswith(topics.UP_JOURNAL)
        try:
            (self._journals if is_journal else self._urgent).put_nowait(message)
        except queue.Full:
            self.counts.dropped += 1

    def touched(self, touched: Touched) -> None:
        """Forget keys of controllers that changed. A listener of the writer."""
        for kind, id_ in touched:
            if kind == "controller":
                self._peers.pop(id_, None)

    def missed(self) -> None:
        """Forget all keys: other hubs changed what this one wasn't told of."""
        self._peers.clear()

    def handle(self, message: Received) -> None:
        """Work one message off. Whatever is wrong with it: an alarm at most, never an error."""
        try:
            address = topics.parse_topic(message.topic)
        except DecodeError:
            self.counts.refused += 1
            return
        handler = self._handlers.get(address.leaf)
        if handler is None:
            return
        if len(message.payload) > PAYLOAD_BYTES_MAX:
            words = f"{len(message.payload)} bytes on {address.leaf}"
            self._refuse(Code.BODY_TOO_LARGE, address.controller, words)
            return
        try:
            handler(address.controller, message.payload)
        except (SignatureError, ChainError) as error:
            self._refuse(error.code, address.controller, f"{address.leaf}: {error}")
        except WireError as error:
            self._refuse(Code.BODY_MALFORMED, address.controller, f"{address.leaf}: {error}")
        except HubError as error:
            self.counts.refused += 1
            log.warning("%s of %s: %s", address.leaf, address.controller, error)

    def _run(self, waiting: queue.Queue[Received]) -> None:
        while not self._closing.is_set():
            try:
                message = waiting.get(timeout=TAKE_S)
            except queue.Empty:
                continue
            try:
                self.handle(message)
            except Exception:
                log.exception("a message on %s", message.topic)

    def _journal(self, controller: str, payload: bytes) -> None:
        peer = self._known(controller)
        try:
            batch = ingest.prepare(payload, peer.verifier)
        except ChainError as error:
            reason = str(error)
            self._submit(peer, lambda tx: ingest.put_apart(tx, controller, payload, reason))
            raise
        self.counts.batches += 1
        self.counts.events += len(batch.entries)
        self._live.hear(controller, self._clock.now().wall_ms)
        self._downlink.tell_key(controller, batch.header.hub_key)
        booked = partial(self._booked, controller)
        self._submit(peer, partial(ingest.book_batch, batch=batch), booked, self._journals_free)

    def _want(self, controller: str, payload: bytes) -> None:
        peer = self._known(controller)
        want = unseal(payload, Want, peer.verifier, HUB)
        if want.sender != controller:
            raise SignatureError(f"a want of {want.sender} came signed by {controller}")
        if want.amount_minor == 0:
            raise DecodeError("a want of nothing")
        self.counts.wants += 1
        self._live.hear(controller, self._clock.now().wall_ms)
        answered = partial(self._answered, controller, want.account)
        self._submit(peer, partial(wants.answer, want=want), answered)

    def _result(self, controller: str, payload: bytes) -> None:
        peer = self._known(controller)
        result = unseal(payload, Result, peer.verifier, HUB)
        if result.sender != controller:
            raise SignatureError(f"a result of {result.sender} came signed by {controller}")
        self._submit(peer, partial(commands.book_result, result=result))

    def _status(self, controller: str, payload: bytes) -> None:
        if not payload or self._peer(controller) is None:
            return
        status = decode(payload, Status)
        before = self._live.of(controller)
        self._live.hear_status(controller, status, self._clock.now().wall_ms)
        if status.state is not Presence.ONLINE:
            return
        if before.online and before.boot_id == status.boot_id:
            self._downlink.check(controller)
        else:
            self._downlink.returned(controller)

    def _state(self, controller: str, payload: bytes) -> None:
        if not payload or self._peer(controller) is None:
            return
        self._live.hear_state(controller, decode(payload, StateView), self._clock.now().wall_ms)

    def _booked(self, controller: str, ack: Ack | None) -> None:
        if ack is not None:
            self._downlink.ack(ack)
            self._downlink.check(controller)

    def _answered(self, controller: str, account: str, answer: WantAnswer | None) -> None:
        if answer is not None:
            self._downlink.answer(controller, account, answer)

    def _known(self, controller: str) -> Peer:
        peer = self._peer(controller)
        if peer is None:
            raise SignatureError(f"{controller} isn't enrolled")
        return peer

    def _peer(self, controller: str) -> Peer | None:
        if controller not in self._peers:
            if len(self._peers) >= VERIFIERS_MAX:
                self._peers.clear()
            with self._store.read() as connection:
                found = find_controller(connection, controller)
            key = "" if found is None else found.public_key
            peer = Peer(Verifier(key, controller), key) if key else None
            self._peers[controller] = peer
            return peer
        return self._peers.get(controller)

    def _submit(
        self,
        peer: Peer,
        job: Job[T],
        done: Callable[[T], None] | None = None,
        free: threading.Semaphore | None = None,
    ) -> None:
        """Hand a job to the writer; waits while too many are on their way."""
        controller = peer.verifier.name
        free = free or self._urgent_free
        free.acquire()
        try:
            future = self._writer.submit(self._partitions.guarded(controller, _checked(peer, job)))
        except (OverloadedError, LeaseLostError):
            free.release()
            self.counts.dropped += 1
            return

        def finish(future: Future[T]) -> None:
            free.release()
            error = future.exception()
            if isinstance(error, (LeaseLostError, SignatureError, OutcomeUnknownError)):
                # Another hub books it, it's under a new key, or it's booked: it comes again.
                self.counts.dropped += 1
                self._peers.pop(controller, None)
                log.info("of %s dropped: %s", controller, error)
            elif error is not None:
                log.error("of %s not booked: %s", controller, error)
                self._tell(Code.INTERNAL, controller, f"not booked: {error}")
            elif done is not None:
                done(future.result())

        future.add_done_callback(finish)

    def _refuse(self, code: Code, controller: str, words: str) -> None:
        self.counts.refused += 1
        # Its key may have changed since it was looked up.
        self._peers.pop(controller, None)
        # Names that nobody enrolled are one matter: who sends them can make up any number.
        known = self._peer(controller) is not None
        self._tell(code, controller if known else "", words)

    def _tell(self, code: Code, controller: str, words: str) -> None:
        """Raise an alarm, unless the same was told a moment ago. Never blocks."""
        if not self._seen.is_due(code, controller, self._clock.now().mono_ms):
            return
        subject = "" if controller else "unknown"
        matter = Matter(code=code, controller=controller, subject=subject, detail=words)

        def job(tx: Tx) -> None:
            raise_alarm(tx, matter)

        with suppress(OverloadedError):
            self._writer.submit(job)


def _checked(peer: Peer, job: Job[T]) -> Job[T]:
    """Make a job look at the key once more: another hub may have changed it a moment ago."""

    def run(tx: Tx) -> T:
        if public_key_of(tx.connection, peer.verifier.name) != peer.key:
            raise SignatureError(f"{peer.verifier.name} has another key by now")
        return job(tx)

    return run

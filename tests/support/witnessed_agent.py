"""An agent whose every promise is noted beside what its disk did.

A promise is what the world can't unsee: a commit that returned, a relay that closed, a
message that went out. What a power cut leaves must keep all that were made before it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from firmware_agent import bootstrap, store as agent_store
from firmware_agent.errors import StoreError
from firmware_agent.records import Records
from firmware_agent.recovery import check
from firmware_agent.store import Store
from simulator.disk.recorder import recording
from simulator.disk.steps import Tape
from tests.firmware_agent.rig import NAME, FakeOutput, Hub, Rig, identity
from wire import chain
from wire.codec import decode_event
from wire.envelope import unseal
from wire.events import SessionStarted
from wire.ids import CountingIds
from wire.machines import Config
from wire.topics import UP_JOURNAL

BYTES_MAX = 1 << 30
HOUR_MS = 3_600_000
IDS_GIVEN = 1_000
"""More than were given before the power went: chance gives none twice either."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction returned; the digest is of everything that is stored."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """A relay closed, for the so-manieth time."""

    machine: str
    times: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch went out, and the hub is as it is since."""

    through_seq: int
    head_hash: str
    accounts_revision: int
    list_revision: int
    config_version: int
    results: tuple[str, ...]
    hub: Hub


@contextmanager
def witnessed(
    folder: Path, synchronous: str = "FULL", hub: Hub | None = None
) -> Iterator[tuple[Tape, Rig]]:
    """A controller on a recorded disk, with a hub.

    Args:
        folder: Its data folder.
        synchronous: How SQLite syncs.
        hub: As it was when this controller last ran; None: it is just enrolled.
    """
    usual = agent_store._PRAGMAS
    with recording(folder) as tape:
        bootstrap.Store = _witnessing(tape)
        agent_store._PRAGMAS = tuple(
            pragma.replace("synchronous=FULL", f"synchronous={synchronous}") for pragma in usual
        )
        try:
            rig = _WitnessedRig(folder, tape, hub)
            yield tape, rig
            rig.agent.close()
        finally:
            bootstrap.Store = Store
            agent_store._PRAGMAS = usual


def _witnessing(tape: Tape) -> type[Store]:
    class WitnessedStore(Store):
        @contextmanager
        def transaction(self):
            with super().transaction() as sql:
                yield sql
            tape.promise(Committed(digest_of(self)))

    return WitnessedStore


class ReturnedRig(Rig):
    """A controller that starts again, an hour later.

    Args:
        folder: Its data folder.
        hub: As it was when the controller last ran; None: it never ran.
    """

    def __init__(self, folder: Path, hub: Hub | None) -> None:
        self._known = hub
        super().__init__(folder)

    def build(self):
        if self._known is not None:
            self.clock.advance(HOUR_MS)
            self.hub = hub_as_it_is(replace(self._known, clock=self.clock))
            self.link.hub = self.hub
            self.ids = CountingIds()
            for _ in range(IDS_GIVEN):
                self.ids.new("old")
            self._known = None
        return super().build()


class _WitnessedRig(ReturnedRig):
    def __init__(self, folder: Path, tape: Tape, hub: Hub | None) -> None:
        self._tape = tape
        self._switched: Counter[str] = Counter()
        self._is_witnessed = False
        super().__init__(folder, hub)

    def build(self):
        if not self._is_witnessed:
            self._is_witnessed = True
            self._witness_link()
            self._witness_outputs()
        return super().build()

    def _witness_link(self) -> None:
        publish = self.link.publish

        def witness(leaf, payload, *, qos, retain=False):
            went = publish(leaf, payload, qos=qos, retain=retain)
            if went and leaf == UP_JOURNAL:
                self._tape.promise(self._sent())
            return went

        self.link.publish = witness

    def _sent(self) -> Sent:
        header = self.hub.headers[-1]
        return Sent(
            through_seq=header.first_seq + header.count - 1,
            head_hash=header.head_hash,
            accounts_revision=header.accounts_revision,
            list_revision=header.list_revision,
            config_version=header.config_version,
            results=tuple(result.id for result in self.hub.results),
            hub=hub_as_it_is(self.hub),
        )

    def _witness_outputs(self) -> None:
        make = self.parts.output

        def output(spec, machine):
            output = make(spec, machine)
            if not isinstance(output, _WitnessedOutput):
                output = _WitnessedOutput(self.clock)
                output.closed = lambda: self._closed(machine)
                self.parts.outputs[machine] = output
            return output

        self.parts.output = output

    def _closed(self, machine: str) -> None:
        self._switched[machine] += 1
        self._tape.promise(SwitchedOn(machine, self._switched[machine]))


class _WitnessedOutput(FakeOutput):
    def set_on(self, lease_ms: int) -> None:
        was_on = self.is_on
        super().set_on(lease_ms)
        if not was_on:
            self.closed()


def hub_as_it_is(hub: Hub) -> Hub:
    """A hub that doesn't change with the other any more."""
    lists = ("events", "wants", "results", "views", "headers")
    tables = ("grants", "wallets", "targets")
    copies = {name: list(getattr(hub, name)) for name in lists}
    copies |= {name: dict(getattr(hub, name)) for name in tables}
    return replace(hub, **copies)


def digest_of(store: Store) -> bytes:
    """Digest of everything in a database."""
    names = store.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    digest = hashlib.sha256()
    for (name,) in names:
        rows = sorted(map(repr, store.query(f"SELECT * FROM {name}")))
        digest.update(repr((name, rows)).encode())
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Found:
    """What a controller finds on its disk when it starts.

    Attributes:
        complaint: Why it doesn't go on; empty when all is well.
        digest: Of everything.
        hashes: Of the journal's chain, by seq.
        started: How many sessions of each machine.
        revisions: Of rights, cards and configuration that it holds.
        commands: Those it knows.
    """

    complaint: str
    digest: bytes = b""
    hashes: dict[int, str] = field(default_factory=dict)
    started: Counter[str] = field(default_factory=Counter)
    revisions: tuple[int, int, int] = (0, 0, 0)
    commands: frozenset[str] = frozenset()


def look(folder: Path) -> Found:
    """Open a database as the agent opens it."""
    try:
        store = Store(folder, BYTES_MAX)
    except StoreError as error:
        return Found(f"it can't be opened: {error}")
    try:
        records = Records(store, NAME)
        alarm, _ = check(records)
        if alarm is not None:
            return Found(f"it isn't sound: {alarm.words}")
        return _read(store, records)
    finally:
        store.close()


def _read(store: Store, records: Records) -> Found:
    rows = list(records.journal.walk(0))
    events = [decode_event(row.data) for row in rows]
    document = records.document("config")
    version = unseal(document, Config, identity().hub, NAME).version if document else 0
    origin = {0: chain.origin(NAME, records.journal.epoch).hex()}
    return Found(
        "",
        digest_of(store),
        origin | {row.seq: row.hash.hex() for row in rows},
        Counter(event.machine for event in events if isinstance(event, SessionStarted)),
        (records.accounts_revision(), records.cards.revision, version),
        frozenset(row[0] for row in store.query("SELECT id FROM commands")),
    )


class Promises:
    """What had been promised when so many steps were done.

    Args:
        tape: Of a controller.
    """

    def __init__(self, tape: Tape) -> None:
        self._made = tape.promises
        self._digests = [said.digest for _, said in self._made if isinstance(said, Committed)]

    def broken(self, found: Found, count: int, under_way: int = 1) -> Iterator[str]:
        """What a cut after so many steps broke, in words.

        Args:
            found: What is there after the cut.
            count: Steps before it.
            under_way: Commits that hadn't returned; each is there as a whole or not at all.
        """
        if found.complaint:
            yield found.complaint
            return
        made = [said for at, said in self._made if at <= count]
        done = sum(isinstance(said, Committed) for said in made)
        if done and found.digest not in self._digests[done - 1 : done + under_way]:
            yield f"commit {done} isn't there as it was"
        closed = {said.machine: said.times for said in made if isinstance(said, SwitchedOn)}
        for machine, times in closed.items():
            if found.started[machine] < times:
                yield f"{machine} ran without a session"
        sent = [said for said in made if isinstance(said, Sent)]
        for said in sent:
            if found.hashes.get(said.through_seq) != said.head_hash:
                yield f"event {said.through_seq} was sent and isn't there"
        if sent:
            yield from _forgotten(found, sent[-1])


def _forgotten(found: Found, said: Sent) -> Iterator[str]:
    held = (said.accounts_revision, said.list_revision, said.config_version)
    if any(now < then for now, then in zip(found.revisions, held, strict=True)):
        yield f"revisions {held} were reported as held, and {found.revisions} are there"
    for command in set(said.results) - found.commands:
        yield f"command {command} was answered and is forgotten"

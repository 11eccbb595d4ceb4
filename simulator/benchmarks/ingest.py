"""`ingest` and `catch-up`: journal events from the broker to committed, through a real hub.

The hub is its own process on a real broker; what is measured ends with its ack, which
it sends after the commit. Controllers keep a few batches in flight, as agents do. The
peer inserts the very event rows that the hub kept, with `executemany` and nothing else:
no signatures, no chains, no sessions, no book.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hub.store.engine import open_store
from hub.store.migrations import upgrade
from simulator.benchmarks.light_fleet import LightFleet, prepare_fleet, settings_with_port
from simulator.benchmarks.rows import Row, Say, make_row
from simulator.broker import Broker, EmbeddedBroker, MosquittoBroker, find_mosquitto
from simulator.child import Child
from simulator.errors import SimulatorError, TooSlowError
from simulator.system.programs import program, run_command
from simulator.waiting import accepts, free_port, wait_for
from wire.downlink import Ack
from wire.envelope import EVENTS_PER_BATCH_MAX, peek
from wire.topics import DOWN_ACK, ROOT, UP_JOURNAL, parse_topic

CONTROLLERS = 20
EVENTS_EACH = 2_000
CATCH_UP_EVENTS = 10_000
WINDOW_BATCHES = 4
"""As an agent: enough to fill the way to the hub and back, little to send again."""
STALLED_S = 10.0
"""Without an ack for this long a controller goes back to the last one."""
RUN_S_MAX = 120.0
START_S = 30.0
PEER_BATCH = 1_000
_NS_PER_S = 1_000_000_000


def measure_ingest(say: Say) -> list[Row]:
    """Measure twenty controllers that send all they have at once."""
    names = [f"bench-{number:02d}" for number in range(CONTROLLERS)]
    return [_measure("ingest", names, EVENTS_EACH, say)]


def measure_catch_up(say: Say) -> list[Row]:
    """Measure one controller that comes back with 10,000 events."""
    return [_measure("catch-up", ["bench-00"], CATCH_UP_EVENTS, say)]


def _measure(name: str, names: list[str], events_each: int, say: Say) -> Row:
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as folder:
        data = Path(folder) / "hub"
        data.mkdir()
        broker = _broker(Path(folder))
        broker.start()
        try:
            say(f"  {len(names)} controllers journal {events_each:,} events each")
            fleet = prepare_fleet(data, names, events_each, broker.port)
            seconds, cpu_us = _serve_and_drive(fleet, broker, say)
        finally:
            broker.stop()
        run_command([program("standpipe-hub"), "verify", "--data", str(data)])
        say("  the same event rows, inserted bare")
        peer_s = _bare_insert(data / "hub.db", Path(folder) / "bare.db")
    in_seconds = name == "catch-up"
    return make_row(
        name,
        seconds if in_seconds else fleet.events / seconds,
        "s" if in_seconds else "events/s",
        peer=peer_s if in_seconds else fleet.events / peer_s,
        events=fleet.events,
        controllers=len(names),
        broker=type(broker).__name__,
        hub_cpu_us_per_event=round(cpu_us / fleet.events, 1),
        peer_is="executemany of the same event rows",
    )


def _broker(folder: Path) -> Broker:
    place = folder / "broker"
    place.mkdir()
    return MosquittoBroker(place) if find_mosquitto() else EmbeddedBroker(place)


def _serve_and_drive(fleet: LightFleet, broker: Broker, say: Say) -> tuple[float, int]:
    """Seconds until all is acknowledged, and what the hub's processor worked for it, in us."""
    port = free_port()
    settings_with_port(fleet.data, port)
    command = [program("standpipe-hub"), "serve", "--data", str(fleet.data)]
    hub = Child("the hub", command, fleet.data / "hub.log")
    hub.start()
    try:
        wait_for("the hub serves", lambda: accepts(port), START_S)
        say(f"  sending {fleet.events:,} events")
        before_us = _cpu_us(hub)
        seconds = drive("127.0.0.1", broker.port, fleet)
        return seconds, _cpu_us(hub) - before_us
    finally:
        hub.stop()


def _cpu_us(child: Child) -> int:
    """Time that a process has worked so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def drive(host: str, port: int, fleet: LightFleet) -> float:
    """Send every journal of a fleet by a broker; gives the seconds until all is acknowledged.

    Args:
        host: Where the broker is.
        port: Its port.
        fleet: Controllers that the hub behind the broker knows.

    Raises:
        TooSlowError: It wasn't done in time.
    """
    senders = {voice.name: _Sender(voice.name, voice.batches()) for voice in fleet.voices}
    run = _Run(senders)
    client = Client(CallbackAPIVersion.VERSION2, "bench", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(len(senders) * WINDOW_BATCHES)
    client.on_message = run.heard
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(host, port)
    client.loop_start()
    try:
        wait_for("the broker lets us in", client.is_connected, START_S)
        client.subscribe(f"{ROOT}/+/+/{DOWN_ACK}", qos=0)
        if not subscribed.wait(START_S):
            raise TooSlowError("the broker takes a subscription", START_S)
        run.greet(client, fleet)
        began = time.monotonic_ns()
        run.send_all(client, fleet)
        return (time.monotonic_ns() - began) / _NS_PER_S
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass(slots=True)
class _Sender:
    """What one controller still has to say."""

    name: str
    batches: list[bytes]
    acked: int = 0
    sent: int = 0
    moved_s: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.acked >= len(self.batches)


@dataclass(slots=True)
class _Run:
    """All controllers, driven by the acks that come."""

    senders: dict[str, _Sender]
    news: threading.Event = field(default_factory=threading.Event)

    def heard(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        """Take an ack in."""
        sender = self.senders[parse_topic(message.topic).controller]
        through = peek(bytes(message.payload), Ack).through_seq
        acked = -(-through // EVENTS_PER_BATCH_MAX)
        if acked > sender.acked:
            sender.acked = acked
            sender.moved_s = time.monotonic()
        self.news.set()

    def greet(self, client: Client, fleet: LightFleet) -> None:
        """Report until the hub answers: it may still be on its way to the broker."""
        voice = fleet.voices[0]
        until = time.monotonic() + START_S
        while not self.news.wait(0.1):
            if time.monotonic() > until:
                raise TooSlowError("the hub answers a report", START_S)
            client.publish(voice.topic(UP_JOURNAL), voice.report(), 1)

    def send_all(self, client: Client, fleet: LightFleet) -> None:
        """Keep every window full until all is acknowledged."""
        until = time.monotonic() + RUN_S_MAX
        topics = {voice.name: voice.topic(UP_JOURNAL) for voice in fleet.voices}
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        while not all(sender.is_done for sender in self.senders.values()):
            now = time.monotonic()
            if now > until:
                raise TooSlowError("every event is acknowledged", RUN_S_MAX)
            for sender in self.senders.values():
                if sender.sent > sender.acked and now - sender.moved_s > STALLED_S:
                    sender.sent, sender.moved_s = sender.acked, now
                sender.sent = max(sender.sent, sender.acked)
                most = min(len(sender.batches), sender.acked + WINDOW_BATCHES)
                for payload in sender.batches[sender.sent : most]:
                    client.publish(topics[sender.name], payload, 1, properties=properties)
                    sender.sent += 1
                    sender.moved_s = now
            self.news.wait(0.05)
            self.news.clear()


def _bare_insert(book: Path, copy: Path) -> float:
    """Insert the event rows of a hub into an empty database; gives the seconds."""
    with closing(sqlite3.connect(book)) as source:
        events = source.execute("SELECT * FROM events").fetchall()
    store = open_store(str(copy))
    try:
        upgrade(store)
        with store.writing.connect() as connection:
            target = connection.connection.driver_connection
            if not isinstance(target, sqlite3.Connection):
                raise SimulatorError("the peer knows SQLite only")
            marks = ", ".join("?" * len(events[0]))
            began = time.monotonic_ns()
            for first in range(0, len(events), PEER_BATCH):
                target.execute("BEGIN IMMEDIATE")
                target.executemany(
                    f"INSERT INTO events VALUES ({marks})",  # noqa: S608 question marks only
                    events[first : first + PEER_BATCH],
                )
                target.execute("COMMIT")
            return (time.monotonic_ns() - began) / _NS_PER_S
    finally:
        store.close()

"""`ingest` and `catch-up`: journal events from the broker to committed, through a real hub.

The hub is its own process on a real broker; what is measured ends with its ack, which
it sends after the commit. Controllers keep a few batches in flight, as agents do. The
peer inserts the very event rows that the hub kept, with `executemany` and nothing else:
no signatures, no chains, no sessions, no book.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.benchmarks.bare_events import bare_events
from simulator.benchmarks.light_fleet import LightFleet, prepare_fleet, settings_with_port
from simulator.benchmarks.rows import Row, Say, make_row
from simulator.broker import Broker, EmbeddedBroker, MosquittoBroker, find_mosquitto
from simulator.child import Child
from simulator.errors import TooSlowError
from simulator.postgres import PostgresServer, temporary_postgres
from simulator.system.programs import program, run_command
from simulator.waiting import free_port, wait_for
from wire.downlink import Ack
from wire.envelope import EVENTS_PER_BATCH_MAX, peek
from wire.topics import DOWN_ACK, PARTITIONS, ROOT, UP_JOURNAL, parse_topic

CONTROLLERS = 20
EVENTS_EACH = 2_000
CATCH_UP_EVENTS = 10_000
WINDOW_BATCHES = 4
"""As an agent: enough to fill the way to the hub and back, little to send again."""
STALLED_S = 10.0
"""Without an ack for this long a controller goes back to the last one."""
RUN_S_MAX = 120.0
START_S = 30.0
_NS_PER_S = 1_000_000_000


def measure_ingest(say: Say) -> list[Row]:
    """Measure twenty controllers that send all they have at once."""
    return [_on_sqlite("ingest", _twenty(), EVENTS_EACH, say)]


def measure_ingest_pg(say: Say) -> list[Row]:
    """Measure the same on PostgreSQL, by one hub and by two."""
    with temporary_postgres() as server:
        return [
            _on_postgres("ingest-pg", server, 1, say),
            _on_postgres("ingest-pg/two-hubs", server, 2, say),
        ]


def measure_catch_up(say: Say) -> list[Row]:
    """Measure one controller that comes back with 10,000 events."""
    return [_on_sqlite("catch-up", ["bench-00"], CATCH_UP_EVENTS, say)]


def _twenty() -> list[str]:
    return [f"bench-{number:02d}" for number in range(CONTROLLERS)]


def _on_sqlite(name: str, names: list[str], events_each: int, say: Say) -> Row:
    with _place() as (folder, broker):
        data = folder / "hub"
        say(f"  {len(names)} controllers journal {events_each:,} events each")
        fleet = prepare_fleet(data, names, events_each, broker.port)
        seconds, cpu_us = _serve_and_drive(fleet, broker, [data], say)
        run_command([program("standpipe-hub"), "verify", "--data", str(data)])
        say("  the same event rows, inserted bare")
        peer_s = bare_events(f"sqlite:///{data / 'hub.db'}", f"sqlite:///{folder / 'bare.db'}")
    if name == "catch-up":
        return _row(name, (seconds, peer_s), "s", fleet, broker, cpu_us)
    return _row(name, _rates(fleet, seconds, peer_s), "events/s", fleet, broker, cpu_us)


def _on_postgres(name: str, server: PostgresServer, hubs: int, say: Say) -> Row:
    url = server.url(server.create())
    with _place() as (folder, broker):
        data = folder / "hub"
        say(f"  {CONTROLLERS} controllers journal {EVENTS_EACH:,} events each")
        fleet = prepare_fleet(data, _twenty(), EVENTS_EACH, broker.port, url)
        copies = [folder / f"hub-{number}" for number in range(1, hubs)]
        folders = [data, *(shutil.copytree(data, copy) for copy in copies)]
        seconds, cpu_us = _serve_and_drive(fleet, broker, folders, say)
        run_command([program("standpipe-hub"), "verify", "--data", str(data)])
    say("  the same event rows, inserted bare")
    peer_s = bare_events(url, server.url(server.create()))
    return _row(name, _rates(fleet, seconds, peer_s), "events/s", fleet, broker, cpu_us)


def _rates(fleet: LightFleet, seconds: float, peer_s: float) -> tuple[float, float]:
    return fleet.events / seconds, fleet.events / peer_s


def _row(
    name: str,
    figures: tuple[float, float],
    unit: str,
    fleet: LightFleet,
    broker: Broker,
    cpu_us: int,
) -> Row:
    value, peer = figures
    return make_row(
        name,
        value,
        unit,
        peer=peer,
        events=fleet.events,
        controllers=len(fleet.voices),
        broker=type(broker).__name__,
        hub_cpu_us_per_event=round(cpu_us / fleet.events, 1),
        peer_is="executemany of the same event rows",
    )


@contextmanager
def _place() -> Iterator[tuple[Path, Broker]]:
    """A folder with an empty one for a hub, and a broker that runs."""
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as name:
        folder = Path(name)
        (folder / "hub").mkdir()
        broker = _broker(folder)
        broker.start()
        try:
            yield folder, broker
        finally:
            broker.stop()


def _broker(folder: Path) -> Broker:
    place = folder / "broker"
    place.mkdir()
    return MosquittoBroker(place) if find_mosquitto() else EmbeddedBroker(place)


def _serve_and_drive(
    fleet: LightFleet, broker: Broker, folders: list[Path], say: Say
) -> tuple[float, int]:
    """Seconds until all is acknowledged, and what the hubs' processors worked for it, in us."""
    hubs = [_hub_of(data) for data in folders]
    try:
        for hub in hubs:
            hub.start()
        for hub in hubs:
            wait_for("the hub serves its share", partial(_serves, hub, len(hubs)), START_S)
        say(f"  sending {fleet.events:,} events")
        before_us = sum(_cpu_us(hub) for hub in hubs)
        seconds = drive("127.0.0.1", broker.port, fleet)
        return seconds, sum(_cpu_us(hub) for hub in hubs) - before_us
    finally:
        for hub in hubs:
            hub.stop()


def _hub_of(data: Path) -> Child:
    settings_with_port(data, free_port())
    command = [program("standpipe-hub"), "serve", "--data", str(data)]
    return Child("the hub", command, data / "hub.log")


def _serves(hub: Child, hubs: int) -> bool:
    """Whether a hub serves, and of several its share of the controllers."""
    hub.check()
    said = hub.log.read_text() if hub.log.exists() else ""
    share = f"serves {PARTITIONS // hubs} of {PARTITIONS}"
    return "serving http" in said and (hubs == 1 or share in said)


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

"""The MQTT link on real brokers: connect, sync, lose the broker, come back, sync again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
import pytest
from parts import require

from firmware_agent.bootstrap import Edges, build_agent
from firmware_agent.clock import SystemClock
from firmware_agent.config import parse_config
from firmware_agent.identity import Identity
from firmware_agent.inbox import Inbox
from firmware_agent.link import Down, Up
from firmware_agent.mqtt_link import BACKOFF_MS_MAX, POLL_MAX, STUCK_MS, MqttLink, Way
from hardware.ports import CardPresent
from simulator.broker import Broker, EmbeddedBroker, MosquittoBroker
from tests.firmware_agent.rig import (
    ANNA,
    HUB_SIGNER,
    MACHINES,
    NAME,
    PER_KWH,
    PER_MINUTE,
    TOML,
    WASH,
    FakeParts,
    Hub,
    entry,
    identity,
)
from wire.clock import ManualClock
from wire.codec import decode
from wire.downlink import ListPage
from wire.envelope import Signed, seal
from wire.errors import Code
from wire.machines import Config, Policy
from wire.topics import (
    DOWN_ACCOUNTS,
    DOWN_ACK,
    DOWN_CONFIG,
    UP_STATUS,
    UP_WANT,
    hub_filters,
    parse_topic,
    topic,
)
from wire.uplink import Presence, Status

WAIT_S = 10.0
PARTITION = "p07"


def until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


class HubPeer:
    """The test's hub on a real broker."""

    def __init__(self, port: int) -> None:
        self.hub = Hub(SystemClock())
        self.statuses: list[Status] = []
        self.content_types: set[str] = set()
        self._port = port
        self._client: mqtt.Client | None = None
        self.connect()

    def connect(self) -> None:
        subscribed = threading.Event()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="hub", protocol=mqtt.MQTTv5
        )
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: subscribed.set()
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        client.subscribe(hub_filters()[0], qos=1)
        assert subscribed.wait(WAIT_S)
        self._client = client

    def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic(PARTITION, NAME, leaf), payload, qos=1, retain=retain)

    def configure(self) -> None:
        config = Config(
            receiver=NAME,
            version=1,
            machines=MACHINES,
            tariffs=(PER_MINUTE, PER_KWH, WASH),
            policy=Policy(batch_wait_ms=20, state_ms=100),
        )
        self.send(DOWN_CONFIG, seal(config, HUB_SIGNER), retain=True)

    def list_card(self) -> None:
        until(lambda: bool(self.hub.epoch))
        page = ListPage(from_revision=0, upto_revision=1, last_revision=1, entries=(entry(),))
        self.send(DOWN_ACCOUNTS, self.hub.accounts(page=page).payload)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client, _, message) -> None:
        leaf = parse_topic(message.topic).leaf
        self.content_types.add(message.properties.ContentType)
        if leaf == UP_STATUS:
            self.statuses.append(decode(message.payload, Status))
            return
        for came in self.hub.receive(leaf, message.payload):
            client.publish(topic(PARTITION, NAME, came.leaf), came.payload, qos=0)


@pytest.fixture(
    params=["embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)],
)
def broker(request, tmp_path) -> Iterator[Broker]:
    if request.param == "mosquitto":
        require("mosquitto", "mosquitto")
        broker: Broker = MosquittoBroker(tmp_path)
    else:
        broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto(tmp_path) -> Iterator[MosquittoBroker]:
    require("mosquitto", "mosquitto")
    broker = MosquittoBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def hub(broker) -> Iterator[HubPeer]:
    peer = HubPeer(broker.port)
    peer.hub.wallets = {"anna": 2_000}
    yield peer
    peer.close()


def enrolled(port: int) -> Identity:
    known = identity()
    access = msgspec.structs.replace(known.reply.broker, port=port)
    return Identity(seed=known.seed, reply=msgspec.structs.replace(known.reply, broker=access))


class Running:
    """A real agent on a real broker; only its parts are in memory."""

    def __init__(self, folder: Path, port: int, extra: str = "") -> None:
        self.parts = FakeParts(SystemClock())
        config = parse_config(extra + TOML.format(folder=folder))
        self.agent = build_agent(config, Edges(parts=self.parts, identity=enrolled(port)))
        self._thread = threading.Thread(target=self.agent.run)
        self._thread.start()

    def tap(self) -> None:
        emit = self.parts.readers["front"].emit
        emit(CardPresent("front", ANNA, "type2", 0, SystemClock().now().mono_ms))

    def state(self) -> str:
        return self.agent.state.machines["laser"].state.value

    @property
    def last_seq(self) -> int:
        return self.agent.state.last_seq

    def close(self) -> None:
        self.agent.stop()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


@pytest.fixture
def running(tmp_path, broker) -> Iterator[Running]:
    running = Running(tmp_path / "agent", broker.port)
    yield running
    running.close()


def get_ready(running: Running, hub: HubPeer) -> None:
    hub.configure()
    hub.list_card()
    until(lambda: running.agent._wires.records.cards.count() == 1)
    until(lambda: running.agent.state.config_version == 1)


def test_a_session_goes_up_and_comes_back_acknowledged(hub, running):
    get_ready(running, hub)
    running.tap()
    until(lambda: running.parts.outputs["laser"].is_on)
    until(lambda: len(hub.hub.wants) == 1)
    until(lambda: running.agent._wires.records.journal.acked_seq >= 3)

    assert hub.statuses[-1].state is Presence.ONLINE
    assert hub.content_types == {"application/json"}


def test_forged_messages_on_the_broker_do_nothing(hub, running):
    get_ready(running, hub)
    until(lambda: running.agent._wires.uplink.waiting == 0)
    before = running.agent.state
    envelope = msgspec.json.decode(hub.hub.ack().payload, type=Signed)
    forged = msgspec.json.encode(Signed(envelope.body, "AAAA"))
    for leaf in (DOWN_ACK, DOWN_ACCOUNTS, DOWN_CONFIG):
        hub.send(leaf, forged)
        hub.send(leaf, b"rubbish")
    dropped = running.agent._wires.downlink.dropped
    until(lambda: sum(dropped.values()) == 6)

    assert dropped[Code.SIGNATURE_INVALID] == 3
    assert running.agent.state.accounts_revision == before.accounts_revision


def test_a_stop_says_goodbye_with_everything_sent(hub, running):
    get_ready(running, hub)
    running.tap()
    until(lambda: running.state() == "running")
    running.close()
    until(lambda: hub.statuses[-1].state is Presence.OFFLINE)

    assert not running.parts.outputs["laser"].is_on
    until(lambda: len(hub.hub.events) == running.last_seq)


@pytest.mark.mosquitto
def test_a_broker_that_is_killed_and_comes_back_misses_nothing(mosquitto, tmp_path):
    hub = HubPeer(mosquitto.port)
    running = Running(tmp_path / "agent", mosquitto.port)
    get_ready(running, hub)
    hub.close()
    mosquitto.kill()
    until(lambda: not running.agent.state.online)
    running.tap()
    until(lambda: running.state() == "running")
    assert len(hub.hub.events) < running.last_seq

    mosquitto.start()
    hub.connect()
    until(lambda: running.agent.state.online)
    until(lambda: len(hub.hub.events) == running.last_seq)
    running.close()
    hub.close()


def test_message_pack_on_a_metered_link(hub, broker, tmp_path):
    running = Running(tmp_path / "packed", broker.port, 'wire_format = "msgpack"\n')
    try:
        hub.configure()
        hub.list_card()
        until(lambda: running.agent.state.config_version == 1)
        until(lambda: running.agent._wires.records.cards.count() == 1)
        running.tap()
        until(lambda: running.agent._wires.records.journal.acked_seq >= 3)

        assert hub.content_types == {"application/msgpack"}
        assert all(data[:1] != b"{" for data in hub.hub.events)
    finally:
        running.close()


def make_link(port: int, clock) -> tuple[MqttLink, threading.Event]:
    wake = threading.Event()
    link = MqttLink(Way(enrolled(port).reply.broker, PARTITION), clock, wake)
    link.start(Status(state=Presence.OFFLINE, boot_id="b1"))
    return link, wake


def poll_for(link: MqttLink, wake: threading.Event, kind: type) -> object:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        for event in link.poll():
            if isinstance(event, kind):
                return event
        wake.wait(0.02)
        wake.clear()
    raise AssertionError(f"no {kind.__name__} came")


def test_a_lost_connection_leaves_the_will(hub, broker):
    link, wake = make_link(broker.port, SystemClock())
    poll_for(link, wake, Up)
    link._client.socket().shutdown(2)
    poll_for(link, wake, Down)
    until(lambda: bool(hub.statuses))

    assert (hub.statuses[-1].state, hub.statuses[-1].boot_id) == (Presence.OFFLINE, "b1")
    assert not link.publish(UP_WANT, b"{}", qos=1)
    link.close()


def test_a_broker_that_is_not_there_is_tried_less_and_less_often(tmp_path):
    clock = ManualClock()
    broker = EmbeddedBroker(tmp_path)
    link, wake = make_link(broker.port, clock)
    waits = []
    for _ in range(9):
        until(lambda: (link.poll(), link._client is None)[1])
        waits.append(link._retry_ms - clock.now().mono_ms)
        clock.advance(waits[-1])
    broker.start()
    poll_for(link, wake, Up)
    link.close()
    broker.stop()

    assert waits == sorted(waits)
    assert waits[0] >= 1_000
    assert waits[-1] <= BACKOFF_MS_MAX * 5 // 4


@pytest.mark.mosquitto
def test_a_connection_that_hangs_is_given_up(mosquitto):
    clock = ManualClock()
    link, wake = make_link(mosquitto.port, clock)
    poll_for(link, wake, Up)
    os.kill(mosquitto._child.pid, signal.SIGSTOP)
    try:
        assert link.publish(UP_WANT, b"{}", qos=1)
        clock.advance(STUCK_MS)
        assert "doesn't acknowledge" in poll_for(link, wake, Down).reason
    finally:
        os.kill(mosquitto._child.pid, signal.SIGCONT)
    clock.advance(5_000)
    poll_for(link, wake, Up)
    link.close()


def test_a_flood_is_read_in_small_helpings(hub, broker):
    link, wake = make_link(broker.port, SystemClock())
    poll_for(link, wake, Up)
    for number in range(3 * POLL_MAX):
        hub.send(DOWN_ACK, b"%d" % number)
    seen = []

    def drained() -> bool:
        events = link.poll()
        assert len(events) <= POLL_MAX
        seen.extend(int(event.payload) for event in events)
        return len(seen) == 3 * POLL_MAX

    until(drained)
    link.close()

    assert sorted(seen) == list(range(3 * POLL_MAX))


def test_a_full_inbox_drops_the_newest_and_goes_on():
    wake = threading.Event()
    inbox: Inbox[int] = Inbox(wake, 3)
    for number in range(5):
        inbox.put(number)

    assert wake.is_set()
    assert (inbox.take(2), inbox.dropped) == ([0, 1], 2)
    inbox.put(9)
    assert inbox.take(9) == [2, 9]
    assert len(inbox) == 0

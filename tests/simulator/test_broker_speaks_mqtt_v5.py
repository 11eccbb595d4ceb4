"""Both brokers carry what the protocol needs: will, retained, QoS 1, expiry, content type."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from parts import require

from simulator.broker import Broker, EmbeddedBroker, MosquittoBroker
from simulator.waiting import accepts, wait_for
from wire.codec import PAYLOAD_BYTES_MAX

TOPIC = "standpipe/v1/p00/wash/up/status"


def make_embedded(folder: Path) -> Broker:
    return EmbeddedBroker(folder)


def make_mosquitto(folder: Path) -> Broker:
    require("mosquitto", "mosquitto")
    return MosquittoBroker(folder)


@pytest.fixture(
    params=[
        make_embedded,
        pytest.param(
            make_mosquitto,
            marks=pytest.mark.mosquitto,
        ),
    ],
    ids=["embedded", "mosquitto"],
)
def broker(request, tmp_path) -> Iterator[Broker]:
    make: Callable[[Path], Broker] = request.param
    broker = make(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Peer:
    """One MQTT client that keeps what it gets."""

    def __init__(self, broker: Broker, name: str, *, will: bytes | None = None) -> None:
        self.messages: Queue[mqtt.MQTTMessage] = Queue()
        connected: Queue[bool] = Queue()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5
        )
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_connect = lambda *_: connected.put(True)
        self.client.on_subscribe = lambda *_: connected.put(True)
        if will is not None:
            self.client.will_set(TOPIC, will, qos=1, retain=True)
        self._connected = connected
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        connected.get(timeout=5)

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        self._connected.get(timeout=5)

    def publish(self, payload: bytes, *, retain: bool = False, **properties: object) -> None:
        packed = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(packed, name, value)
        sent = self.client.publish(TOPIC, payload, qos=1, retain=retain, properties=packed)
        sent.wait_for_publish(5)
        assert sent.is_published()

    def next(self) -> mqtt.MQTTMessage:
        return self.messages.get(timeout=5)

    def vanish(self) -> None:
        """Lose the connection without goodbye."""
        self.client.socket().shutdown(2)
        self.client.loop_stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def peer(broker) -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(name: str, *, will: bytes | None = None) -> Peer:
        peers.append(Peer(broker, name, will=will))
        return peers[-1]

    yield make
    for each in peers:
        each.close()


def test_a_message_arrives_with_its_content_type_and_expiry(peer):
    sender, hub = peer("sender"), peer("hub")
    hub.subscribe("standpipe/v1/+/+/up/#")

    sender.publish(b"{}", ContentType="application/json", MessageExpiryInterval=60)

    message = hub.next()
    assert message.payload == b"{}"
    assert message.qos == 1
    assert message.properties.ContentType == "application/json"
    assert 0 < message.properties.MessageExpiryInterval <= 60


def test_a_retained_message_reaches_who_comes_later_until_it_is_emptied(peer):
    sender = peer("sender")
    sender.publish(b"online", retain=True)
    late = peer("late")
    late.subscribe(TOPIC)
    assert (late.next().payload, late.messages.qsize()) == (b"online", 0)

    sender.publish(b"", retain=True)

    later = peer("later")
    later.subscribe(TOPIC)
    sender.publish(b"marker")
    assert later.next().payload == b"marker"


def test_the_will_comes_when_a_connection_is_lost_and_stays_retained(peer):
    controller, hub = peer("wash", will=b"offline"), peer("hub")
    hub.subscribe(TOPIC)

    controller.vanish()

    assert hub.next().payload == b"offline"
    late = peer("late")
    late.subscribe(TOPIC)
    assert late.next().payload == b"offline"


def test_the_longest_payload_passes(peer):
    sender, hub = peer("sender"), peer("hub")
    hub.subscribe(TOPIC)

    sender.publish(b"x" * PAYLOAD_BYTES_MAX)

    assert len(hub.next().payload) == PAYLOAD_BYTES_MAX


def test_a_payload_beyond_the_broker_s_limit_reaches_nobody(peer):
    sender, hub, other = peer("sender"), peer("hub"), peer("other")
    hub.subscribe(TOPIC)

    sender.client.publish(TOPIC, b"x" * (2 * PAYLOAD_BYTES_MAX), qos=0)
    other.publish(b"short")

    assert hub.next().payload == b"short"
    with pytest.raises(Empty):
        hub.messages.get_nowait()


def test_a_killed_broker_comes_back_at_its_port(broker):
    port = broker.port
    broker.kill()
    assert not broker.is_running

    broker.start()

    assert accepts(port)


def test_a_broker_ends_with_its_parent(tmp_path):
    script = textwrap.dedent(
        """
        import pathlib, sys, time
        from simulator.broker import EmbeddedBroker
        broker = EmbeddedBroker(pathlib.Path(sys.argv[1]))
        broker.start()
        print(broker.port, flush=True)
        time.sleep(60)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert accepts(port)
        os.kill(parent.pid, signal.SIGKILL)

    wait_for("the broker is gone", lambda: not accepts(port), 5)

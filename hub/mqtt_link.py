"""The hub's MQTT v5 connection: what comes is handed on, what goes is sent or dropped.

Nothing here is durable. Controllers send their journals again until the hub's own
ack, and ask again for what they lack, so a lost message costs time and no money.
paho's callbacks only hand over to `receive`, which must only enqueue.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from hub.config import MqttConfig
from hub.errors import ConfigError
from wire.topics import (
    ROOT,
    hub_filters,
    partition_filters,
    partitions as all_partitions,
    watching_filters,
)

CLIENT_ID = "hub"
"""Of the only hub of a database."""
KEEPALIVE_S = 30
SESSION_EXPIRY_S = 3_600
"""The broker keeps what comes while the hub restarts; later the agents send again anyway."""
SHARED_SESSION_EXPIRY_S = 60
"""One of several hubs comes back under another name: only a short cut of the line counts."""
RECEIVE_MAX = 200
"""Messages in flight to us: two catch-ups at full batches, and no burst beyond our queue."""
SEND_QUEUE_MAX = 2_000
"""Messages that wait for the broker; beyond it the sender is told and tries later."""
FILTERS_MAX = 50
"""Subscriptions in one packet: small brokers take no long ones."""
RECONNECT_S_MIN, RECONNECT_S_MAX = 1, 30
BEAT_S = 10
BEATS_MISSED_MAX = 3
"""Half a minute without our own echo: the network thread is dead, whatever it claims."""

log = logging.getLogger("hub.mqtt")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to the broker.

    Attributes:
        topic: Where to.
        payload: Its bytes.
        qos: 0 or 1.
        retain: Whether the broker keeps it for who comes later.
        expiry_s: The broker drops it after this long; None: never.
        content_type: MQTT v5 content type.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes


class Link(Protocol):
    """A way to the broker."""

    @property
    def connected(self) -> bool:
        """Whether a message sent now has a chance."""
        ...

    def send(self, message: Outgoing) -> bool:
        """Hand a message over; False: not connected or the queue is full, nothing is sent."""
        ...

    def follow(self, partitions: frozenset[str] | None) -> None:
        """Have what controllers of these partitions send from now on; None: of all."""
        ...

    def start(self) -> None:
        """Begin to connect, and to connect again for ever."""
        ...

    def close(self) -> None:
        """Leave the broker; a second call does nothing."""
        ...


class NoLink:
    """The link of a hub without a broker: nothing comes, nothing goes."""

    connected = False

    def send(self, message: Outgoing) -> bool:  # noqa: ARG002 the port's signature
        return False

    def follow(self, partitions: frozenset[str] | None) -> None:
        """There is nobody to follow."""

    def start(self) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """There is nothing to close."""


class MqttLink:
    """A connection by paho, in its own thread, watched by another.

    Args:
        config: Where the broker is.
        receive: Takes each message; must only enqueue, never raise or block.
        connected: Called after each connect, under the same rule.
        client_id: What the broker knows it by.
    """

    def __init__(
        self,
        config: MqttConfig,
        receive: Callable[[Received], None],
        connected: Callable[[], None],
        client_id: str = "",
    ) -> None:
        self._config = config
        self._client_id = client_id or config.client_id or CLIENT_ID
        self._beat_topic = f"{ROOT}/hub/beat/{self._client_id}"
        self._filters = frozenset(hub_filters())
        self._is_shared = False
        self._receive = receive
        self._on_connected = connected
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._beats_missed = 0
        self._watchdog: threading.Thread | None = None
        self._client = self._new_client()

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def start(self) -> None:
        self._connect()
        self._watchdog = threading.Thread(target=self._watch, name="mqtt-watchdog", daemon=True)
        self._watchdog.start()

    def close(self) -> None:
        self._closing.set()
        self._ready.clear()
        if self._watchdog is not None:
            self._watchdog.join()
            self._watchdog = None
        self._client.disconnect()
        self._client.loop_stop()

    def follow(self, partitions: frozenset[str] | None) -> None:
        before, self._filters = self._filters, _filters(partitions)
        self._is_shared = partitions is not None
        if self._ready.is_set():
            self._subscribe(self._client, self._filters - before)
            self._unsubscribe(self._client, before - self._filters)

    def send(self, message: Outgoing) -> bool:
        # paho keeps what is published offline and sends it much later: a stale right or
        # command. So nothing is handed over without a connection.
        if not self._ready.is_set():
            return False
        properties = _properties(PacketTypes.PUBLISH, ContentType=message.content_type)
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        info = self._client.publish(
            message.topic, message.payload, message.qos, message.retain, properties
        )
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        client.max_queued_messages_set(SEND_QUEUE_MAX)
        client.max_inflight_messages_set(RECEIVE_MAX)
        if self._config.username:
            client.username_pw_set(self._config.username, _password(self._config))
        if self._config.tls:
            client.tls_set_context(_tls(self._config))
        client.on_connect = self._connect_done
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        return client

    def _connect(self) -> None:
        properties = _properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=SHARED_SESSION_EXPIRY_S if self._is_shared else SESSION_EXPIRY_S,
            ReceiveMaximum=RECEIVE_MAX,
        )
        self._client.connect_async(
            self._config.host,
            self._config.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()

    def _connect_done(
        self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.warning("the broker refuses the hub: %s", reason)
            return
        self._beats_missed = 0
        # First, so that `follow` in another thread can't fall between.
        self._ready.set()
        filters = self._filters
        if self._is_shared:
            # Of a session that the broker kept, what isn't followed any more must go.
            self._unsubscribe(client, _every_filter() - filters)
        self._subscribe(client, filters | {self._beat_topic})
        log.info("connected to the broker at %s:%d", self._config.host, self._config.port)
        self._on_connected()

    def _subscribe(self, client: Client, filters: frozenset[str]) -> None:
        options = SubscribeOptions(qos=1)
        for some in _portions(filters):
            client.subscribe([(filter_, options) for filter_ in some])

    def _unsubscribe(self, client: Client, filters: frozenset[str]) -> None:
        for some in _portions(filters):
            client.unsubscribe(some)

    def _disconnected(
        self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._ready.clear()
        if not self._closing.is_set():
            log.warning("lost the broker: %s", reason)

    def _message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == self._beat_topic:
            self._beats_missed = 0
            return
        self._receive(Received(message.topic, bytes(message.payload)))

    def _watch(self) -> None:
        while not self._closing.wait(BEAT_S):
            if not self._ready.is_set():
                continue
            if self._beats_missed >= BEATS_MISSED_MAX:
                self._renew()
                continue
            self._beats_missed += 1
            self.send(Outgoing(self._beat_topic, b"{}", qos=0, expiry_s=BEAT_S))

    def _renew(self) -> None:
        log.error("our own messages don't come back: making a new connection")
        self._ready.clear()
        self._beats_missed = 0
        self._client.disconnect()
        self._client.loop_stop()
        self._client = self._new_client()
        self._connect()


def _filters(partitions: frozenset[str] | None) -> frozenset[str]:
    if partitions is None:
        return frozenset(hub_filters())
    booked = (filter_ for name in partitions for filter_ in partition_filters(name))
    return frozenset(booked) | frozenset(watching_filters())


def _every_filter() -> frozenset[str]:
    return _filters(frozenset(all_partitions())) | frozenset(hub_filters())


def _portions(filters: frozenset[str]) -> list[list[str]]:
    order = sorted(filters)
    return [order[start : start + FILTERS_MAX] for start in range(0, len(order), FILTERS_MAX)]


def _properties(packet: int, **values: int | str) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _tls(config: MqttConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file)
    except OSError as error:  # ssl.SSLError is one: a file that is no certificate
        named = " or ".join(
            str(path)
            for path in (config.ca_file, config.certificate_file, config.key_file)
            if path is not None
        )
        raise ConfigError(f"{named} can't be used for TLS: {error}") from None
    return context


def _password(config: MqttConfig) -> str | None:
    if config.password_file is None:
        return None
    try:
        return config.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{config.password_file} can't be read: {error.strerror}") from None

"""The way to the hub over MQTT v5, on paho.

paho's callbacks run in its network thread, and one that raises kills that thread while
`is_connected()` goes on saying yes: ours put an event into a bounded queue and nothing
else. A publish without a connection is queued by paho and sent later, unasked: we
publish only while connected, and each connection has a client of its own, so nothing
old is sent twice. A network thread that died or hangs shows itself by a publish that
nobody acknowledges; then the client is thrown away.
"""

from __future__ import annotations

import logging
import ssl
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_agent.inbox import Inbox
from firmware_agent.link import Came, Down, LinkEvent, Up
from wire.clock import Clock
from wire.codec import PAYLOAD_BYTES_MAX, Format, encode, format_of
from wire.enrolment import BrokerAccess
from wire.errors import DecodeError
from wire.topics import UP_STATUS, parse_topic, topic
from wire.uplink import Status

_log = logging.getLogger(__name__)

KEEPALIVE_S = 30
"""A dead mobile link is noticed within a minute; costs 4 bytes a minute."""
CONNECT_TIMEOUT_S = 5.0
BACKOFF_MS_MIN = 1_000
BACKOFF_MS_MAX = 60_000
"""A site's controllers come back within a minute of the broker."""
STEADY_MS = 60_000
"""A connection that lived this long begins the backoff anew."""
STUCK_MS = 45_000
"""Without a PUBACK for this long the connection or its thread is dead."""
QUEUE_MAX = 1_000
"""Messages waiting to be read; the hub sends a few, a flood is nobody's friend."""
POLL_MAX = 50
"""Messages per step: a flood must not keep a tap waiting."""
RECEIVE_MAX = 100
PACKET_BYTES_MAX = PAYLOAD_BYTES_MAX + 1024
"""The broker drops what is larger before it reaches us."""
CLOSE_TIMEOUT_S = 2.0
FLUSH_POLL_MS = 100
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class _Connected:
    refused: str


@dataclass(frozen=True, slots=True)
class _Subscribed:
    refused: str


@dataclass(frozen=True, slots=True)
class _Published:
    mid: int
    refused: str


@dataclass(frozen=True, slots=True)
class _Lost:
    reason: str


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes


_Seen = _Connected | _Subscribed | _Published | _Lost | _Message


@dataclass(frozen=True, slots=True)
class Way:
    """Where a broker is, and as whom to go there.

    Attributes:
        access: How to reach it.
        partition: The controller's partition.
        certificate: File with key and certificate for a broker that asks; None: there is none.
    """

    access: BrokerAccess
    partition: str
    certificate: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What TLS needs.

        Raises:
            OSError: A certificate can't be read.
        """
        context = ssl.create_default_context(cadata=self.access.ca_pem or None)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        return context


class MqttLink:
    """A `Link` to a broker.

    Args:
        way: Where it is.
        clock: For backoff and watching.
        wake: Set when there is something to poll.
        format_: How the will is encoded.
    """

    def __init__(
        self,
        way: Way,
        clock: Clock,
        wake: threading.Event,
        format_: Format = Format.JSON,
    ) -> None:
        self._way = way
        self._clock = clock
        self._inbox: Inbox[tuple[int, _Seen]] = Inbox(wake, QUEUE_MAX)
        self._format = format_
        self._will: Status | None = None
        self._client: Client | None = None
        self._generation = 0
        self._is_up = False
        self._up_since_ms = 0
        self._attempts = 0
        self._retry_ms = 0
        self._unacked: dict[int, int] = {}
        self._wake = wake

    @property
    def is_up(self) -> bool:
        """Whether it is connected and subscribed."""
        return self._is_up

    def start(self, will: Status) -> None:
        self._will = will
        self._connect()

    def poll(self) -> list[LinkEvent]:
        events: list[LinkEvent] = []
        for generation, event in self._inbox.take(POLL_MAX):
            if generation == self._generation:
                events += self._take(event)
        events += self._watch()
        return events

    def publish(self, leaf: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        client = self._client
        if client is None or not self._is_up:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = str(format_of(payload))
        info = client.publish(self._topic(leaf), payload, qos, retain, properties)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if qos:
            self._unacked[info.mid] = self._now_ms()
        return True

    def flush(self, timeout_ms: int) -> bool:
        until_ms = self._now_ms() + timeout_ms
        while self._is_up and self._unacked:
            left_ms = until_ms - self._now_ms()
            if left_ms <= 0:
                break
            self._wake.wait(min(left_ms, FLUSH_POLL_MS) / _MS_PER_S)
            self._wake.clear()
            self.poll()
        return not self._unacked

    def go(self, way: Way) -> None:
        """Connect anew by another way, from the deciding thread."""
        self._way = way
        self._inbox.put((self._generation, _Lost("this controller has another key")))

    def close(self) -> None:
        stopper = self._forget()
        if stopper is not None:
            stopper.join(CLOSE_TIMEOUT_S)

    def _take(self, seen: _Seen) -> list[LinkEvent]:
        if isinstance(seen, _Connected):
            return self._on_connected(seen)
        if isinstance(seen, _Subscribed):
            return self._on_subscribed(seen)
        if isinstance(seen, _Published):
            self._unacked.pop(seen.mid, None)
            if seen.refused:
                _log.error("the broker refused a message: %s", seen.refused)
            return []
        if isinstance(seen, _Lost):
            return self._drop(seen.reason)
        return self._on_message(seen)

    def _on_connected(self, event: _Connected) -> list[LinkEvent]:
        if event.refused:
            return self._drop(f"the broker refused the connection: {event.refused}")
        if self._client is not None:
            code, _ = self._client.subscribe(self._topic("down/#"), qos=1)
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return self._drop("the connection broke while subscribing")
        return []

    def _on_subscribed(self, event: _Subscribed) -> list[LinkEvent]:
        if event.refused:
            return self._drop(f"the broker refused the subscription: {event.refused}")
        self._is_up = True
        self._up_since_ms = self._now_ms()
        return [Up()]

    def _on_message(self, seen: _Message) -> list[LinkEvent]:
        try:
            address = parse_topic(seen.topic)
        except DecodeError as error:
            _log.warning("ignored: %s", error)
            return []
        return [Came(address.leaf, seen.payload)]

    def _watch(self) -> list[LinkEvent]:
        """Connect again when it is time, and give up a connection that is stuck."""
        now_ms = self._now_ms()
        if self._client is None:
            if self._will is not None and now_ms >= self._retry_ms:
                self._connect()
            return []
        oldest_ms = min(self._unacked.values(), default=now_ms)
        if self._is_up and now_ms - oldest_ms >= STUCK_MS:
            return self._drop("the broker doesn't acknowledge: connecting anew")
        return []

    def _drop(self, reason: str) -> list[LinkEvent]:
        """Forget this connection; the next one is tried after a while."""
        was_up, now_ms = self._is_up, self._now_ms()
        if was_up and now_ms - self._up_since_ms >= STEADY_MS:
            self._attempts = 0
        # Without waiting: a tap must not wait for a network that is gone.
        self._forget()
        self._unacked.clear()
        wait_ms = min(BACKOFF_MS_MIN << min(self._attempts, 6), BACKOFF_MS_MAX)
        # Controllers of one site don't come back in the same instant.
        wait_ms += zlib.crc32(self._way.access.username.encode()) % wait_ms // 4
        self._attempts += 1
        self._retry_ms = now_ms + wait_ms
        _log.warning("hub not reachable (%s); trying again in %d ms", reason, wait_ms)
        return [Down(reason)] if was_up else []

    def _forget(self) -> threading.Thread | None:
        """Give the client up; returns the thread that ends it."""
        self._generation += 1
        self._is_up = False
        client, self._client = self._client, None
        if client is None:
            return None
        client.disconnect()
        stopper = threading.Thread(target=client.loop_stop, name="mqtt-stop", daemon=True)
        stopper.start()
        return stopper

    def _connect(self) -> None:
        self._generation += 1
        access = self._way.access
        try:
            context = self._way.context() if access.tls else None
        except OSError as error:  # ssl.SSLError is one
            self._drop(f"the certificates can't be used: {error}")
            return
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=access.username,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(access.username, access.password)
        if context is not None:
            client.tls_set_context(context)
        if self._will is not None:
            will = encode(self._will, self._format)
            about = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            about.ContentType = str(self._format)
            client.will_set(self._topic(UP_STATUS), will, qos=1, retain=True, properties=about)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(RECEIVE_MAX)
        client.max_queued_messages_set(QUEUE_MAX)
        self._listen(client)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = RECEIVE_MAX
        properties.MaximumPacketSize = PACKET_BYTES_MAX
        client.connect_async(
            access.host, access.port, KEEPALIVE_S, clean_start=True, properties=properties
        )
        self._client = client
        client.loop_start()

    def _listen(self, client: Client) -> None:
        """Let each callback put what it saw into the queue, and do nothing else."""
        generation, put = self._generation, self._inbox.put

        def on_connect(
            _: Client, __: object, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None
        ) -> None:
            put((generation, _Connected(_refusal(reason))))

        def on_connect_fail(_: Client, __: object) -> None:
            put((generation, _Lost("nobody answers at the broker's address, or not as TLS wants")))

        def on_subscribe(
            _: Client, __: object, ___: int, reasons: list[ReasonCode], ____: Properties | None
        ) -> None:
            refused = next((text for text in map(_refusal, reasons) if text), "")
            put((generation, _Subscribed(refused)))

        def on_disconnect(
            _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
        ) -> None:
            put((generation, _Lost(str(reason))))

        def on_publish(
            _: Client, __: object, mid: int, reason: ReasonCode, ____: Properties
        ) -> None:
            put((generation, _Published(mid, _refusal(reason))))

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            put((generation, _Message(message.topic, bytes(message.payload))))

        client.on_connect = on_connect
        client.on_connect_fail = on_connect_fail
        client.on_subscribe = on_subscribe
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_message = on_message

    def _topic(self, leaf: str) -> str:
        return topic(self._way.partition, self._way.access.username, leaf)

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms


def _refusal(reason: ReasonCode) -> str:
    """Why the broker refused; empty when it didn't."""
    return str(reason) if reason.is_failure else ""

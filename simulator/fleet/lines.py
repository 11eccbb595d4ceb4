"""Thousands of MQTT connections worked by one thread: paho on an event loop of our own."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.light_controller import LightController
from wire.topics import parse_topic

KEEPALIVE_S = 60
LOOK_AFTER_S = 5.0
"""Each connection is looked after this often: pings, and dead ones."""
EVENTS_PER_TURN_MAX = 512
"""Ready connections per turn; then whoever drives them gets their turn."""
PACKETS_PER_READ_MAX = 10

Heard = Callable[[str, str, bytes], None]
"""Told of a message: controller, leaf, payload."""


class Lines:
    """The connections of a fleet. Used by one thread.

    Args:
        port: Where the broker is on loopback.
        heard: Takes what comes.

    Attributes:
        ready: Names of controllers that are connected and subscribed.
        lost: How many connections broke; each is made again.
        heard: Takes what comes.
    """

    def __init__(self, port: int, heard: Heard) -> None:
        self.ready: set[str] = set()
        self.lost = 0
        self._port = port
        self.heard = heard
        self._selector = selectors.DefaultSelector()
        self._clients: dict[str, Client] = {}
        self._broken: deque[str] = deque()
        self._looked_after: deque[tuple[float, str]] = deque()
        self._is_closing = False
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.ContentType = "application/json"

    def open(self, voice: LightController) -> None:
        """Connect a controller; it is ready some turns later.

        Raises:
            OSError: The broker doesn't accept connections.
        """
        client = Client(
            CallbackAPIVersion.VERSION2, voice.name, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._clients[voice.name] = client
        self._listen(client, voice.name, voice.topic("down/#"))
        client.connect("127.0.0.1", self._port, KEEPALIVE_S)
        self._looked_after.append((time.monotonic() + LOOK_AFTER_S, voice.name))

    def publish(self, voice: LightController, leaf: str, payload: bytes, qos: int = 1) -> None:
        """Send a message; a broken connection loses it."""
        client = self._clients[voice.name]
        client.publish(voice.topic(leaf), payload, qos, properties=self._properties)

    def work(self, timeout_s: float) -> None:
        """Move what can be moved; waits at most `timeout_s` for something to move."""
        for key, events in self._selector.select(max(0.0, timeout_s))[:EVENTS_PER_TURN_MAX]:
            client: Client = key.data
            if events & selectors.EVENT_READ:
                client.loop_read(PACKETS_PER_READ_MAX)
            if events & selectors.EVENT_WRITE and client.want_write():
                client.loop_write()
        self._look_after()

    def close(self) -> None:
        """Say goodbye, and close all connections."""
        self._is_closing = True
        for client in self._clients.values():
            client.disconnect()
            while client.want_write() and client.loop_write() is MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            with suppress(OSError):
                key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _look_after(self) -> None:
        now_s = time.monotonic()
        while self._looked_after and self._looked_after[0][0] <= now_s:
            _, name = self._looked_after.popleft()
            self._clients[name].loop_misc()
            self._looked_after.append((now_s + LOOK_AFTER_S, name))
        for _ in range(len(self._broken)):
            name = self._broken.popleft()
            try:
                self._clients[name].reconnect()
            except OSError:
                self._broken.append(name)
                return

    def _listen(self, client: Client, name: str, down: str) -> None:
        def opened(_: Client, __: Any, sock: Any) -> None:
            self._selector.register(sock, selectors.EVENT_READ, client)

        def closed(_: Client, __: Any, sock: Any) -> None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(sock)

        def wants_write(_: Client, __: Any, sock: Any) -> None:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(sock, both, client)

        def wrote(_: Client, __: Any, sock: Any) -> None:
            with suppress(KeyError, ValueError):
                self._selector.modify(sock, selectors.EVENT_READ, client)

        def connected(*_: Any) -> None:
            client.subscribe(down, qos=1)

        def subscribed(*_: Any) -> None:
            self.ready.add(name)

        def disconnected(*_: Any) -> None:
            self.ready.discard(name)
            if not self._is_closing:
                self.lost += 1
                self._broken.append(name)

        def took(_: Client, __: Any, message: MQTTMessage) -> None:
            self.heard(name, parse_topic(message.topic).leaf, bytes(message.payload))

        client.on_socket_open, client.on_socket_close = opened, closed
        client.on_socket_register_write, client.on_socket_unregister_write = wants_write, wrote
        client.on_connect, client.on_subscribe = connected, subscribed
        client.on_disconnect = disconnected
        client.on_message = took

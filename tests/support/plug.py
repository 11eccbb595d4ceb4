"""An MQTT v5 client that keeps what it hears."""

from __future__ import annotations

import ssl
from queue import Empty, Queue

import paho.mqtt.client as mqtt

CONNECT_S = 5


class Plug:
    """One connection to a broker on loopback; `refused` says why it has none.

    Args:
        port: Where.
        name: As whom.
        password: Its own; empty: it shows none.
        context: For TLS; None: without.
        client_id: By default its name.
        will: Topic of the will that it leaves; empty: none.
    """

    def __init__(
        self,
        port: int,
        name: str,
        password: str = "",
        context: ssl.SSLContext | None = None,
        client_id: str = "",
        will: str = "",
    ) -> None:
        self.heard: Queue[mqtt.MQTTMessage] = Queue()
        self.lost: Queue[str] = Queue()
        self._answers: Queue[str] = Queue()
        self._acked: Queue[bool] = Queue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=mqtt.MQTTv5
        )
        if password:
            self._client.username_pw_set(name, password)
        if context is not None:
            self._client.tls_set_context(context)
        if will:
            self._client.will_set(will, b"a will", qos=1)
        self._client.on_connect = lambda *args: self._answers.put(_why(args[3]))
        self._client.on_disconnect = lambda *args: self._ended(str(args[3]))
        self._client.on_message = lambda _client, _data, message: self.heard.put(message)
        self._client.on_publish = lambda *args: self._acked.put(not args[3].is_failure)
        try:
            self._client.connect("127.0.0.1", port)
        except OSError as error:  # TLS said no at once
            self.refused = str(error)
            return
        self._client.loop_start()
        self.refused = self._answers.get(timeout=CONNECT_S)

    def subscribe(self, filter_: str) -> None:
        done: Queue[int] = Queue()
        self._client.on_subscribe = lambda *_: done.put(1)
        self._client.subscribe(filter_, qos=1)
        done.get(timeout=CONNECT_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send; True: the broker took it."""
        while not self._acked.empty():
            self._acked.get()
        self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            return self._acked.get(timeout=CONNECT_S)
        except Empty:
            return False

    def next(self, timeout_s: float = 5.0) -> mqtt.MQTTMessage | None:
        """The next message; None: none came."""
        try:
            return self.heard.get(timeout=timeout_s)
        except Empty:
            return None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Go without a word: the broker publishes the will."""
        self._client.loop_stop()
        socket = self._client.socket()
        if socket is not None:
            socket.close()

    def _ended(self, reason: str) -> None:
        self._answers.put(reason)
        self.lost.put(reason)


def _why(reason: mqtt.ReasonCode) -> str:
    return str(reason) if reason.is_failure else ""

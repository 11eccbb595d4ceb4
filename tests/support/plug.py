"""An MQTT v5 client that keeps what it hears."""

from __future__ import annotations

from queue import Empty, Queue

import paho.mqtt.client as mqtt

CONNECT_S = 5


class Plug:
    """One connection to a broker on loopback; `refused` says why it has none."""

    def __init__(self, port: int, name: str, password: str = "") -> None:
        self.heard: Queue[mqtt.MQTTMessage] = Queue()
        self._answers: Queue[str] = Queue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5
        )
        if password:
            self._client.username_pw_set(name, password)
        self._client.on_connect = lambda *args: self._answers.put(args[3])
        self._client.on_message = lambda _client, _data, message: self.heard.put(message)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        reason = self._answers.get(timeout=CONNECT_S)
        self.refused = str(reason) if reason.is_failure else ""

    def subscribe(self, filter_: str) -> None:
        done: Queue[int] = Queue()
        self._client.on_subscribe = lambda *_: done.put(1)
        self._client.subscribe(filter_, qos=1)
        done.get(timeout=CONNECT_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(CONNECT_S)

    def next(self, timeout_s: float = 5.0) -> mqtt.MQTTMessage | None:
        """The next message; None: none came."""
        try:
            return self.heard.get(timeout=timeout_s)
        except Empty:
            return None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

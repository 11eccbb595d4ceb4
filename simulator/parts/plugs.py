"""Switched sockets of several makers, as MQTT sees them, with their own timers.

Written from the makers' documents, as the drivers are: Shelly Gen1 and Gen2 API,
Tasmota's "Commands". Each is a client of a real broker, with a will like the real ones.
"""

from __future__ import annotations

import json
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Event, Thread

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

CONNECT_S = 10.0
TICK_MS = 20
_MS_PER_S = 1_000

OnRelay = Callable[[bool], None]
"""Told when the relay opens or closes; called from the plug's threads."""


class VirtualPlug(ABC):
    """A plug. Works from `plug` on.

    Args:
        port: The broker's, on 127.0.0.1.
        topic: As set in it.
        on_relay: What it switches.
        wh: Gives its total, in Wh.
    """

    def __init__(
        self,
        port: int,
        topic: str,
        on_relay: OnRelay = lambda _: None,
        wh: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.topic = topic
        self.is_mute = False
        """Whether it hears nothing, as behind a wall: connected, without an answer."""
        self.obeys = True
        """Whether its relay does what it is told."""
        self._port = port
        self._on_relay = on_relay
        self._wh = wh
        self._changed = Condition()
        self._is_on = False
        self._off_at_ms: int | None = None
        self._client: mqtt.Client | None = None
        self._ended = Event()
        self._thread: Thread | None = None

    @property
    def is_on(self) -> bool:
        """Whether its relay is closed."""
        with self._changed:
            return self._is_on

    @property
    def timer_ms(self) -> int | None:
        """What is left of its timer; None: none runs."""
        with self._changed:
            return None if self._off_at_ms is None else max(0, self._off_at_ms - _now_ms())

    def plug(self) -> None:
        """Give it power: it connects to the broker; nothing happens when it has.

        Raises:
            OSError: The broker isn't there; plug it again when it is.
        """
        if self._thread is None:
            self._ended.clear()
            self._thread = Thread(target=self._run_timer, name=self.topic, daemon=True)
            self._thread.start()
        if self._client is None:
            self._connect()

    def unplug(self) -> None:
        """Take its power away: its relay falls off, and the broker tells its will."""
        self.cut()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            thread.join()
        self.switch(on=False)

    def cut(self) -> None:
        """Take its network away: its relay stays, and its timer runs."""
        client, self._client = self._client, None
        if client is not None:
            # Without a DISCONNECT, so that the broker tells the will.
            line = client.socket()
            if isinstance(line, socket.socket):
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            client.loop_stop()

    def restore(self) -> None:
        """Give its network back."""
        if self._client is None and self._thread is not None:
            self._connect()

    def press(self) -> None:
        """Press its button."""
        self.switch(on=not self.is_on)

    def switch(self, *, on: bool, timer_ms: int | None = None) -> None:
        """Let its relay go on or off, and its timer begin anew."""
        with self._changed:
            was_on, self._is_on = self._is_on, on
            self._off_at_ms = _now_ms() + timer_ms if on and timer_ms is not None else None
            self._changed.notify_all()
        if was_on is not on:
            self._on_relay(on)

    @property
    @abstractmethod
    def will(self) -> tuple[str, bytes, bytes]:
        """Topic of its presence, and what it says there when it comes and goes."""

    @property
    @abstractmethod
    def commands(self) -> str:
        """The filter that it listens to."""

    @abstractmethod
    def obey(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Do what it is told; gives what it says then."""

    def wh(self) -> float:
        """Its total."""
        return self._wh()

    def _connect(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        topic, here, gone = self.will
        client.will_set(topic, gone, qos=1, retain=True)
        ready = Event()
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _client, _data, message: self._take(client, message)
        client.connect("127.0.0.1", self._port, keepalive=5)
        client.subscribe(self.commands)
        client.loop_start()
        if not ready.wait(CONNECT_S):
            raise TimeoutError(f"{self.topic}: the broker doesn't answer")
        client.publish(topic, here, qos=1, retain=True)
        self._client = client

    def _take(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        if not self.is_mute:
            for topic, payload in self.obey(message.topic, bytes(message.payload)):
                client.publish(topic, payload)

    def _run_timer(self) -> None:
        while not self._ended.wait(TICK_MS / _MS_PER_S):
            with self._changed:
                is_over = self._off_at_ms is not None and _now_ms() >= self._off_at_ms
            if is_over:
                self.switch(on=False)


class ShellyGen2(VirtualPlug):
    """Second generation and later."""

    @property
    def will(self) -> tuple[str, bytes, bytes]:
        return f"{self.topic}/online", b"true", b"false"

    @property
    def commands(self) -> str:
        return f"{self.topic}/rpc"

    def obey(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:  # noqa: ARG002 one topic
        asked = json.loads(payload)
        params = asked.get("params", {})
        answer: dict[str, object] = {"id": asked["id"], "src": self.topic, "dst": asked["src"]}
        if asked["method"] == "Switch.Set":
            answer["result"] = {"was_on": self.is_on}
            if self.obeys:
                after = params.get("toggle_after")
                timer_ms = None if after is None else int(after * _MS_PER_S)
                self.switch(on=params["on"], timer_ms=timer_ms)
        elif asked["method"] == "Switch.GetStatus":
            answer["result"] = {
                "id": params["id"],
                "source": "MQTT",
                "output": self.is_on,
                "aenergy": {"total": round(self.wh(), 3), "by_minute": [0.0, 0.0, 0.0]},
            }
        else:
            answer["error"] = {"code": 404, "message": f"No handler for {asked['method']}"}
        return [(f"{asked['src']}/rpc", json.dumps(answer).encode())]


class ShellyGen1(VirtualPlug):
    """First generation; its auto-off timer is a setting of its own."""

    auto_off_s: int | None = 30
    """None: it isn't set."""

    @property
    def will(self) -> tuple[str, bytes, bytes]:
        return f"shellies/{self.topic}/online", b"true", b"false"

    @property
    def commands(self) -> str:
        return f"shellies/{self.topic}/#"

    def obey(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        if topic.endswith("/relay/0/command"):
            if self.obeys:
                timer_ms = None if self.auto_off_s is None else self.auto_off_s * _MS_PER_S
                self.switch(on=payload == b"on", timer_ms=timer_ms)
            return [(f"shellies/{self.topic}/relay/0", b"on" if self.is_on else b"off")]
        if topic.endswith(f"{self.topic}/command") and payload == b"update":
            left_ms = self.timer_ms
            relay = {"ison": self.is_on, "has_timer": left_ms is not None}
            body = {
                "relays": [{**relay, "timer_remaining": -(-(left_ms or 0) // _MS_PER_S)}],
                # In watt minutes.
                "meters": [{"power": 0.0, "is_valid": True, "total": int(self.wh() * 60)}],
            }
            return [(f"shellies/{self.topic}/info", json.dumps(body).encode())]
        return []


class TasmotaPlug(VirtualPlug):
    """Anything with Tasmota on it."""

    pulse_time = 0

    @property
    def will(self) -> tuple[str, bytes, bytes]:
        return f"tele/{self.topic}/LWT", b"Online", b"Offline"

    @property
    def commands(self) -> str:
        return f"cmnd/{self.topic}/+"

    def obey(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        command, text = topic.rpartition("/")[2].lower(), payload.decode()
        if command == "pulsetime1":
            if text:
                self.pulse_time = int(text)
            return self._result({"PulseTime1": {"Set": self.pulse_time, "Remaining": 0}})
        if command == "power1":
            if text and self.obeys:
                self.switch(on=text == "ON", timer_ms=self._pulse_ms())
            return self._result({"POWER": "ON" if self.is_on else "OFF"})
        if command == "status" and text == "10":
            energy = {"TotalStartTime": "2026-01-01T00:00:00", "Total": round(self.wh() / 1000, 3)}
            body = {"StatusSNS": {"Time": "2026-11-23T12:00:00", "ENERGY": energy}}
            return [(f"stat/{self.topic}/STATUS10", json.dumps(body).encode())]
        return self._result({"Command": "Unknown"})

    def _pulse_ms(self) -> int | None:
        if self.pulse_time == 0:
            return None
        if self.pulse_time <= 111:  # noqa: PLR2004 Tasmota's own bound
            return self.pulse_time * 100
        return (self.pulse_time - 100) * _MS_PER_S

    def _result(self, body: dict[str, object]) -> list[tuple[str, bytes]]:
        return [(f"stat/{self.topic}/RESULT", json.dumps(body).encode())]


PLUGS: dict[str, type[VirtualPlug]] = {
    "shelly1": ShellyGen1,
    "shelly2": ShellyGen2,
    "tasmota": TasmotaPlug,
}
"""By the names that the controller's file has for them."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000

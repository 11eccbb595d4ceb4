"""The way to a plug: a small MQTT connection of its own, and the thread that owns it.

Not the hub's link: a plug's broker stands beside the plug, and works when the network
doesn't. Commands are sent once (QoS 0) and never kept by the broker, so that an old one
can't switch a plug on later.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Lock

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from hardware.owner import OwnerThread
from hardware.plugs.brain import Brain
from hardware.plugs.dialects import Dialect, dialect_of
from hardware.ports import HEALTH_CLOSED, Health
from hardware.sharing import Shared
from hardware.specs import PlugSpec
from wire.clock import Clock

CONNECT_S = 2.0
"""A broker on the same network answers in milliseconds; longer keeps `close` waiting."""
KEEPALIVE_S = 5
"""A broker that hangs is noticed within ten seconds, about a lease."""
TICK_MS = 100
"""How often the thread looks up without a message."""
INBOX_MAX = 200
"""A plug says a few things a second; what a flood brings beyond is lost."""
PASSWORD_BYTES_MAX = 1_024
_MS_PER_S = 1_000

Listener = Callable[[Fraction], None]
"""Takes a plug's energy total in Wh, from the plug's thread."""


@dataclass(frozen=True, slots=True)
class _Heard:
    topic: str
    payload: bytes
    is_old: bool


@dataclass(frozen=True, slots=True)
class _Lost:
    reason: str


class _Ready:
    """Connected, and listening."""


_Event = _Heard | _Lost | _Ready | None


class PlugLink:
    """One relay of one plug, for its output and its meter.

    Args:
        spec: Which one.
        clock: Tells leases and ages.

    Raises:
        SpecError: There is no such kind of plug.
    """

    def __init__(self, spec: PlugSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._dialect = dialect_of(spec)
        self._lock = Lock()
        self._brain = Brain(self._dialect, f"{spec.host}:{spec.port}")
        self._listeners: list[Listener] = []
        self._inbox: Queue[_Event] = Queue(INBOX_MAX)
        self._is_closed = False
        self._thread = OwnerThread(f"plug {spec.topic}", self._open, self._went_down)

    @property
    def health(self) -> Health:
        """Whether the plug can be relied on."""
        if self._is_closed:
            return HEALTH_CLOSED
        with self._lock:
            return self._brain.health(self._now_ms())

    @property
    def is_on(self) -> bool:
        """Whether it drives the machine, as far as it said."""
        with self._lock:
            return self._brain.is_on(self._now_ms())

    @property
    def is_known_off(self) -> bool:
        """Whether it said that it is off, and wasn't told otherwise since."""
        with self._lock:
            return self._brain.is_known_off()

    @property
    def on_ms_total(self) -> int:
        """For how long it was on."""
        with self._lock:
            return self._brain.on_ms(self._now_ms())

    def listen(self, listener: Listener) -> None:
        """Tell every energy total from now on."""
        with self._lock:
            self._listeners.append(listener)

    def drive(self) -> None:
        """Switch it from now on; it is switched off."""
        with self._lock:
            self._brain.drives = True
        self._wake()

    def want_on(self, lease_ms: int) -> None:
        """Be on until the lease ends."""
        with self._lock:
            self._brain.want_on(lease_ms, self._now_ms())
        self._wake()

    def want_off(self) -> None:
        """Be off."""
        with self._lock:
            self._brain.want_off()
        self._wake()

    def close(self) -> None:
        """Switch off as far as it can be reached, and end the connection."""
        self._is_closed = True
        self._wake()
        self._thread.close()

    def _open(self) -> _Session:
        return _Session(self._spec, self._dialect, self._inbox, self._take)

    def _take(self, event: _Event) -> list[tuple[str, bytes]]:
        """Take what came, and say what is to be sent. From the plug's thread."""
        now_ms = self._now_ms()
        with self._lock:
            brain, listeners, report = self._brain, tuple(self._listeners), None
            if isinstance(event, _Ready):
                brain.link_up(now_ms)
            elif isinstance(event, _Heard):
                report = self._dialect.hear(event.topic, event.payload)
                brain.hear(report, now_ms, is_old=event.is_old)
            messages = brain.step(now_ms)
            if self._is_closed and brain.drives:
                messages += self._dialect.off()
        if report is not None and report.energy_wh is not None and not event_is_old(event):
            for listener in listeners:
                listener(report.energy_wh)
        return messages

    def _went_down(self, reason: str) -> None:
        with self._lock:
            self._brain.link_down(reason)

    def _wake(self) -> None:
        with suppress(Full):
            self._inbox.put_nowait(None)

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms


def event_is_old(event: _Event) -> bool:
    """Whether a message was kept by the broker, and may be from long ago."""
    return isinstance(event, _Heard) and event.is_old


class _Session:
    """One connection to the broker."""

    def __init__(
        self,
        spec: PlugSpec,
        dialect: Dialect,
        inbox: Queue[_Event],
        take: Callable[[_Event], list[tuple[str, bytes]]],
    ) -> None:
        self._take = take
        self._inbox = inbox
        while not inbox.empty():
            inbox.get_nowait()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        if spec.user:
            client.username_pw_set(spec.user, _password(spec.password_file))
        client.connect_timeout = CONNECT_S
        self._listen(client, dialect.topics)
        client.connect(spec.host, spec.port, KEEPALIVE_S, clean_start=True)
        client.loop_start()

    def serve(self) -> int:
        event: _Event = None
        with suppress(Empty):
            event = self._inbox.get(timeout=TICK_MS / _MS_PER_S)
        if isinstance(event, _Lost):
            raise ConnectionError(event.reason)
        self._send(self._take(event))
        return 0

    def close(self) -> None:
        # What the brain says last: off, when the link is being closed.
        with suppress(Exception):
            self._send(self._take(None))
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self, messages: list[tuple[str, bytes]]) -> None:
        for topic, payload in messages:
            self._client.publish(topic, payload, qos=0)

    def _listen(self, client: Client, topics: tuple[str, ...]) -> None:
        def put(event: _Event) -> None:
            with suppress(Full):
                self._inbox.put_nowait(event)

        def on_connect(
            _: Client, __: object, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None
        ) -> None:
            if reason.is_failure:
                put(_Lost(f"it refuses the connection: {reason}"))
                return
            code, _mid = client.subscribe([(topic, 0) for topic in topics])
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                put(_Lost("the connection broke while subscribing"))

        def on_subscribe(
            _: Client, __: object, ___: int, reasons: list[ReasonCode], ____: Properties | None
        ) -> None:
            refused = any(reason.is_failure for reason in reasons)
            put(
                _Lost("it refuses the subscription: check its access list") if refused else _Ready()
            )

        def on_disconnect(
            _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
        ) -> None:
            put(_Lost(f"the connection ended: {reason}"))

        def on_message(_: Client, __: object, message: MQTTMessage) -> None:
            put(_Heard(message.topic, bytes(message.payload), message.retain))

        client.on_connect, client.on_subscribe = on_connect, on_subscribe
        client.on_disconnect, client.on_message = on_disconnect, on_message


def _password(path: str) -> str:
    """The first line of a file; a missing file shows as a reason of being down."""
    if not path:
        return ""
    with Path(path).open("rb") as file:
        return file.read(PASSWORD_BYTES_MAX).decode().partition("\n")[0].strip()


_links: Shared[PlugSpec, PlugLink] = Shared()


def join(spec: PlugSpec, clock: Clock) -> PlugLink:
    """Get the link of a plug, shared by all parts that use it.

    Raises:
        SpecError: There is no such kind of plug.
    """
    return _links.join(spec, lambda: PlugLink(spec, clock))


def leave(spec: PlugSpec) -> None:
    """Stop using it."""
    _links.leave(spec)

"""A virtual MQTT broker, and the lines to it.

As MQTT v5 (OASIS, sections 3.1 and 4.1): a client that comes under a name takes the
connection of whoever had it; sessions keep what has QoS 1 or 2 for who is away; wills are
said for who vanishes; retained messages go to who comes later. Lines are worse than TCP
lets them be: they lose and repeat single messages, since a broker or a client under
pressure does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from simulator.trials.kernel import Kernel
from simulator.trials.witness import Witness
from wire import topics

LATENCY_MS = 15
"""One way, on a line that is well."""
CONNECT_MS = 400
RECONNECT_MS = 2_000
"""A client that couldn't connect tries again after this."""
RETURN_MS = 30_000
"""A client whose place another one took comes back after this, and takes it again."""
NOTICED_MS = 45_000
"""Half as long again as a keepalive of 30 s: then both ends know that a line is cut."""
QUEUE_MAX = 5_000
"""Messages that the broker keeps for a client that is away."""
OVERTAKEN_MS_MAX = 3_000
PER_THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False


class Client(Protocol):
    """Whoever has a connection."""

    def came_up(self) -> None:
        """It is connected and subscribed."""
        ...

    def went_down(self, reason: str) -> None:
        """The connection is gone."""
        ...

    def came(self, message: Message) -> None:
        """A message came."""
        ...


@dataclass(slots=True)
class Noise:
    """How bad a line is: of a thousand messages, and at most so late."""

    loss: int = 0
    duplication: int = 0
    delay_ms: int = 0
    reordering: int = 0


class Line:
    """One client's line to the broker, and its session there.

    Attributes:
        name: The client's id.
        is_connected: Whether the broker takes it for connected.
        will: What the broker says when the client vanishes.
        ousted: Clients whose place another one took, with their wills.
    """

    def __init__(self, name: str, hears: Callable[[str], bool]) -> None:
        self.name = name
        self.hears = hears
        self.client: Client | None = None
        self.is_connected = False
        self.will: Message | None = None
        self.queue: deque[Message] = deque()
        self.number = 0
        self.last_ms = [0, 0]
        self.ousted: list[tuple[Client, Message | None]] = []


class Network:
    """The broker and all lines.

    Args:
        kernel: Virtual time.
        witness: Sees what is lost.
        random: What lines' own streams are derived from.
    """

    def __init__(self, kernel: Kernel, witness: Witness, random: Random) -> None:
        self._kernel = kernel
        self._witness = witness
        self._base = random.getrandbits(64)
        self._streams: dict[tuple[str, str], Random] = {}
        self._lines: dict[str, Line] = {}
        self._retained: dict[str, Message] = {}
        self._noise: dict[str, Noise] = {}
        self._cut: set[str] = set()
        self._traps: dict[str, tuple[str, Callable[[], None]]] = {}
        self._is_up = True

    def set_noise(
        self,
        controller: str,
        *,
        loss: int | None = None,
        duplication: int | None = None,
        delay_ms: int | None = None,
        reordering: int | None = None,
    ) -> None:
        """Say how bad a controller's line is; what isn't given stays as it is.

        Args:
            controller: Whose.
            loss: Of a thousand messages, how many are lost.
            duplication: Of a thousand, how many come twice.
            delay_ms: How late they come at most.
            reordering: Of a thousand, how many are overtaken by later ones.
        """
        noise = self._noise.setdefault(controller, Noise())
        given = {"loss": loss, "duplication": duplication, "delay_ms": delay_ms}
        for name, value in (given | {"reordering": reordering}).items():
            if value is not None:
                setattr(noise, name, value)

    def cut(self, controller: str) -> None:
        """Let nothing through any more; both ends notice later."""
        self._cut.add(controller)
        line = self._lines.get(controller)
        if line is not None:
            number = line.number
            self._kernel.after(NOTICED_MS, lambda: self._notice(line, number))

    def trap(self, controller: str, leaf: str, call: Callable[[], None]) -> None:
        """Do something once, right after a controller was sent its next message of a kind."""
        self._traps[controller] = (leaf, call)

    def disarm(self, controller: str) -> None:
        """Take a trap away that didn't spring; there is none: nothing happens."""
        self._traps.pop(controller, None)

    def heal(self, controller: str) -> None:
        """Let messages through again."""
        self._cut.discard(controller)

    def stop_broker(self) -> None:
        """Have the broker die, and forget everything."""
        self._is_up = False
        self._retained.clear()
        for line in list(self._lines.values()):
            line.queue.clear()
            line.will = None
            if line.client is not None and line.is_connected:
                self._drop(line, "the broker is gone")

    def start_broker(self) -> None:
        """Start it again, empty."""
        self._is_up = True

    def line(self, name: str, hears: Callable[[str], bool]) -> Line:
        """A client's line, new or as it was; `hears` says what it subscribes to."""
        line = self._lines.setdefault(name, Line(name, hears))
        line.hears = hears
        return line

    def connect(self, line: Line, client: Client, will: Message | None) -> None:
        """Have a client connect, and try again until it can; it takes another one's place."""
        other, its_will = line.client, line.will
        if other is not None and other is not client:
            if line.is_connected:
                self._drop(line, "another client came under this name")
            line.ousted.append((other, its_will))
            self._kernel.after(RETURN_MS, lambda: self._return(line, other))
        line.client, line.will = client, will
        line.number += 1
        self._try(line, line.number, CONNECT_MS)

    def leave(self, line: Line, client: Client, *, vanishes: bool) -> None:
        """Have a client go; one that vanishes leaves its will."""
        line.ousted = [(other, will) for other, will in line.ousted if other is not client]
        if line.client is not client:
            return
        line.number += 1
        line.client = None
        if not vanishes:
            line.is_connected, line.will = False, None
        elif line.is_connected:
            number = line.number
            self._kernel.after(NOTICED_MS, lambda: self._notice(line, number))

    def publish(self, line: Line, message: Message, client: Client) -> bool:
        """Hand a message to the broker; False: there is no connection."""
        if not line.is_connected or line.client is not client:
            return False
        self._send(line, 0, message, lambda: self._route(message))
        return True

    def _return(self, line: Line, client: Client) -> None:
        for other, will in line.ousted:
            if other is client:
                line.ousted.remove((other, will))
                self.connect(line, client, will)
                return

    def _try(self, line: Line, number: int, wait_ms: int) -> None:
        def attempt() -> None:
            if line.number != number or line.client is None:
                return
            if not self._is_up or line.name in self._cut:
                self._try(line, number, RECONNECT_MS)
                return
            line.is_connected = True
            line.client.came_up()
            for message in [m for m in self._retained.values() if line.hears(m.topic)]:
                self._pass_on(line, message)
            waiting, line.queue = line.queue, deque()
            for message in waiting:
                self._pass_on(line, message)

        self._kernel.after(wait_ms, attempt)

    def _notice(self, line: Line, number: int) -> None:
        """A connection over which nothing came for long is given up."""
        if line.number != number or not line.is_connected:
            return
        if line.client is not None and line.name not in self._cut:
            return  # it was healed in time: TCP sent again what was lost meanwhile
        self._drop(line, "nothing was heard for long")

    def _drop(self, line: Line, reason: str) -> None:
        line.is_connected = False
        will, line.will = line.will, None
        if will is not None and self._is_up:
            self._route(will)
        client = line.client
        line.number += 1
        if client is not None:
            client.went_down(reason)
            if line.client is client:
                line.will = will
                self._try(line, line.number, RECONNECT_MS)

    def _route(self, message: Message) -> None:
        if not self._is_up:
            return
        if message.retain:
            if message.payload:
                self._retained[message.topic] = message
            else:
                self._retained.pop(message.topic, None)
        for line in self._lines.values():
            if line.hears(message.topic):
                self._pass_on(line, message)

    def _pass_on(self, line: Line, message: Message) -> None:
        if not line.is_connected:
            if message.qos and len(line.queue) < QUEUE_MAX:
                line.queue.append(message)
            return
        number = line.number

        def arrive() -> None:
            if line.number == number and line.client is not None:
                line.client.came(message)

        self._send(line, 1, message, arrive)
        leaf, call = self._traps.get(line.name, ("", None))
        if call is not None and message.topic.endswith(leaf):
            self.disarm(line.name)
            call()

    def _send(self, line: Line, way: int, message: Message, arrive: Callable[[], None]) -> None:
        if line.name in self._cut:
            self._lose(line, message)
            return
        noise = self._noise.get(line.name)
        at_ms = self._kernel.now_ms + LATENCY_MS
        if noise is not None:
            if noise.loss and self._draw(line, "loss", PER_THOUSAND) < noise.loss:
                self._lose(line, message)
                return
            if noise.delay_ms:
                at_ms += self._draw(line, "delay", noise.delay_ms)
            if noise.duplication and self._draw(line, "twice", PER_THOUSAND) < noise.duplication:
                self._kernel.at(at_ms + self._draw(line, "again", OVERTAKEN_MS_MAX), arrive)
            if noise.reordering and self._draw(line, "late", PER_THOUSAND) < noise.reordering:
                self._kernel.at(at_ms + self._draw(line, "later", OVERTAKEN_MS_MAX), arrive)
                return
        line.last_ms[way] = max(line.last_ms[way], at_ms)
        self._kernel.at(line.last_ms[way], arrive)

    def _draw(self, line: Line, what: str, below: int) -> int:
        """Draw for one kind of noise on one line, which changes no other's draws."""
        stream = self._streams.get((line.name, what))
        if stream is None:
            stream = Random(f"{self._base}/{line.name}/{what}")
            self._streams[line.name, what] = stream
        return stream.randrange(below)

    def _lose(self, line: Line, message: Message) -> None:
        leaf = topics.parse_topic(message.topic).leaf
        self._witness.see("message_lost", line.name, leaf=leaf)

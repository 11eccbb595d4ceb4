"""A computer with the real agent on it: power, disk, clock, and a line to the broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from firmware_agent.bootstrap import Agent, Edges, build_agent
from firmware_agent.config import parse_config
from firmware_agent.errors import AgentError
from firmware_agent.identity import Identity
from firmware_agent.link import Came, Down, LinkEvent, Up
from firmware_agent.machine_side import Pace
from simulator.trials.clocks import OwnClock
from simulator.trials.disks import DiskOf, PowerCutError
from simulator.trials.kernel import Kernel, Timer
from simulator.trials.machines import Machine, MachineParts
from simulator.trials.network import Client, Line, Message, Network
from simulator.trials.witness import Witness
from wire import topics
from wire.codec import encode
from wire.ids import RANDOM_BYTES, format_id
from wire.uplink import Status

PACE = Pace(running_ms=29_000, idle_ms=600_000, lease_ms=60_000, rarer=10)
"""As slow as the ports allow with a lease that a machine may outrun: a look costs the same
as on a Pi, and a trial has hours of them."""
ROOM_BYTES = 1 << 34
"""What is free on a disk that isn't full."""
INBOX_MAX = 1_000
"""As of the real link: what doesn't fit is sent again."""
ID_WALL_MS_MAX = (1 << 48) - 1
_DOWN = "/down/"


@dataclass(frozen=True, slots=True)
class Place:
    """What a box is joined to.

    Attributes:
        kernel: Virtual time.
        network: The lines.
        witness: Sees starts and deaths.
    """

    kernel: Kernel
    network: Network
    witness: Witness


class Ids:
    """Ids from the seed.

    Args:
        clock: Its wall time goes into each.
        random: Makes them unique.
    """

    def __init__(self, clock: OwnClock, random: Random) -> None:
        self._clock = clock
        self._random = random

    def new(self, prefix: str) -> str:
        """A new id."""
        wall_ms = min(max(self._clock.now().wall_ms, 0), ID_WALL_MS_MAX)
        return format_id(prefix, wall_ms, self._random.randbytes(RANDOM_BYTES))


class BoxLink:
    """The agent's end of a line; a `firmware_agent.link.Link`.

    Args:
        network: The lines.
        controller: Its client id.
        woken: Called when there is something to poll.
    """

    def __init__(self, network: Network, controller: str, woken: Callable[[], None]) -> None:
        self._network = network
        self._partition = topics.partition_of(controller)
        self._controller = controller
        self._woken = woken
        base = topics.topic(self._partition, controller, "")
        self._line: Line = network.line(
            controller, lambda topic: topic.startswith(base) and _DOWN in topic
        )
        self._events: list[LinkEvent] = []

    def start(self, will: Status) -> None:
        message = self._message(topics.UP_STATUS, encode(will), qos=1, retain=True)
        self._network.connect(self._line, self, message)

    def poll(self) -> list[LinkEvent]:
        events, self._events = self._events, []
        return events

    def publish(self, leaf: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        message = self._message(leaf, payload, qos=qos, retain=retain)
        return self._network.publish(self._line, message, self)

    def flush(self, timeout_ms: int) -> bool:  # noqa: ARG002 the port's signature
        return True

    def close(self) -> None:
        self._network.leave(self._line, self, vanishes=False)

    def vanish(self) -> None:
        """Go without a word."""
        self._network.leave(self._line, self, vanishes=True)

    def came_up(self) -> None:
        self._put(Up())

    def went_down(self, reason: str) -> None:
        self._put(Down(reason))

    def came(self, message: Message) -> None:
        self._put(Came(topics.parse_topic(message.topic).leaf, message.payload))

    def _put(self, happened: LinkEvent) -> None:
        if len(self._events) < INBOX_MAX or not isinstance(happened, Came):
            self._events.append(happened)
        self._woken()

    def _message(self, leaf: str, payload: bytes, *, qos: int, retain: bool) -> Message:
        topic = topics.topic(self._partition, self._controller, leaf)
        return Message(topic, payload, qos, retain)


class Box:
    """A computer that runs one controller's agent.

    Args:
        name: Of its disk, as the witness calls it.
        place: What it is joined to.
        identity: As enrolled.
        disk: Its disk.
        wired: Its machines, and the file that names them.
        random: For ids.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        identity: Identity,
        disk: DiskOf,
        wired: tuple[dict[str, Machine], str],
        random: Random,
    ) -> None:
        self.name = name
        self.disk = disk
        self.clock = OwnClock(place.kernel)
        self.machines, toml = wired
        self.trouble = ""
        self._place = place
        self._identity = identity
        self._config = parse_config(toml)
        self._ids = Ids(self.clock, random)
        self._agent: Agent | None = None
        self._link: BoxLink | None = None
        self._timer: Timer | None = None
        self._due_ms = 0

    @property
    def is_up(self) -> bool:
        """Whether its agent runs."""
        return self._agent is not None

    @property
    def agent(self) -> Agent | None:
        """Its agent; None: it doesn't run."""
        return self._agent

    @property
    def journal_bytes_max(self) -> int:
        """How large its database may become."""
        return self._config.journal_bytes_max

    def start(self) -> None:
        """Power on, if it is off."""
        if self.is_up:
            return
        self.clock.boot()
        link = BoxLink(self._place.network, self._identity.controller, self.wake)
        edges = Edges(
            parts=MachineParts(self.machines, self.clock, self.wake),
            clock=self.clock,
            ids=self._ids,
            link=link,
            identity=self._identity,
            pace=PACE,
            connect=self.disk.connect(),
            free_bytes=lambda: 0 if self.disk.fuse.is_full else ROOM_BYTES,
        )
        self._link = link
        self.trouble = ""
        try:
            self._agent = build_agent(self._config, edges)
            self._agent.start()
        except AgentError as error:
            self.trouble = str(error)
            self._off(reason="start_failed", power=False)
        except PowerCutError:
            self._off(reason="power", power=True)
        else:
            self._place.witness.see("started", self.name)
            self.wake()

    def stop(self) -> None:
        """Shut down in order."""
        self.tell_ignored()
        agent, self._agent = self._agent, None
        if agent is None:
            return
        try:
            agent.close()
        except PowerCutError:
            self._agent = agent
            self._off(reason="power", power=True)
            return
        self.disk.let_go()
        self._cancel()
        self._place.witness.see("stopped", self.name)

    def kill(self) -> None:
        """Kill the agent; relays fall when their leases end."""
        if self.is_up:
            self._off(reason="killed", power=False)

    def cut_power(self) -> None:
        """Cut the power: relays fall at once."""
        if self.is_up:
            self._off(reason="power", power=True)

    def tell_ignored(self) -> None:
        """Have the witness see which messages the agent ignored since its start."""
        for code, times in () if self._agent is None else self._agent.dropped.items():
            self._place.witness.see("ignored", self.name, code=int(code), times=times)

    def wake(self) -> None:
        """Something came for the agent: it looks at once."""
        self._plan(0)

    def do(self, call: Callable[[Agent], object]) -> None:
        """Have something done to a running agent, and be there if the power goes meanwhile."""
        if self._agent is None:
            return
        try:
            call(self._agent)
        except PowerCutError:
            self._off(reason="power", power=True)

    def _step(self) -> None:
        self._timer = None
        self.do(self._turn)

    def _turn(self, agent: Agent) -> None:
        idle_ms = agent.step()
        if agent.runtime.wants_restart:
            self.stop()
            self.start()
        else:
            self._plan(self.clock.local_delay(idle_ms))

    def _plan(self, delay_ms: int) -> None:
        if self._agent is None:
            return
        due_ms = self._place.kernel.now_ms + delay_ms
        if self._timer is not None:
            if self._due_ms <= due_ms:
                return
            self._timer.cancel()
        self._due_ms = due_ms
        self._timer = self._place.kernel.at(due_ms, self._step)

    def _off(self, *, reason: str, power: bool) -> None:
        self.tell_ignored()
        agent, self._agent = self._agent, None
        image = self.disk.read()
        if agent is not None:
            agent.abandon()
        for connection in self.disk.fuse.connections:
            connection.close()
        self.disk.let_go()
        if image:
            self.disk.write(image)  # closing it copied the log, which a dead computer doesn't
        if self._link is not None:
            self._link.vanish()
        self._cancel()
        for machine in self.machines.values():
            machine.unplug()
            if power:
                machine.let_go()
        self._place.witness.see("crashed", self.name, how=reason)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_CLIENT: type[Client] = BoxLink

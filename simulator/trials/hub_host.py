"""The real hub on a virtual network and clock, in the thread that runs the trial.

Where the real one has threads that wait for something to do, this one is called: when a
message comes, when somebody asks, and a little later to send what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TypeVar

from sqlalchemy import Connection

from hub.bootstrap import Database, Hub, build_hub
from hub.config import HubConfig, MqttConfig
from hub.errors import HubError, OutcomeUnknownError
from hub.fleet.code_keys import code_key
from hub.ledger.inline import InlineWriter, Point
from hub.ledger.writer import Job
from hub.mqtt_link import CLIENT_ID, Outgoing, Received
from hub.store.engine import Store, open_store
from simulator.trials.clocks import TrueClock
from simulator.trials.kernel import Kernel, Timer
from simulator.trials.network import Message, Network
from simulator.trials.witness import Witness
from wire import topics

AFTER_ACK = "after_ack"
BEFORE_PUBLISH = "before_publish"
POINTS = (Point.BEFORE_COMMIT.value, Point.AFTER_COMMIT.value, AFTER_ACK, BEFORE_PUBLISH)
"""Where a hub can die, in the order in which it comes by."""
SEND_MS = 30
"""After something happened the hub looks for what to send so much later."""
JOBS_MS = 300_000
"""Jobs look by the minute in a real hub; what they find is due for as long."""

T = TypeVar("T")


class HubDiedError(BaseException):
    """Raised out of the hub where it dies. Nobody may catch it but its host."""


class HubGoneError(OutcomeUnknownError):
    """Raised to who asks a hub that is down, or that died before it answered."""


class HubLink:
    """The hub's end of its line; a `hub.mqtt_link.Link`."""

    def __init__(self, network: Network, host: HubHost) -> None:
        self._host = host
        self._network = network
        self._line = network.line(CLIENT_ID, _is_upward)
        self.connected = False

    def send(self, message: Outgoing) -> bool:
        self._host.passes(BEFORE_PUBLISH)
        sent = Message(message.topic, message.payload, message.qos, message.retain)
        done = self._network.publish(self._line, sent, self)
        if message.topic.endswith(topics.DOWN_ACK):
            self._host.passes(AFTER_ACK)
        return done

    def follow(self, partitions: frozenset[str] | None) -> None:
        """It follows all."""

    def start(self) -> None:
        self._network.connect(self._line, self, None)

    def close(self) -> None:
        self.connected = False
        self._network.leave(self._line, self, vanishes=False)

    def vanish(self) -> None:
        """Go without a word."""
        self.connected = False
        self._network.leave(self._line, self, vanishes=True)

    def came_up(self) -> None:
        self.connected = True
        self._host.connected()

    def went_down(self, reason: str) -> None:  # noqa: ARG002 the port's signature
        self.connected = False

    def came(self, message: Message) -> None:
        self._host.receive(Received(message.topic, message.payload))


class HubHost:
    """The hub, as somebody with an axe has it.

    Args:
        data: Its directory, initialised.
        kernel: Virtual time.
        network: The lines.
        witness: Sees it die and start.
        random: Its randomness.
    """

    def __init__(
        self, data: Path, kernel: Kernel, network: Network, witness: Witness, random: Random
    ) -> None:
        self.data = data
        self._kernel = kernel
        self._network = network
        self._witness = witness
        self._random = random
        self._hub: Hub | None = None
        self._link: HubLink | None = None
        self._crash_at = ""
        self._crash_after = 0
        self._is_dying = False
        self._timer: Timer | None = None
        self._due_ms = 0
        self._jobs_ms = 0
        self._keys = (b"", b"")
        self._code_keys: dict[str, bytes] = {}
        self._died: Callable[[Connection], None] = lambda _: None
        self._returns: Callable[[], None] = lambda: None

    @property
    def db(self) -> Path:
        """Its SQLite file."""
        return self.data / "hub.db"

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._hub is not None

    @property
    def hub(self) -> Hub:
        """The hub that runs.

        Raises:
            HubGoneError: None does.
        """
        if self._hub is None:
            raise HubGoneError("the hub is down: ask again with the same id")
        return self._hub

    @property
    def card_salt(self) -> bytes:
        """For card references."""
        return self._keys[0]

    @property
    def voucher_secret(self) -> bytes:
        """Key of the hashes of voucher codes."""
        return self._keys[1]

    def learn_code_key(self, controller: str, public_key: str) -> None:
        """Remember the key of a controller's codes, as the web does when it prints them."""
        self._code_keys[controller] = code_key(self.hub.keys, controller, public_key)

    def code_key(self, controller: str) -> bytes:
        """Key of the offline codes for a controller."""
        return self._code_keys[controller]

    def watch(self, died: Callable[[Connection], None], returns: Callable[[], None]) -> None:
        """Have somebody told when it has died, with its book to read, and before it returns."""
        self._died, self._returns = died, returns

    def start(self) -> None:
        """Start it on what its disk holds, if it doesn't run; a death to come doesn't."""
        self._crash_at = ""
        if self._hub is not None:
            return
        self._is_dying, self._crash_at = False, ""
        link = HubLink(self._network, self)
        config = HubConfig(data=self.data, mqtt=MqttConfig(host=""))
        hub = build_hub(
            config,
            clock=TrueClock(self._kernel),
            entropy=self._random.randbytes,
            link=link,
            alone=True,
            database=Database(_store, partial(InlineWriter, passing=self.passes)),
        )
        self._hub, self._link = hub, link
        self._keys = (hub.keys.card_salt, hub.keys.voucher_secret)
        self._returns()
        self._witness.see("started", "hub")
        self._guarded(hub.downlink.catch_up)
        link.start()
        self._soon()

    def stop(self) -> None:
        """Stop it in order."""
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.close()
            self._witness.see("stopped", "hub")

    def crash(self) -> None:
        """Kill it now."""
        if self._hub is not None:
            self._bury()

    def crash_at(self, point: str, after: int = 1) -> None:
        """Have it die when it comes by a point for the n-th time from now.

        Raises:
            ValueError: There is no such point.
        """
        if point not in POINTS:
            raise ValueError(f"a hub dies at one of {', '.join(POINTS)}, not at {point}")
        self._crash_at, self._crash_after = point, after

    def run(self, job: Job[T]) -> T:
        """Have something booked or looked up.

        Raises:
            HubGoneError: It is down, or died before it answered.
            HubError: It refuses.
        """
        hub = self.hub
        try:
            return hub.writer.run(job)
        except HubDiedError:
            raise HubGoneError("the hub died: ask again with the same id") from None
        finally:
            self._end_turn()

    def receive(self, message: Received) -> None:
        """Take in a message."""
        if self._hub is not None:
            self._guarded(partial(self._hub.uplink.handle, message))
            self._soon()

    def connected(self) -> None:
        """The broker is there."""
        if self._hub is not None:
            self._guarded(self._hub.downlink.connected)
            self._soon()

    def passes(self, point: str) -> None:
        """It comes by a point.

        Raises:
            HubDiedError: It dies there, or has died already.
        """
        if self._is_dying:
            raise HubDiedError
        if point == self._crash_at:
            self._crash_after -= 1
            if self._crash_after <= 0:
                self._is_dying = True
                raise HubDiedError

    def _guarded(self, call: Callable[[], object]) -> None:
        """Have the hub do something of its own; what it can't do now it does later."""
        try:
            with suppress(HubError):
                call()
        except HubDiedError:
            pass
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        """It died meanwhile, whatever it made of that; or it has something to send."""
        if self._is_dying:
            self._bury()
        self._soon()

    def _bury(self) -> None:
        hub, self._hub = self._hub, None
        self._is_dying = False
        if hub is None:
            return
        if self._link is not None:
            self._link.vanish()
        hub.writer.close()
        with hub.store.read() as connection:
            self._died(connection)
        hub.store.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._witness.see("crashed", "hub", how=self._crash_at or "killed")
        self._crash_at = ""

    def _soon(self) -> None:
        self._plan(SEND_MS)

    def _plan(self, delay_ms: int) -> None:
        if self._hub is None:
            return
        due_ms = self._kernel.now_ms + delay_ms
        if self._timer is not None:
            if self._due_ms <= due_ms:
                return
            self._timer.cancel()
        self._due_ms = due_ms
        self._timer = self._kernel.at(due_ms, self._pump)

    def _pump(self) -> None:
        """Send what is due, do the hub's own jobs, and come back when time brings more."""
        hub = self._hub
        if hub is None:
            return
        self._guarded(hub.downlink.step)
        now_ms = self._kernel.now_ms
        if now_ms >= self._jobs_ms and self._hub is not None:
            self._jobs_ms = now_ms + JOBS_MS
            self._guarded(hub.jobs.step)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        due_ms = hub.downlink.due_ms() if self._hub is not None else None
        waits_ms = self._jobs_ms - now_ms if due_ms is None else due_ms - now_ms
        self._plan(max(SEND_MS, min(waits_ms, self._jobs_ms - now_ms)))


@cache
def _store(url: str) -> Store:
    """A database's engines, with what they have compiled: that takes longer than a start."""
    return open_store(url)


def _is_upward(topic: str) -> bool:
    return "/up/" in topic

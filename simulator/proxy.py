"""A network cable that can be pulled: a TCP proxy on loopback.

Each `Link` listens at a port of its own and carries connections to one target. It can
be cut (connections drop, new ones are refused), stalled (connections stay, nothing
arrives, as behind a dead router), slowed, narrowed, and restored. It can reset its
connections, or lose one end of them behind the other's back. One thread carries all
links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from enum import Enum
from threading import Thread
from typing import Any, TypeVar

from simulator.carrier import Carrier, End
from simulator.errors import SetupError
from simulator.flow import BOTH, CHUNK_BYTES, CLEAN, Condition, Flow, Way

CONNECTIONS_MAX = 256
"""A demo has a handful; more means that something reconnects without pause."""
CALL_S = 5.0
"""Orders to the carrying thread are answered at once; longer means it's gone."""
DELAY_MS = 800
"""Each way, as over a satellite, or a phone at the edge of its cell."""
TRICKLE_BYTES_PER_S = 2_000
"""What GPRS leaves of itself on a bad day: a batch of a hundred events takes half a minute."""

T = TypeVar("T")


class LinkState(Enum):
    """What a link does."""

    UP = "up"
    CUT = "cut"
    STALLED = "stalled"
    DELAYED = "delayed"
    TRICKLING = "trickling"


class NetworkFault(Enum):
    """What can happen to a link."""

    CUT = "cut"
    """Connections drop, new ones are refused."""
    STALL = "stall"
    """Connections stay and new ones are accepted, nothing arrives until it's restored."""
    DELAY = "delay"
    """Everything arrives later."""
    TRICKLE = "trickle"
    """Little arrives at a time."""
    RESET = "reset"
    """Connections are reset once; new ones work."""
    HALF_OPEN = "half-open"
    """The target forgets its connections, who connected isn't told; new ones work."""


class Network:
    """The thread that carries links. Close it when done; it ends with the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._links: list[Link] = []

    def link(self, target_port: int) -> Link:
        """Lay a link to a port on loopback; it's up.

        Raises:
            SetupError: No port is free.
        """
        link = Link(self, target_port)
        self._links.append(link)
        return link

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the carrying thread and wait for it, at most `CALL_S`."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(CALL_S)

    def close(self) -> None:
        """Cut all links and end the thread."""
        if not self._thread.is_alive():
            return
        for link in self._links:
            link.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()


class Link:
    """One cable. Made by `Network.link`.

    Attributes:
        port: Where to connect instead of the target; stays the same.
        target_port: Where the link leads.
    """

    def __init__(self, network: Network, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self._network = network
        self._server: asyncio.Server | None = None
        self._flows = {way: Flow() for way in Way}
        self._carriers: dict[asyncio.Task[None], Carrier | None] = {}
        network.run(self._listen())

    @property
    def state(self) -> LinkState:
        """What it does now; of two directions the worse."""
        if self._server is None:
            return LinkState.CUT
        conditions = [flow.condition for flow in self._flows.values()]
        if any(condition.stalled for condition in conditions):
            return LinkState.STALLED
        if any(condition.bytes_per_s for condition in conditions):
            return LinkState.TRICKLING
        if any(condition.delay_ms for condition in conditions):
            return LinkState.DELAYED
        return LinkState.UP

    def suffer(self, fault: NetworkFault) -> None:
        """Let something happen to it, of an ordinary size."""
        actions: dict[NetworkFault, Callable[[], None]] = {
            NetworkFault.CUT: self.cut,
            NetworkFault.STALL: self.stall,
            NetworkFault.DELAY: self.delay,
            NetworkFault.TRICKLE: self.trickle,
            NetworkFault.RESET: self.reset,
            NetworkFault.HALF_OPEN: self.half_open,
        }
        actions[fault]()

    def cut(self) -> None:
        """Drop all connections and refuse new ones."""
        self._network.run(self._cut())

    def stall(self, ways: frozenset[Way] = BOTH) -> None:
        """Keep connections and accept new ones, but carry nothing in these directions."""
        self._network.run(self._impose(Condition(stalled=True), ways))

    def delay(self, delay_ms: int = DELAY_MS, ways: frozenset[Way] = BOTH) -> None:
        """Carry everything in these directions `delay_ms` later, in order."""
        self._network.run(self._impose(Condition(delay_ms=delay_ms), ways))

    def trickle(self, bytes_per_s: int = TRICKLE_BYTES_PER_S, ways: frozenset[Way] = BOTH) -> None:
        """Carry at most so many bytes a second in these directions of each connection."""
        self._network.run(self._impose(Condition(bytes_per_s=bytes_per_s), ways))

    def reset(self) -> None:
        """Reset all connections, once: both ends are told at once."""
        self._network.run(self._drop_all(reset=True))

    def half_open(self, lost: End = End.FAR) -> None:
        """Lose one end of all connections without a word to the other.

        As when a router that translates addresses restarts: what the other end sends is
        accepted and goes nowhere. New connections work.
        """
        self._network.run(self._lose(lost))

    def restore(self) -> None:
        """Carry again at once, whatever was done to it. Lost ends stay lost."""
        self._network.run(self._impose(CLEAN, BOTH))

    async def _listen(self) -> None:
        if self._server is not None:
            return
        try:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, limit=CHUNK_BYTES
            )
        except OSError as error:
            raise SetupError(f"can't listen on 127.0.0.1:{self.port}: {error}") from None
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _cut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._drop_all()

    async def _drop_all(self, *, reset: bool = False) -> None:
        tasks = list(self._carriers)
        for task, carrier in list(self._carriers.items()):
            if reset and carrier is not None:
                carrier.reset()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _lose(self, end: End) -> None:
        for carrier in self._carriers.values():
            if carrier is not None:
                carrier.lose(end)

    async def _impose(self, condition: Condition, ways: frozenset[Way]) -> None:
        for way, flow in self._flows.items():
            flow.impose(condition if way in ways else CLEAN)
        await self._listen()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._carriers) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._carriers[task] = None
        try:
            await self._flows[Way.OUT].moving()
            far = await asyncio.open_connection("127.0.0.1", self.target_port, limit=CHUNK_BYTES)
            self._carriers[task] = carrier = Carrier((reader, writer), far, self._flows)
            await carrier.carry()
        except (OSError, asyncio.CancelledError):
            # Cancelled by `cut`: that's the end of this connection and of nothing else.
            pass
        finally:
            self._carriers.pop(task, None)
            writer.transport.abort()

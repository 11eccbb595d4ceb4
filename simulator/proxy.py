"""A network cable that can be pulled: a TCP proxy on loopback.

Each `Link` listens at a port of its own and carries connections to one target. It can
be cut (connections drop, new ones are refused), stalled (connections stay, nothing
arrives, as behind a dead router) and restored. One thread carries all links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from threading import Thread
from typing import Any, TypeVar

from simulator.errors import SetupError

CONNECTIONS_MAX = 256
"""A demo has a handful; more means that something reconnects without pause."""
CHUNK_BYTES = 64 * 1024
"""Read at most this much before it's passed on, so a stalled link holds little."""
CALL_S = 5.0
"""Orders to the carrying thread are answered at once; longer means it's gone."""

T = TypeVar("T")


class LinkState(Enum):
    """What a link does."""

    UP = "up"
    CUT = "cut"
    STALLED = "stalled"


class Way(Enum):
    """A direction on a link."""

    OUT = "out"
    """From who connects to the target."""
    IN = "in"
    """From the target to who connects."""


BOTH = frozenset(Way)


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
        self._flowing = {way: asyncio.Event() for way in Way}
        for flowing in self._flowing.values():
            flowing.set()
        self._carriers: set[asyncio.Task[None]] = set()
        network.run(self._listen())

    @property
    def state(self) -> LinkState:
        """What it does now."""
        if self._server is None:
            return LinkState.CUT
        flows = all(flowing.is_set() for flowing in self._flowing.values())
        return LinkState.UP if flows else LinkState.STALLED

    def cut(self) -> None:
        """Drop all connections and refuse new ones."""
        self._network.run(self._cut())

    def stall(self, ways: frozenset[Way] = BOTH) -> None:
        """Keep connections and accept new ones, but carry nothing in these directions."""
        self._network.run(self._set_flowing(stalled=ways))

    def restore(self) -> None:
        """Carry again, whether cut or stalled."""
        self._network.run(self._set_flowing(stalled=frozenset()))

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
        carriers = list(self._carriers)
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)

    async def _set_flowing(self, *, stalled: frozenset[Way]) -> None:
        for way, flowing in self._flowing.items():
            if way in stalled:
                flowing.clear()
            else:
                flowing.set()
        await self._listen()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.current_task()
        if carrier is None or len(self._carriers) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._carriers.add(carrier)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            # Cancelled by `cut`: that's the end of this connection and of nothing else.
            pass
        finally:
            self._carriers.discard(carrier)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing[Way.OUT].wait()
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", self.target_port, limit=CHUNK_BYTES
        )
        pumps = [
            asyncio.ensure_future(self._pump(Way.OUT, reader, far_writer)),
            asyncio.ensure_future(self._pump(Way.IN, far_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Aborted, not closed: a pulled cable sends no goodbye, and neither end may
            # get what was still on its way. And before anything is awaited: a cut may
            # cancel this task a second time there.
            far_writer.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await self._flowing[way].wait()
                sink.write(data)
                await sink.drain()

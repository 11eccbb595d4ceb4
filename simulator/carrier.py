"""One connection through a link: two sockets, and what happens when one of them is lost."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

from simulator.flow import CHUNK_BYTES, Flow, Way

_LINGER_NONE = struct.pack("ii", 1, 0)
"""`SO_LINGER` on, zero seconds: closing sends a reset instead of an end (socket(7))."""


class End(Enum):
    """An end of a connection."""

    NEAR = "near"
    """Who connected."""
    FAR = "far"
    """The target."""


class Carrier:
    """One connection.

    Args:
        near: Streams to who connected.
        far: Streams to the target.
        flows: What happens in each direction.
    """

    def __init__(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        flows: Mapping[Way, Flow],
    ) -> None:
        self._ends = {End.NEAR: near, End.FAR: far}
        self._flows = flows
        self._lost: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def lose(self, end: End) -> None:
        """Reset one end; the other one isn't told, and talks to nobody from now on."""
        if not self._lost.done():
            self._lost.set_result(end)

    def reset(self) -> None:
        """Have both ends told of a reset when the connection is closed."""
        for _, writer in self._ends.values():
            _reset_at_close(writer)

    async def carry(self) -> None:
        """Carry until an end closes, or the one that is left after a loss does."""
        near, far = self._ends[End.NEAR], self._ends[End.FAR]
        pumps: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._flows[Way.OUT].pump(near[0], far[1])),
            asyncio.ensure_future(self._flows[Way.IN].pump(far[0], near[1])),
        ]
        ends: list[asyncio.Future[Any]] = [*pumps, self._lost]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._lost.done():
                await self._go_on_alone(self._lost.result(), pumps)
        finally:
            # Aborted, not closed: a pulled cable sends no goodbye, and neither end may
            # get what was still on its way. And before anything is awaited: a cut may
            # cancel this task a second time there.
            for _, writer in self._ends.values():
                writer.transport.abort()
            self._lost.cancel()
            await _stop(pumps)

    async def _go_on_alone(self, lost: End, pumps: list[asyncio.Future[None]]) -> None:
        await _stop(pumps)
        writer = self._ends[lost][1]
        _reset_at_close(writer)
        writer.transport.abort()
        left = End.NEAR if lost is End.FAR else End.FAR
        with suppress(OSError):
            while await self._ends[left][0].read(CHUNK_BYTES):
                pass


async def _stop(pumps: list[asyncio.Future[None]]) -> None:
    for pump in pumps:
        pump.cancel()
    await asyncio.gather(*pumps, return_exceptions=True)


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)

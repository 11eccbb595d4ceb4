"""One direction of a link: bytes go on at once, late, slowly, or not until it's restored."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

CHUNK_BYTES = 64 * 1024
"""Read at most this much before it's passed on, so a stalled link holds little."""
CHUNKS_MAX = 16
"""Chunks on their way at once in one direction of a connection: a megabyte, what a slow
router holds. More waits at the sender, which TCP tells it."""
PIECES_PER_S = 20
"""A narrow link passes bytes on in pieces this often: smooth, and no work to speak of."""
_MS_PER_S = 1_000


class Way(Enum):
    """A direction on a link."""

    OUT = "out"
    """From who connects to the target."""
    IN = "in"
    """From the target to who connects."""


BOTH = frozenset(Way)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a direction does to bytes.

    Attributes:
        stalled: Nothing is passed on, nothing is lost.
        delay_ms: Everything is passed on this much later, in order; ≥ 0.
        bytes_per_s: At most so much is passed on; 0: no limit.
    """

    stalled: bool = False
    delay_ms: int = 0
    bytes_per_s: int = 0


CLEAN = Condition()


class Flow:
    """One direction of all connections of a link. Used in the carrying thread only."""

    def __init__(self) -> None:
        self.condition = CLEAN
        self._changed = asyncio.Event()

    def impose(self, condition: Condition) -> None:
        """Do this to bytes from now on, also to those on their way."""
        self.condition = condition
        self._changed.set()
        self._changed.clear()

    async def moving(self) -> None:
        """Wait while it's stalled."""
        while self.condition.stalled:
            await self._changed.wait()

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass on what comes until the source ends or the sink is gone."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)
        taking = asyncio.ensure_future(_take_in(source, waiting))
        try:
            with suppress(OSError):
                await self._pass_on(waiting, sink)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _pass_on(
        self, waiting: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            came_s, data = await waiting.get()
            await self._until_due(came_s)
            if not data:
                return
            while data:
                await self.moving()
                size = self._piece_bytes(len(data))
                sink.write(data[:size])
                await sink.drain()
                if self.condition.bytes_per_s:
                    await asyncio.sleep(size / self.condition.bytes_per_s)
                data = data[size:]

    async def _until_due(self, came_s: float) -> None:
        """Wait until what came then may go on; a changed condition counts at once."""
        while True:
            await self.moving()
            left_s = came_s + self.condition.delay_ms / _MS_PER_S - _now_s()
            if left_s <= 0:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left_s)

    def _piece_bytes(self, available: int) -> int:
        if not self.condition.bytes_per_s:
            return available
        return min(available, max(1, self.condition.bytes_per_s // PIECES_PER_S))


async def _take_in(
    source: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]
) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK_BYTES):
            await waiting.put((_now_s(), data))
    # That it ended goes the same way as what was said before.
    await waiting.put((_now_s(), b""))


def _now_s() -> float:
    return asyncio.get_running_loop().time()

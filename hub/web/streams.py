"""Live streams: told that something changed, clients read it again.

A stream carries no figures, only names of what changed, so a slow client misses
nothing by missing an event: names waiting for it are joined in one set. Streams are
few, and end at once when the hub stops or the client leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress

import msgspec
from litestar.response.sse import ServerSentEventMessage

from hub.web.problems import WebError
from wire.clock import Clock
from wire.errors import Code

STREAMS_MAX = 64
"""Each costs a connection and some memory; more people watch through a proxy of their own."""
BEAT_S = 5
"""A client that hears nothing for several of these says so to its people."""
SETTLE_S = 0.2
"""Changes within this go out as one event."""
TOPICS = frozenset({"controllers", "machines", "sessions", "accounts", "alarms", "exposure"})


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Data of an event.

    Attributes:
        what: Names out of `TOPICS`; empty in a beat.
        at_ms: The hub's clock.
    """

    what: list[str]
    at_ms: int


class _Listener:
    """One stream's mail box: a set, so it never holds more than all topics."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.woken = asyncio.Event()


class Streams:
    """All live streams of the hub. `publish` and `close` may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say on which event loop the streams run; before it, nothing is published."""
        self._loop = loop
        self._closed = False

    def publish(self, topics: Iterable[str]) -> None:
        """Tell all streams that something changed."""
        names = frozenset(topics) & TOPICS
        if names:
            self._wake(names)

    def close(self) -> None:
        """End all streams; new ones end at once."""
        self._closed = True
        self._wake(frozenset())

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def open(self) -> AsyncGenerator[ServerSentEventMessage, None]:
        """Open a stream.

        Raises:
            WebError: There are too many already.
        """
        if len(self._listeners) >= STREAMS_MAX:
            raise WebError(
                f"{STREAMS_MAX} live streams are open already: read the lists, or try later.",
                Code.OVERLOADED,
                {"Retry-After": "10"},
            )
        return self._events()

    async def _events(self) -> AsyncGenerator[ServerSentEventMessage, None]:
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield self._message("beat", set())
            while not self._closed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(listener.woken.wait(), BEAT_S)
                    await asyncio.sleep(0 if self._closed else SETTLE_S)
                what, listener.waiting = listener.waiting, set()
                listener.woken.clear()
                if not self._closed:
                    yield self._message("changed" if what else "beat", what)
        finally:
            self._listeners.discard(listener)

    def _message(self, event: str, what: set[str]) -> ServerSentEventMessage:
        data = Changed(what=sorted(what), at_ms=self._clock.now().wall_ms)
        return ServerSentEventMessage(data=msgspec.json.encode(data), event=event)

    def _deliver(self, names: frozenset[str]) -> None:
        for listener in self._listeners:
            listener.waiting |= names
            listener.woken.set()

    def _wake(self, names: frozenset[str]) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with suppress(RuntimeError):  # the loop closed between the check and the call
            loop.call_soon_threadsafe(self._deliver, names)

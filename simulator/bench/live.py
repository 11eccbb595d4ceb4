"""Tells open pages what changed: looks only while somebody watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from litestar.concurrency import sync_to_thread

from simulator.errors import SetupError

LOOK_EVERY_S = 0.25
"""A lamp that blinks twice a second should be seen."""
WATCHERS_MAX = 16
"""More open pages than a bench has places."""
BEAT_LOOKS = 20
"""After so many looks at which nothing changed, it says so: the page knows that it is live."""


class Watch:
    """Compares what is with what was.

    Args:
        look: Gives fragments by name.
    """

    def __init__(self, look: Callable[[], dict[str, str]]) -> None:
        self._look = look
        self._watchers = 0

    async def changes(self) -> AsyncGenerator[dict[str, str], None]:
        """Give what changed since it was given last; at first everything.

        Raises:
            SetupError: Too many watch already.
        """
        if self._watchers >= WATCHERS_MAX:
            raise SetupError(f"{WATCHERS_MAX} pages of the bench are open already")
        self._watchers += 1
        try:
            before: dict[str, str] = {}
            quiet = 0
            while True:
                now = await sync_to_thread(self._look)
                changed = {name: text for name, text in now.items() if before.get(name) != text}
                quiet = 0 if changed else quiet + 1
                if changed or quiet >= BEAT_LOOKS:
                    quiet = 0
                    yield changed
                before = now
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._watchers -= 1

"""Where threads leave what they saw, for the one thread that decides.

`put` never blocks and never raises. Parts and network have a queue each, so that a
flood from one doesn't push out the other.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

PARTS_MAX = 1_000
"""Events of parts: a bouncing contact fills this in seconds, and then it's a fault."""

T = TypeVar("T")


class Inbox(Generic[T]):
    """A bounded queue of one kind of event.

    Args:
        wake: Set at each event.
        size: How many events wait at most; the newest are dropped then.
    """

    def __init__(self, wake: threading.Event, size: int) -> None:
        self._wake = wake
        self._size = size
        self._queue: deque[T] = deque()
        self.dropped = 0

    def put(self, event: T) -> None:
        """Leave an event, from any thread."""
        if len(self._queue) >= self._size:
            self.dropped += 1
        else:
            self._queue.append(event)
        self._wake.set()

    def take(self, most: int) -> list[T]:
        """Take up to `most` events, oldest first."""
        taken: list[T] = []
        while len(taken) < most:
            try:
                taken.append(self._queue.popleft())
            except IndexError:
                break
        return taken

    def __len__(self) -> int:
        return len(self._queue)

"""Virtual time: what is due next happens next, and nothing happens between."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

EVENTS_MAX = 50_000_000
"""More than any trial has: one that goes on and on is told, and ends."""


@dataclass(slots=True)
class Timer:
    """Something that will be called, unless it is cancelled."""

    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Don't call it. Was it called already, nothing happens."""
        self.call = None


class Kernel:
    """A heap of calls. Those of one time come in the order in which they were asked for."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._number = 0
        self._now_ms = 0

    @property
    def now_ms(self) -> int:
        """Since the beginning of the run."""
        return self._now_ms

    def at(self, at_ms: int, call: Callable[[], None]) -> Timer:
        """Have something called at a time; one that is past means now."""
        timer = Timer(call)
        self._number += 1
        heapq.heappush(self._heap, (max(at_ms, self._now_ms), self._number, timer))
        return timer

    def after(self, delay_ms: int, call: Callable[[], None]) -> Timer:
        """Have something called later."""
        return self.at(self._now_ms + delay_ms, call)

    def run_until(self, at_ms: int) -> None:
        """Let time pass up to and including `at_ms`.

        Raises:
            RuntimeError: It never ends: something calls itself again without a pause.
        """
        heap, left = self._heap, EVENTS_MAX
        while heap and heap[0][0] <= at_ms:
            self._now_ms, _, timer = heapq.heappop(heap)
            if timer.call is not None:
                call, timer.call = timer.call, None
                call()
                left -= 1
                if left == 0:
                    raise RuntimeError(f"{EVENTS_MAX:,} calls by {self._now_ms} ms: it never ends")
        self._now_ms = max(self._now_ms, at_ms)

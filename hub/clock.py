"""The hub's one door to real time."""

from __future__ import annotations

import time

from wire.clock import Instant

NS_PER_MS = 1_000_000


class SystemClock:
    """The machine's own clocks, in whole milliseconds."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // NS_PER_MS, time.monotonic_ns() // NS_PER_MS)

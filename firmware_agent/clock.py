"""The only door to real time in this package."""

from __future__ import annotations

import time

from wire.clock import Instant

_NS_PER_MS = 1_000_000


class SystemClock:
    """The machine's clocks; suspend doesn't happen on a controller."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // _NS_PER_MS, time.monotonic_ns() // _NS_PER_MS)

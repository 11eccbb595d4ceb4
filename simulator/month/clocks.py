"""Clocks that are off, and one that leaps."""

from __future__ import annotations

from firmware_agent.clock import SystemClock
from wire.clock import Instant


class LeapingClock:
    """The system's clock, off by an offset that grows when it's told to.

    Args:
        off_ms: How far its wall time is ahead at the start; negative: behind.
    """

    def __init__(self, off_ms: int = 0) -> None:
        self._clock = SystemClock()
        self._off_ms = off_ms
        self.leapt_ms = 0

    def now(self) -> Instant:
        now = self._clock.now()
        return Instant(now.wall_ms + self._off_ms + self.leapt_ms, now.mono_ms + self.leapt_ms)

    def leap(self, duration_ms: int) -> None:
        """Let time pass at once; ≥ 0."""
        self.leapt_ms += duration_ms

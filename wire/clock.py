"""Time as a port: who needs it is handed it.

Wall time says when, monotonic time says how long. Neither ever orders facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks.

    Attributes:
        wall_ms: Milliseconds since 1970-01-01 UTC; may jump either way.
        mono_ms: Milliseconds since an unspecified start; never goes back, stands
            still across a restart.
    """

    wall_ms: int
    mono_ms: int


class Clock(Protocol):
    """A source of time."""

    def now(self) -> Instant:
        """Read both clocks at once."""
        ...


class ManualClock:
    """A clock that moves only when told: for tests and simulations.

    Args:
        wall_ms: Wall time at the start.
        mono_ms: Monotonic time at the start.
    """

    def __init__(self, wall_ms: int = 1_700_000_000_000, mono_ms: int = 0) -> None:
        self._instant = Instant(wall_ms, mono_ms)

    def now(self) -> Instant:
        return self._instant

    def advance(self, duration_ms: int) -> None:
        """Let `duration_ms` (≥ 0) pass on both clocks.

        Raises:
            ValueError: Time can't go backwards; use `jump_wall` for a wrong clock.
        """
        if duration_ms < 0:
            raise ValueError("time can't go backwards: duration_ms must be 0 or more")
        now = self._instant
        self._instant = Instant(now.wall_ms + duration_ms, now.mono_ms + duration_ms)

    def jump_wall(self, offset_ms: int) -> None:
        """Move the wall clock alone, as a set or wrong clock does."""
        now = self._instant
        self._instant = Instant(now.wall_ms + offset_ms, now.mono_ms)

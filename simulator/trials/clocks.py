"""Clocks of their own: right, set wrong, too fast, or without a battery."""

from __future__ import annotations

from simulator.trials.kernel import Kernel
from wire.clock import Instant

START_WALL_MS = 1_780_000_000_000
"""True wall time at the beginning of every run: a day in May 2026, whole seconds."""
NO_TIME_MS = 86_400_000
"""Where a clock without a battery begins: the second day of 1970."""
_MILLION = 1_000_000


class TrueClock:
    """The right time: of the hub, and of who is outside.

    Args:
        kernel: Virtual time.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now(self) -> Instant:
        now_ms = self._kernel.now_ms
        return Instant(START_WALL_MS + now_ms, now_ms)


class OwnClock:
    """A computer's clock; `wire.clock.Clock`.

    Args:
        kernel: Virtual time.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._true_ms = kernel.now_ms
        self._mono_ms = 0
        self._wall_ms = START_WALL_MS + kernel.now_ms
        self._ppm = 0
        self._has_battery = True

    def now(self) -> Instant:
        passed_ms = self._kernel.now_ms - self._true_ms
        passed_ms += passed_ms * self._ppm // _MILLION
        return Instant(self._wall_ms + passed_ms, self._mono_ms + passed_ms)

    def boot(self) -> None:
        """Begin anew, as after a start of the computer."""
        if not self._has_battery:
            self._wall_ms = NO_TIME_MS
            self._true_ms = self._kernel.now_ms
        else:
            self._settle()
        self._mono_ms = 0

    def jump(self, by_ms: int) -> None:
        """Move the wall clock."""
        self._settle()
        self._wall_ms += by_ms

    def drift(self, ppm: int) -> None:
        """Run so much too fast from now on; 0: right."""
        self._settle()
        self._ppm = ppm

    def lose_battery(self) -> None:
        """At the next start it has no time."""
        self._has_battery = False

    def set_right(self) -> None:
        """Set the wall clock, as a time server does, and put a battery in."""
        self._settle()
        self._wall_ms = START_WALL_MS + self._kernel.now_ms
        self._has_battery = True

    def local_delay(self, delay_ms: int) -> int:
        """How long it takes in true time until so much has passed on this clock, or a bit more."""
        return delay_ms if self._ppm == 0 else delay_ms * _MILLION // (_MILLION + self._ppm) + 1

    def _settle(self) -> None:
        now = self.now()
        self._wall_ms, self._mono_ms = now.wall_ms, now.mono_ms
        self._true_ms = self._kernel.now_ms

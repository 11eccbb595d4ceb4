"""The last known total of a meter that answers when it likes, and how old it is."""

from __future__ import annotations

from fractions import Fraction
from threading import Lock

from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    Health,
    HealthState,
    Quality,
    Reading,
)
from wire.clock import Clock

TOTAL_MAX = 2**63 - 1
"""A larger total isn't one: it wouldn't fit the journal."""


class Snapshot:
    """What a meter's owner thread found last, to be read at once by another thread.

    Args:
        clock: Tells the age.
        stale_ms: A total older than this is no reading any more: the meter is silent.
    """

    def __init__(self, clock: Clock, stale_ms: int) -> None:
        self._clock = clock
        self._stale_ms = stale_ms
        self._lock = Lock()
        self._total = 0
        self._at_ms: int | None = None
        self._is_clear = False
        self._lost = 0
        self._health = HEALTH_UNKNOWN

    @property
    def health(self) -> Health:
        """What was seen last, in words."""
        with self._lock:
            return self._health

    def take(self, value: Fraction) -> None:
        """Take a total in base units, rounding down; one that can't be is garbled."""
        total = value.numerator // value.denominator
        if not 0 <= total <= TOTAL_MAX:
            self.garbled("its total is negative, or larger than any")
            return
        with self._lock:
            self._total = total
            self._at_ms = self._clock.now().mono_ms
            self._is_clear = True
            self._health = HEALTH_UP

    def lose(self, count: int) -> None:
        """Note pulses that are known to be lost."""
        with self._lock:
            self._lost += count

    def garbled(self, reason: str) -> None:
        """Note that the meter answers, but makes no sense."""
        with self._lock:
            self._is_clear = False
            self._health = Health(HealthState.DOWN, reason)

    def silent(self, reason: str) -> None:
        """Note why there is no answer; the total stays good until it is stale."""
        with self._lock:
            self._health = Health(HealthState.DOWN, reason)

    def close(self) -> None:
        """From now on it only grows old."""
        with self._lock:
            self._stale_ms = -1
            self._health = HEALTH_CLOSED

    def read(self) -> Reading:
        """As `Meter.read`."""
        with self._lock:
            if self._at_ms is None:
                return Reading(0, Quality.UNKNOWN, self._lost)
            age_ms = self._clock.now().mono_ms - self._at_ms
            if age_ms > self._stale_ms:
                return Reading(self._total, Quality.SILENT, self._lost)
            quality = Quality.OK if self._is_clear else Quality.UNKNOWN
            return Reading(self._total, quality, self._lost)

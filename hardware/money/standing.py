"""Whether a part that deals with money works, and what it reports: each change once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from hardware.money.ports import MoneyEvent
from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    Emit,
    Health,
    HealthState,
)
from wire.clock import Clock

_log = logging.getLogger(__name__)


class Standing:
    """What the agent knows of a part.

    Args:
        part: Its id.
        clock: Source of `mono_ms`.
        went_up: Makes the event that it answers, of its id and `mono_ms`.
        went_down: Makes the event that it doesn't, with the reason between.
    """

    def __init__(
        self,
        part: str,
        clock: Clock,
        went_up: Callable[[str, int], MoneyEvent],
        went_down: Callable[[str, str, int], MoneyEvent],
    ) -> None:
        self._part = part
        self._clock = clock
        self._went_up = went_up
        self._went_down = went_down
        self._emit: Emit | None = None
        self._lock = Lock()
        self._is_closed = False
        self.health = HEALTH_UNKNOWN
        """As it is now."""

    @property
    def now_ms(self) -> int:
        """The time, for events."""
        return self._clock.now().mono_ms

    def start(self, emit: Emit) -> None:
        """Report to `emit` from now on."""
        self._emit = emit

    def report(self, event: MoneyEvent) -> None:
        """Report, unless it is closed."""
        with self._lock:
            if self._emit is not None:
                self._emit(event)

    def up(self) -> None:
        """It answers."""
        if self.health.state is not HealthState.UP and not self._is_closed:
            self.health = HEALTH_UP
            _log.info("%s is up", self._part)
            self.report(self._went_up(self._part, self.now_ms))

    def down(self, reason: str) -> None:
        """It doesn't answer, or can't work; told once, until it is up."""
        if self._is_closed:
            return
        was_down = self.health.state is HealthState.DOWN
        self.health = Health(HealthState.DOWN, reason)
        if not was_down:
            _log.warning("%s is down: %s", self._part, reason)
            self.report(self._went_down(self._part, reason, self.now_ms))

    def close(self) -> None:
        """Report nothing more."""
        with self._lock:
            self._is_closed = True
            self._emit = None
        self.health = HEALTH_CLOSED

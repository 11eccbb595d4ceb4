"""What every reader shares: one thread that comes back from anything."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from threading import Event, Thread

from hardware.errors import PartError
from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    Emit,
    Health,
    HealthState,
    PartEvent,
    ReaderDown,
    ReaderUp,
)
from hardware.specs import ReaderSpec
from wire.clock import Clock

_log = logging.getLogger(__name__)

REOPEN_DELAY_MS_MIN = 250
"""First pause before a reader is opened again: an adapter needs about that to come back."""

REOPEN_DELAY_MS_MAX = 3_000
"""Longest pause: a reader that was plugged in works before the person gives up."""

CLOSE_TIMEOUT_MS = 3_000
"""Longest wait for the thread at `close`: the slowest answer nfcpy waits for, twice."""


class ReopeningReader(ABC):
    """A `CardReader` whose device is opened, used until it fails, and opened again.

    Args:
        spec: Where it is.
        clock: Source of `mono_ms`.
    """

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        self._spec = spec
        self._part = f"reader {spec.id}"
        self._clock = clock
        self._stop = Event()
        self._thread: Thread | None = None
        self._emit: Emit = _drop
        self._health = HEALTH_UNKNOWN
        self._delay_ms = REOPEN_DELAY_MS_MIN

    @property
    def health(self) -> Health:
        return self._health

    def start(self, emit: Emit) -> None:
        self._emit = emit
        self._thread = Thread(target=self._run, name=self._part, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_MS / 1000)
        self._give_back()
        self._health = HEALTH_CLOSED

    @abstractmethod
    def _use(self) -> None:
        """Open the device, say `_came_up`, and report until `_stop` is set; then close it.

        Raises:
            Exception: Whatever went wrong. A `PartError` is told as it is.
        """

    def _wake(self) -> None:  # noqa: B027 a hook
        """Interrupt a wait in `_use`; from another thread."""

    def _give_back(self) -> None:  # noqa: B027 a hook
        """Give back what is kept between two openings; the thread has ended."""

    def _forget(self) -> None:  # noqa: B027 a hook
        """The device is gone: report what was on it as gone."""

    def _came_up(self) -> None:
        self._delay_ms = REOPEN_DELAY_MS_MIN
        self._health = HEALTH_UP
        _log.info("%s is up", self._part)
        self._report(ReaderUp(self._spec.id, self._now_ms()))

    def _report(self, event: PartEvent) -> None:
        if not self._stop.is_set():
            self._emit(event)

    def _pause(self, pause_ms: int) -> None:
        self._stop.wait(pause_ms / 1000)

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._use()
            except Exception as error:  # noqa: BLE001 nothing may end this thread
                self._went_down(error)
            self._pause(self._delay_ms)
            self._delay_ms = min(2 * self._delay_ms, REOPEN_DELAY_MS_MAX)

    def _went_down(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if self._health.state is HealthState.DOWN:
            self._health = Health(HealthState.DOWN, reason)
            return
        self._health = Health(HealthState.DOWN, reason)
        if not isinstance(error, PartError):
            _log.error("%s failed in an unforeseen way", self._part, exc_info=error)
        _log.warning("%s is down: %s", self._part, reason)
        self._forget()
        self._report(ReaderDown(self._spec.id, reason, self._now_ms()))


def _drop(_event: PartEvent) -> None:
    """Stand in for `emit` until `start`."""

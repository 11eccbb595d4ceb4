"""The thread of a display that shows pages: opens it, turns pages, opens it again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import Protocol

from hardware.ports import HEALTH_CLOSED, HEALTH_UNKNOWN, HEALTH_UP, Health, HealthState

_log = logging.getLogger(__name__)

PAGE_MS = 2_500
"""Time to read a page of two short lines."""
REFRESH_MS = 10_000
"""The text is written again this often: a display that lost its own power is right
again, and one that was unplugged is noticed."""
REOPEN_MS_MIN, REOPEN_MS_MAX = 1_000, 30_000
"""Pause before a display that is gone is tried again; doubled each time."""
CLOSE_TIMEOUT_MS = 5_000
"""Longest wait for the thread at `close`: opening a display takes a second or two."""

Pages = tuple[tuple[str, ...], ...]


class Screen(Protocol):
    """An open display."""

    def lay_out(self, lines: tuple[str, ...]) -> Pages:
        """Lay lines out for its size."""
        ...

    def draw(self, page: tuple[str, ...]) -> None:
        """Show a page.

        Raises:
            Exception: The display is gone.
        """
        ...

    def close(self) -> None:
        """Clear it, and give the bus back."""
        ...


class ThreadedDisplay:
    """A `Display` with a thread of its own, so that a slow bus never delays a tap.

    Args:
        name: For people, in messages.
        scripts: What it can write.
        opens: Opens the display; called again after it was gone.
    """

    def __init__(self, name: str, scripts: frozenset[str], opens: Callable[[], Screen]) -> None:
        self._name = name
        self._scripts = scripts
        self._opens = opens
        self._wake = Condition()
        self._lines: tuple[str, ...] = ()
        self._is_new = True
        self._is_closed = False
        self._health = HEALTH_UNKNOWN
        self._thread = Thread(target=self._run, name=f"display {name}", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        return self._health

    @property
    def scripts(self) -> frozenset[str]:
        return self._scripts

    def show(self, lines: tuple[str, ...]) -> None:
        with self._wake:
            if lines != self._lines:
                self._lines = lines
                self._is_new = True
                self._wake.notify_all()

    def close(self) -> None:
        with self._wake:
            self._is_closed = True
            self._wake.notify_all()
        self._thread.join(CLOSE_TIMEOUT_MS / 1000)
        self._health = HEALTH_CLOSED

    def _run(self) -> None:
        pause_ms = REOPEN_MS_MIN
        while not self._is_closed:
            try:
                screen = self._opens()
                try:
                    self._health = HEALTH_UP
                    pause_ms = REOPEN_MS_MIN
                    self._serve(screen)
                finally:
                    with suppress(Exception):
                        screen.close()
            except Exception as error:  # noqa: BLE001 a display must not stop a machine
                self._went_down(str(error) or type(error).__name__)
                with self._wake:
                    self._wake.wait_for(lambda: self._is_closed, pause_ms / 1000)
                pause_ms = min(2 * pause_ms, REOPEN_MS_MAX)

    def _serve(self, screen: Screen) -> None:
        shown: Pages = ((),)
        at = 0
        self._is_new = True
        while True:
            with self._wake:
                if self._is_closed:
                    return
                if self._is_new:
                    shown, at, self._is_new = screen.lay_out(self._lines), 0, False
            screen.draw(shown[at])
            at = (at + 1) % len(shown)
            wait_ms = PAGE_MS if len(shown) > 1 else REFRESH_MS
            with self._wake:
                self._wake.wait_for(lambda: self._is_new or self._is_closed, wait_ms / 1000)

    def _went_down(self, reason: str) -> None:
        if self._health.state is not HealthState.DOWN:
            _log.warning("display %s is down: %s", self._name, reason)
        self._health = Health(HealthState.DOWN, f"{reason}. Check its cable, power and address")

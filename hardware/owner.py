"""A thread that owns a device: opens it, serves it round after round, opens it again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Protocol

_log = logging.getLogger(__name__)

REOPEN_MS_MIN, REOPEN_MS_MAX = 250, 5_000
"""Pause before a device that is gone is opened again; doubled each time. An adapter needs
a quarter of a second to come back; a session waits 30 s for its meter."""
CLOSE_TIMEOUT_MS = 3_000
"""Longest wait for the thread at `close`: a round and its time-outs."""


class Device(Protocol):
    """An open device."""

    def serve(self) -> int:
        """Do one round, of a second at most; says in how many ms the next one is due.

        Raises:
            Exception: The device is gone.
        """
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class OwnerThread:
    """The thread.

    Args:
        name: The device, in words for people.
        opens: Opens it; called again after it was gone.
        went_down: Told why it is gone, once for each try, from the thread.
    """

    def __init__(
        self, name: str, opens: Callable[[], Device], went_down: Callable[[str], None]
    ) -> None:
        self._name = name
        self._opens = opens
        self._went_down = went_down
        self._wake = Event()
        self._is_closed = False
        self._is_down = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Let the next round begin now."""
        self._wake.set()

    def close(self, interrupt: Callable[[], None] = lambda: None) -> None:
        """Give the device back; idempotent.

        Args:
            interrupt: Ends a wait in the device's round.
        """
        self._is_closed = True
        self._wake.set()
        interrupt()
        self._thread.join(CLOSE_TIMEOUT_MS / 1000)

    def _run(self) -> None:
        pause_ms = REOPEN_MS_MIN
        while not self._is_closed:
            try:
                device = self._opens()
                try:
                    while not self._is_closed:
                        self._wait(device.serve())
                        pause_ms = REOPEN_MS_MIN
                        self._is_down = False
                finally:
                    with suppress(Exception):
                        device.close()
            except Exception as error:  # noqa: BLE001 nothing may end this thread
                self._note(str(error) or type(error).__name__)
                self._wait(pause_ms)
                pause_ms = min(2 * pause_ms, REOPEN_MS_MAX)

    def _note(self, reason: str) -> None:
        if not self._is_down:
            _log.warning("%s is down: %s", self._name, reason)
        self._is_down = True
        self._went_down(reason)

    def _wait(self, wait_ms: int) -> None:
        if wait_ms > 0 and not self._is_closed:
            self._wake.wait(wait_ms / 1000)
        self._wake.clear()

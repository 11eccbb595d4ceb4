"""A customer display behind a serial port: what a person would read on it.

CD5220 user's manual, section 6.1: CLR, ESC Q A and ESC Q B with CR.
"""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock

from simulator.parts.pty_port import PtyPort

_CODE_PAGE = "cp437"
_COMMAND = re.compile(rb"\x0c|\x1bQ([AB])([^\r]*)\r", re.DOTALL)
_PENDING_BYTES_MAX = 1024
"""Unfinished input beyond this is noise and is dropped."""


class DisplayTube:
    """The display. Starts unplugged.

    Args:
        path: Stable path of the port.
        columns: Characters in a line.
        rows: Lines.
    """

    def __init__(self, path: Path, columns: int = 20, rows: int = 2) -> None:
        self._columns, self._rows = columns, rows
        self._lock = Lock()
        self._pending = b""
        self._lines = [""] * rows
        self._port = PtyPort(path, self._on_bytes)

    @property
    def lines(self) -> tuple[str, ...]:
        """What it shows, blanks at line ends left out."""
        with self._lock:
            return tuple(line.rstrip() for line in self._lines)

    @property
    def is_plugged(self) -> bool:
        """Whether it is plugged in."""
        return self._port.speed is not None

    def plug(self) -> None:
        """Plug in; it is dark."""
        with self._lock:
            self._pending = b""
            self._lines = [""] * self._rows
        self._port.plug()

    def unplug(self) -> None:
        """Pull the plug: it goes dark."""
        self._port.unplug()
        with self._lock:
            self._lines = [""] * self._rows

    def _on_bytes(self, chunk: bytes) -> None:
        with self._lock:
            self._pending += chunk
            used = 0
            for command in _COMMAND.finditer(self._pending):
                used = command.end()
                self._obey(command)
            self._pending = self._pending[used:][-_PENDING_BYTES_MAX:]

    def _obey(self, command: re.Match[bytes]) -> None:
        if command[0] == b"\x0c":
            self._lines = [""] * self._rows
            return
        row = b"AB".index(command[1])
        if row < self._rows:
            self._lines[row] = command[2].decode(_CODE_PAGE)[: self._columns]

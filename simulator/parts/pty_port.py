"""A serial device on a pseudo-terminal under a stable path, that can be unplugged."""

from __future__ import annotations

import os
import select
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

_CHUNK_BYTES = 4096


class PtyPort:
    """The device's end of a serial line.

    `path` is a link to the line's other end, as `/dev/serial/by-id/…` is on a real
    controller: it goes when the device is unplugged, and comes back to another
    terminal when it's plugged in.

    Args:
        path: Where the link shall be.
        on_bytes: Called with what the host writes, from the line's own thread.
    """

    def __init__(self, path: Path, on_bytes: Callable[[bytes], None]) -> None:
        self._path = path
        self._on_bytes = on_bytes
        self._lock = Lock()
        self._line: _Line | None = None

    @property
    def speed(self) -> int | None:
        """The speed the host has set, as a `termios` constant; None when unplugged."""
        with self._lock:
            return None if self._line is None else self._line.speed

    def plug(self) -> None:
        """Plug in; nothing happens when it is."""
        with self._lock:
            if self._line is not None:
                return
            self._line = _Line(self._on_bytes)
            fresh = self._path.with_name(self._path.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._line.name)
            fresh.replace(self._path)

    def unplug(self) -> None:
        """Pull out: the host's reads and writes fail from now on."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            self._path.unlink(missing_ok=True)
            line.close()

    def write(self, data: bytes) -> None:
        """Send to the host; lost when unplugged."""
        with self._lock:
            if self._line is not None:
                self._line.write(data)


class _Line:
    """One pseudo-terminal and the thread that reads it."""

    def __init__(self, on_bytes: Callable[[bytes], None]) -> None:
        # Our own end of the slave stays open: the host may close and reopen.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._wake_read, self._wake_write = os.pipe()
        self._on_bytes = on_bytes
        self._thread = Thread(target=self._run, name=f"pty {self.name}", daemon=True)
        self._thread.start()

    @property
    def speed(self) -> int:
        speed: int = termios.tcgetattr(self._master)[5]
        return speed

    def write(self, data: bytes) -> None:
        # A host that doesn't read loses what doesn't fit, as on a wire.
        with suppress(OSError):
            os.write(self._master, data)

    def close(self) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        for fd in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(fd)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            with suppress(OSError):
                self._on_bytes(os.read(self._master, _CHUNK_BYTES))

"""Telling systemd that the agent is ready and alive; nothing when it didn't start us.

sd_notify(3): a datagram to the socket named in NOTIFY_SOCKET.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class Watchdog:
    """systemd's watchdog; each `beat` says that the deciding thread still turns."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]

    def ready(self) -> None:
        """The agent decides from now on."""
        self._send(b"READY=1")

    def beat(self) -> None:
        """It still does."""
        self._send(b"WATCHDOG=1")

    def stopping(self) -> None:
        """It ends."""
        self._send(b"STOPPING=1")

    def _send(self, message: bytes) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message, self._address)

"""Waiting for something out there, with a bound."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

from simulator.errors import TooSlowError

POLL_S = 0.02
"""Often enough that nobody notices, rarely enough to leave the processor to others."""

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], timeout_s: float) -> T:
    """Call `probe` until it answers something true.

    Args:
        what: What is awaited, for the error.
        probe: Looks once; a false answer means "not yet".
        timeout_s: Bound.

    Raises:
        TooSlowError: It didn't happen in time.
    """
    until = time.monotonic() + timeout_s
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() >= until:
            raise TooSlowError(what, timeout_s)
        time.sleep(POLL_S)


def free_port() -> int:
    """Find a TCP port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Tell whether something accepts connections at a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False

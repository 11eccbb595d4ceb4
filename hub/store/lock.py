"""Who may write: one process at a time holds the lock of a data directory.

Two processes that write one SQLite file would wait for each other at best. The lock
is the system's own (flock), so it is gone when its holder is, however it ended. On
PostgreSQL several hubs, and commands beside them, write at once: nothing is locked here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import ConfigError

LOCK_FILE = "hub.lock"
_OWNER_ONLY = 0o600


@contextmanager
def writing_turn(data: Path, *, shared: bool) -> Iterator[None]:
    """Hold the lock of a data directory, unless its database lets several processes write.

    Args:
        data: The data directory.
        shared: Whether the database is a server.

    Raises:
        ConfigError: Another process holds it, or there is no such directory.
    """
    if shared:
        yield
        return
    with writing_lock(data):
        yield


@contextmanager
def writing_lock(data: Path) -> Iterator[None]:
    """Hold the lock of a data directory.

    Raises:
        ConfigError: Another process holds it, or there is no such directory.
    """
    try:
        handle = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    except OSError as error:
        raise ConfigError(f"{data} can't be used: {error.strerror}; run init first") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"the hub of {data} is running, and only one process may write its database: "
                "go through it with --hub http://127.0.0.1:8080 --key sp_…, or stop it first"
            ) from None
        yield
    finally:
        os.close(handle)

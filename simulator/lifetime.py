"""Folders that go with us, and ends that leave nothing behind."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType

from simulator.errors import SetupError


@contextmanager
def temporary_or(folder: Path | None, prefix: str = "standpipe-") -> Iterator[Path]:
    """Give the folder, made when it's missing; without one a temporary one that is removed.

    Raises:
        SetupError: It can't be made.
    """
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{folder} can't be a folder: {error.strerror}") from None
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def ending_gently() -> Iterator[Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that who waits on it can tidy up.

    A second Ctrl-C raises `KeyboardInterrupt` where the program stands.
    """
    ended = Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        ended.set()

    if current_thread() is not main_thread():
        yield ended
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

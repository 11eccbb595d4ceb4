"""What is fuzzed: a decoder that takes bytes from outside, behind a function of bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Check = Callable[[bytes], None]
"""Feeds one input in. Returns when it was refused as documented, or taken; whatever it
raises is a fault."""
INPUT_BYTES_MAX = 4_096
"""Longer inputs only repeat what short ones find; limits of size have tests of their own."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One decoder, or several behind a byte that picks one.

    Attributes:
        name: Folder of its corpus, and what `--target` takes.
        about: What is fed, and what must hold.
        open: Makes the check, given a folder of its own.
        seeds: Good inputs to begin with.
        examples: How many inputs Hypothesis makes in a plain test run.
    """

    name: str
    about: str
    open: Callable[[Path], AbstractContextManager[Check]]
    seeds: Callable[[], Iterable[bytes]]
    examples: int = 80


class FaultError(Exception):
    """Raised when a decoder took something it shouldn't have, or failed quietly."""


@contextmanager
def plain(check: Check) -> Iterator[Check]:
    """A check that needs nothing opened."""
    yield check


class Ears(logging.Handler):
    """Hears errors that a program logs instead of raising them."""

    def __init__(self, *loggers: str) -> None:
        super().__init__(logging.ERROR)
        self._loggers = [logging.getLogger(name) for name in loggers]
        self._heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was said."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
        self._heard.append(text)

    def __enter__(self) -> Self:
        for logger in self._loggers:
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)

    def take(self) -> list[str]:
        """What was heard since the last time."""
        heard, self._heard = self._heard, []
        return heard

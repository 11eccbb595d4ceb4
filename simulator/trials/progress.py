"""Says how far a long work has come: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 30
LINE_S = 30
"""Where there is no terminal, as in a nightly run's log, one line so often is enough."""
BAR_S = 0.1


class Progress:
    """How far a work of a known length has come.

    Args:
        whole: Its length.
        what: What is counted, as "seeds".
        out: Where to say it.
    """

    def __init__(self, whole: int, what: str, out: TextIO | None = None) -> None:
        self._whole = whole
        self._what = what
        self._out = sys.stderr if out is None else out
        self._is_bar = self._out.isatty()
        self._began_s = self._said_s = time.monotonic()
        self.done = 0

    def advance(self, note: str = "") -> None:
        """One more is done; `note` says something about all of them."""
        self.done += 1
        now_s = time.monotonic()
        pause_s = BAR_S if self._is_bar else LINE_S
        if now_s - self._said_s >= pause_s or self.done == self._whole:
            self._said_s = now_s
            self._say(note, now_s - self._began_s)

    def close(self) -> None:
        """End the bar's line. May be called again."""
        if self._is_bar:
            self._is_bar = False
            print(file=self._out, flush=True)

    def _say(self, note: str, took_s: float) -> None:
        left_s = took_s * (self._whole - self.done) / self.done
        words = f"{self.done:,} of {self._whole:,} {self._what}, {_span(left_s)} left"
        words += f", {note}" if note else ""
        if self._is_bar:
            full = WIDTH * self.done // self._whole
            bar = "#" * full + "." * (WIDTH - full)
            print(f"\r[{bar}] {words}\x1b[K", end="", file=self._out, flush=True)
        else:
            print(words, file=self._out, flush=True)


def _span(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"

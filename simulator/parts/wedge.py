"""A reader that types, as the kernel's input subsystem shows it: events from a pipe."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_EVENT = struct.Struct("llHHi")
_EV_SYN, _EV_KEY = 0x00, 0x01
_ENTER, _SHIFT = 28, 42
_DIGITS = "1234567890"
_LETTERS = dict(zip("abcdef", (30, 48, 46, 32, 18, 33), strict=True))
_CODES = {**{digit: 2 + at for at, digit in enumerate(_DIGITS)}, **_LETTERS, "x": 45}


class Wedge:
    """The reader. Starts unplugged.

    Args:
        path: Where its event device shall be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe: int | None = None

    @property
    def is_plugged(self) -> bool:
        """Whether it is plugged in."""
        return self._pipe is not None

    def plug(self) -> None:
        """Plug it in; nothing happens when it is."""
        if self._pipe is not None:
            return
        os.mkfifo(self._path)
        # For both, so that it doesn't wait for the agent and is there without it.
        self._pipe = os.open(self._path, os.O_RDWR)

    def unplug(self) -> None:
        """Pull it out; the agent reads the end of the file."""
        if self._pipe is not None:
            self._path.unlink()
            os.close(self._pipe)
            self._pipe = None

    def type(self, number: str, *, enter: bool = True) -> None:
        """Type a number as if a card had been laid on it.

        Raises:
            OSError: It is unplugged.
        """
        if self._pipe is None:
            raise OSError("the reader is unplugged")
        events = b"".join(self._strike(key) for key in number)
        os.write(self._pipe, events + (_stroke(_ENTER) if enter else b""))

    def _strike(self, key: str) -> bytes:
        stroke = _stroke(_CODES[key.lower()])
        if key.isupper():
            return _event(_EV_KEY, _SHIFT, 1) + stroke + _event(_EV_KEY, _SHIFT, 0)
        return stroke


def _stroke(code: int) -> bytes:
    return _event(_EV_KEY, code, 1) + _event(_EV_SYN, 0, 0) + _event(_EV_KEY, code, 0)


def _event(kind: int, code: int, value: int) -> bytes:
    return _EVENT.pack(0, 0, kind, code, value)

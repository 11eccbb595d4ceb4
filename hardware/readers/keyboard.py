"""A reader that types a card's number, as a keyboard does: level 0.

Linux input subsystem, Documentation/input/input.rst and include/uapi/linux/input.h:
`/dev/input/event*` gives `struct input_event`; EVIOCGRAB keeps what is typed from
everybody else, so that a card's number never lands at a login prompt.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import stat
import struct
from contextlib import suppress
from threading import Lock

from hardware.drivers import Around
from hardware.errors import PartError
from hardware.ports import CardGone, CardPresent
from hardware.readers.keys import TYPED_MAX, check_form, uid_of
from hardware.readers.reopening import ReopeningReader
from hardware.specs import ReaderSpec
from wire.clock import Clock

_log = logging.getLogger(__name__)

TYPING_PAUSE_MS_MAX = 500
"""A reader types a digit in some ms. What is older belongs to another card, or to a
person who pressed a key."""
EVENTS_PER_READ_MAX = 64
"""What is read at a time; the kernel keeps the rest."""

_EVENT = struct.Struct("llHHi")
"""time (seconds, microseconds), type, code, value."""
_EV_KEY, _PRESSED = 0x01, 1
_EVIOCGRAB = 0x40044590
_ENTER = frozenset((28, 96))
_KEYS = {
    **{code: str((code - 1) % 10) for code in range(2, 12)},
    **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)),
    **dict(zip((30, 48, 46, 32, 18, 33), "abcdef", strict=True)),
}
"""KEY_1 to KEY_0, the keypad's, and the letters of hexadecimal numbers."""
_SILENT_KEYS = frozenset((42, 54, 58, 69))
"""Shift, caps lock and num lock come along with digits."""
_WRONG = "?"


def open_part(spec: ReaderSpec, around: Around) -> KeyboardReader:
    """Make what the spec describes; see `KeyboardReader`."""
    return KeyboardReader(spec, around.clock)


class KeyboardReader(ReopeningReader):
    """A `CardReader` that types.

    It can't tell when a card is taken away, nor two cards from one: each number is one
    tap, reported gone at once.

    Args:
        spec: `port` is a stable name under `/dev/input/by-id/…-event-kbd`, `form` how
            numbers are typed.
        clock: Source of `mono_ms`.

    Raises:
        SpecError: There is no such form.
    """

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        super().__init__(spec, clock)
        check_form(spec.form)
        self._typed = ""
        self._typed_ms = 0
        self._stop_lock = Lock()
        self._stopper: int | None = None

    def _use(self) -> None:
        device = self._open()
        try:
            self._came_up()
            self._typed = ""
            self._read(device)
        finally:
            os.close(device)

    def _open(self) -> int:
        path = self._spec.port
        try:
            device = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise PartError(
                self._part,
                f"can't open {path}: {error.strerror}",
                "Plug the reader in, correct its port, or let the service's user into the "
                "group input",
            ) from error
        try:
            if stat.S_ISCHR(os.fstat(device).st_mode):
                fcntl.ioctl(device, _EVIOCGRAB, 1)
        except OSError as error:
            os.close(device)
            raise PartError(
                self._part,
                f"can't have {path} alone: {error.strerror}",
                "Find out which other program reads it, and that it is a keyboard's event device",
            ) from error
        return device

    def _read(self, device: int) -> None:
        waker = self._make_waker()
        try:
            while not self._stop.is_set():
                ready, _, _ = select.select([device, waker], [], [])
                if device in ready:
                    self._take(device)
        finally:
            with self._stop_lock:
                os.close(waker)
                if self._stopper is not None:
                    os.close(self._stopper)
                self._stopper = None

    def _make_waker(self) -> int:
        waker, stopper = os.pipe()
        with self._stop_lock:
            self._stopper = stopper
            if self._stop.is_set():
                os.write(stopper, b"x")
        return waker

    def _wake(self) -> None:
        with self._stop_lock, suppress(OSError):
            if self._stopper is not None:
                os.write(self._stopper, b"x")

    def _take(self, device: int) -> None:
        try:
            data = os.read(device, EVENTS_PER_READ_MAX * _EVENT.size)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._gone(error.strerror) from error
        if not data:
            raise self._gone("end of file")
        whole = len(data) - len(data) % _EVENT.size
        for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            if kind == _EV_KEY and value == _PRESSED:
                self._press(code)

    def _press(self, code: int) -> None:
        if code in _SILENT_KEYS:
            return
        now_ms = self._now_ms()
        if now_ms - self._typed_ms > TYPING_PAUSE_MS_MAX:
            self._typed = ""
        self._typed_ms = now_ms
        if code not in _ENTER:
            # What is too long, or no digit, stays wrong until Enter.
            self._typed = (self._typed + _KEYS.get(code, _WRONG))[: TYPED_MAX + 1]
            return
        typed, self._typed = self._typed, ""
        uid = uid_of(typed, self._spec.form)
        if not uid:
            # Its length and not itself: it may be a card's number in another form.
            _log.warning("%s typed %d keys that are no UID", self._part, len(typed))
            return
        self._report(CardPresent(self._spec.id, uid, "typed", 0, now_ms))
        self._report(CardGone(self._spec.id, now_ms))

    def _gone(self, words: str | None) -> PartError:
        return PartError(self._part, f"the reader is gone: {words}", "Plug it in")

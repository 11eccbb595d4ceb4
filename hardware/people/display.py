"""Text on a serial customer display.

Commands of the CD5220 set, which the common 2x20 displays know (CD5220 user's
manual, section 6.1): CLR (0C) clears; ESC Q A text CR (1B 51 41 … 0D) writes the
upper line and ESC Q B (1B 51 42 … 0D) the lower one, without moving anything else.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Condition, Thread
from typing import Any

import serial

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.people.letters import printable
from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    LATIN_ONLY,
    Health,
    HealthState,
)
from hardware.specs import DisplaySpec

_log = logging.getLogger(__name__)

ROWS_MAX = 2
COLUMNS_MAX = 40
"""What the command set can address."""

REFRESH_MS = 10_000
"""The text is written again this often: a display that lost its own power is right
again, and one that was unplugged is noticed."""

REOPEN_DELAY_MS = 1_000
"""Pause before a display that is gone is tried again; nobody waits for it."""

WRITE_TIMEOUT_S = 1.0
"""A full screen takes 50 ms at 9600 baud."""

CLOSE_TIMEOUT_MS = 2_000
"""Longest wait for the thread at `close`: one write and its time-out."""

_CLEAR = b"\x0c"
_LINE_STARTS = (b"\x1bQA", b"\x1bQB")
_LINE_END = b"\r"
_CODE_PAGE = "cp437"
"""What these displays print when switched on."""
_SUBSTITUTES = str.maketrans({"€": "E"})
"""What the code page lacks and every price has."""


def open_part(spec: DisplaySpec, _: Around) -> SerialTextDisplay:
    """Make what the spec describes; see `SerialTextDisplay`."""
    return SerialTextDisplay(spec)


class SerialTextDisplay:
    """A `Display` with a thread of its own, so that a slow port never delays a tap.

    Args:
        spec: Port and size.

    Raises:
        SpecError: The size isn't one that the command set can address.
    """

    def __init__(self, spec: DisplaySpec) -> None:
        if not (1 <= spec.rows <= ROWS_MAX and 1 <= spec.columns <= COLUMNS_MAX):
            raise SpecError(
                f"a display with the driver 'serial_text' has 1 to {ROWS_MAX} rows "
                f"and 1 to {COLUMNS_MAX} columns"
            )
        self._spec = spec
        self._wake = Condition()
        self._lines: tuple[str, ...] = ()
        self._new = True
        self._closed = False
        self._health = HEALTH_UNKNOWN
        self._thread = Thread(target=self._run, name=f"display {spec.port}", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        return self._health

    @property
    def scripts(self) -> frozenset[str]:
        return LATIN_ONLY

    def show(self, lines: tuple[str, ...]) -> None:
        with self._wake:
            if lines != self._lines:
                self._lines = lines
                self._new = True
                self._wake.notify_all()

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join(CLOSE_TIMEOUT_MS / 1000)
        self._health = HEALTH_CLOSED

    def _run(self) -> None:
        while not self._closed:
            try:
                with serial.Serial(
                    self._spec.port, self._spec.baudrate, write_timeout=WRITE_TIMEOUT_S
                ) as port:
                    self._serve(port)
            except Exception as error:  # noqa: BLE001 a display must not stop a machine
                self._went_down(str(error) or type(error).__name__)
                with self._wake:
                    self._wake.wait_for(lambda: self._closed, REOPEN_DELAY_MS / 1000)

    def _serve(self, port: Any) -> None:
        port.write(_CLEAR)
        while True:
            with self._wake:
                if self._closed:
                    break
                lines, self._new = self._lines, False
            port.write(encode_screen(lines, self._spec.columns, self._spec.rows))
            port.flush()
            self._health = HEALTH_UP
            with self._wake:
                self._wake.wait_for(lambda: self._new or self._closed, REFRESH_MS / 1000)
        with suppress(Exception):
            port.write(_CLEAR)
            port.flush()

    def _went_down(self, reason: str) -> None:
        if self._health.state is not HealthState.DOWN:
            _log.warning("display %s is down: %s", self._spec.port, reason)
        self._health = Health(HealthState.DOWN, f"{reason}. Check its cable and power")


def encode_screen(lines: tuple[str, ...], columns: int, rows: int) -> bytes:
    """Encode a whole screen; lines that don't fit are cut, missing ones are blank.

    Control characters become blanks, so that a name can't command the display; what
    the code page lacks is written in Latin letters.
    """
    screen = b""
    for start, line in zip(_LINE_STARTS[:rows], (*lines, "", ""), strict=False):
        clean = printable(line.translate(_SUBSTITUTES), _has)
        screen += start + clean[:columns].ljust(columns).encode(_CODE_PAGE, "replace") + _LINE_END
    return screen


def _has(char: str) -> bool:
    try:
        char.encode(_CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True

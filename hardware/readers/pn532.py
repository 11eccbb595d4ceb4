"""A PN532 card reader at a serial port, with its reset line."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hardware.drivers import Around
from hardware.gpio import as_part_error
from hardware.readers.looking import LookingReader
from hardware.readers.pn532_port import Pn532Port
from hardware.specs import ReaderSpec

RESET_LOW_MS = 20
RESET_WAKE_MS = 20
"""Reset pulse and start of the chip, both far above its data sheet's 2 ms."""


def open_part(spec: ReaderSpec, around: Around) -> Pn532Reader:
    """Make what the spec describes; see `Pn532Reader`."""
    return Pn532Reader(spec, around)


class Pn532Reader(LookingReader):
    """A `CardReader` on a PN532 at a serial port.

    Args:
        spec: Where it is.
        around: Clock, keys of cards, random bytes.
    """

    def __init__(self, spec: ReaderSpec, around: Around) -> None:
        super().__init__(spec, around)
        self._reset: Any = None

    def _open(self) -> Pn532Port:
        if self._spec.reset_pin is not None:
            self._pulse_reset(self._spec.reset_pin)
        return Pn532Port(self._part, self._spec.port)

    def _pulse_reset(self, pin: int) -> None:
        import gpiozero

        with as_part_error(f"{self._part}, reset at GPIO{pin}"):
            if self._reset is None:
                self._reset = gpiozero.OutputDevice(pin, active_high=False)
            self._reset.on()
            self._pause(RESET_LOW_MS)
            self._reset.off()
            self._pause(RESET_WAKE_MS)

    def _give_back(self) -> None:
        if self._reset is not None:
            with suppress(Exception):
                self._reset.close()

"""A PN533 at USB, as nfcpy's transport sees it: the SCL3711's chip, with a PN532's commands.

NXP UM0801-03 (PN533 user manual): the same frames and commands as the PN532's, but
registers are answered with a status before them (section 7.2.4), and there is one
target at a time (section 7.3.5).
"""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from simulator.parts.pn532_chip import Pn532Chip

SCL3711 = (0x04E6, 0x5591)
BUS, DEVICE = 1, 4
_READ_REGISTER, _WRITE_REGISTER, _LIST_TARGETS = 0x06, 0x08, 0x4A
_NO_EEPROM = 0xA000


class UsbStick(Pn532Chip):
    """The stick. Starts unplugged; it is also the bus that it is plugged into.

    Attributes:
        allowed: Whether the agent may open it.
        held: Whether a kernel driver holds it.
    """

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))
        self.allowed = True
        self.held = False
        self._chip_end = _ChipEnd()
        self._port: Any = self._chip_end
        read, write = self._commands[_READ_REGISTER], self._commands[_WRITE_REGISTER]
        many = self._commands[_LIST_TARGETS]
        self._commands[_READ_REGISTER] = lambda data: (
            None if data[0] << 8 >= _NO_EEPROM else b"\x00" + (read(data) or b"")
        )
        self._commands[_WRITE_REGISTER] = lambda data: b"\x00" + (write(data) or b"")
        self._commands[_LIST_TARGETS] = lambda data: many(b"\x01" + data[1:])

    def find(self, path: str) -> list[tuple[int, int, int, int]]:
        """List what is plugged in; there is nothing else on this bus."""
        names = ("usb", "usb:04e6", "usb:04e6:5591", f"usb:{BUS:03}:{DEVICE:03}")
        return [(*SCL3711, BUS, DEVICE)] if self._chip_end.plugged and path in names else []

    def open(self, bus: int, device: int) -> _HostEnd:
        """Open the stick as nfcpy's `USB` does.

        Raises:
            OSError: As libusb would say.
        """
        if not self._chip_end.plugged or (bus, device) != (BUS, DEVICE):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if not self.allowed:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if self.held:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return _HostEnd(self._chip_end, self._on_bytes)


class _ChipEnd:
    """The chip's side of the wire."""

    speed = termios.B115200
    """There is no speed at USB: it is always the chip's."""

    def __init__(self) -> None:
        self.plugged = False
        self.answers: Queue[bytes] = Queue()

    def plug(self) -> None:
        self.plugged = True

    def unplug(self) -> None:
        self.plugged = False

    def write(self, frame: bytes) -> None:
        self.answers.put(frame)


class _HostEnd:
    """The host's side, with the names of nfcpy's transport."""

    TYPE = "USB"
    manufacturer_name = "SCM Micro"
    product_name = "SCL3711-NFC&RW"

    def __init__(self, chip: _ChipEnd, to_chip: Callable[[bytes], None]) -> None:
        self._chip = chip
        self._to_chip = to_chip

    def close(self) -> None:
        """The host let go; the stick stays."""

    def read(self, timeout: int = 0) -> bytearray:
        """Give the next frame within `timeout` ms."""
        self._check()
        try:
            return bytearray(self._chip.answers.get(timeout=max(timeout, 1) / 1000))
        except Empty:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None

    def write(self, frame: bytes) -> None:
        """Give the chip a frame; what wasn't read before is dropped."""
        self._check()
        with suppress(Empty):
            while True:
                self._chip.answers.get_nowait()
        self._to_chip(bytes(frame))

    def _check(self) -> None:
        if not self._chip.plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

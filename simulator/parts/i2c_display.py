"""Displays on an I2C bus: what a person would read on them.

HD44780U data sheet, tables 6 (instructions) and 4 (letters, ROM A00), behind a PCF8574;
SSD1306 data sheet, section 9 (commands), and the page addressing that the SH1106 shares.
"""

from __future__ import annotations

import errno
from threading import Lock
from typing import Protocol

from PIL import Image

_RS, _ENABLE, _BACKLIGHT = 0x01, 0x04, 0x08
_ROM_A00 = {0x5C: "¥", 0x7E: "→", 0x7F: "←", 0xDF: "°", 0xE1: "ä", 0xE2: "ß", 0xEE: "ñ"} | {
    0xEF: "ö",
    0xF5: "ü",
}
_MADE = "▯"
"""Stands for a letter that the host has drawn."""
_LETTERS_MADE = 8
_ROW_STARTS = {16: (0x00, 0x40, 0x10, 0x50), 20: (0x00, 0x40, 0x14, 0x54)}
_ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xAD: 1} | dict.fromkeys(
    (0xD3, 0xD5, 0xD9, 0xDA, 0xDB), 1
)
_POINTS_PER_PAGE = 8


class I2cDevice(Protocol):
    """Something at an address of a bus."""

    def write(self, register: int | None, data: bytes) -> None:
        """Take what the host writes; no register: a plain byte."""
        ...


class I2cBus:
    """A bus with its devices, as `smbus2.SMBus` looks to a driver.

    Args:
        devices: By address. One that is taken out answers no more.
    """

    def __init__(self, devices: dict[int, I2cDevice]) -> None:
        self.devices = devices
        self.is_open = True

    def read_byte(self, address: int) -> int:
        """Ask whether anybody is there."""
        self._device(address)
        return 0

    def write_byte(self, address: int, value: int) -> None:
        """Write a plain byte."""
        self._device(address).write(None, bytes((value,)))

    def write_i2c_block_data(self, address: int, register: int, data: list[int]) -> None:
        """Write a block to a register."""
        self._device(address).write(register, bytes(data))

    def close(self) -> None:
        """Give the bus back."""
        self.is_open = False

    def _device(self, address: int) -> I2cDevice:
        device = self.devices.get(address)
        if device is None:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return device


class CharacterPanel:
    """A character display with its backpack.

    Args:
        columns: Characters in a line, 16 or 20.
        rows: Lines.
    """

    def __init__(self, columns: int = 16, rows: int = 2) -> None:
        self._columns, self._rows = columns, rows
        self._lock = Lock()
        self._ram = bytearray(b" " * 0x80)
        self._letters = bytearray(8 * _LETTERS_MADE)
        self._at = 0
        self._in_letters = False
        self._nibble: int | None = None
        self._four_bits = False
        self._last = 0
        self.is_on = False
        self.is_lit = False

    @property
    def lines(self) -> tuple[str, ...]:
        """What it shows, blanks at line ends left out."""
        with self._lock:
            if not self.is_on:
                return ("",) * self._rows
            starts = _ROW_STARTS[self._columns][: self._rows]
            cells = (self._ram[start : start + self._columns] for start in starts)
            return tuple("".join(map(_letter, row)).rstrip() for row in cells)

    def write(self, register: int | None, data: bytes) -> None:  # noqa: ARG002 it has none
        """Latch at the falling edge of the enable line."""
        with self._lock:
            for value in data:
                self.is_lit = bool(value & _BACKLIGHT)
                if self._last & _ENABLE and not value & _ENABLE:
                    self._latch(self._last >> 4, is_data=bool(self._last & _RS))
                self._last = value

    def _latch(self, nibble: int, *, is_data: bool) -> None:
        if not self._four_bits:
            self._obey(nibble << 4)
        elif self._nibble is None:
            self._nibble = nibble
        else:
            byte, self._nibble = self._nibble << 4 | nibble, None
            if is_data:
                self._store(byte)
            else:
                self._obey(byte)

    def _store(self, byte: int) -> None:
        if self._in_letters:
            self._letters[self._at % len(self._letters)] = byte
        else:
            self._ram[self._at & 0x7F] = byte
        self._at += 1

    def _obey(self, byte: int) -> None:
        if byte & 0x80:
            self._at, self._in_letters = byte & 0x7F, False
        elif byte & 0x40:
            self._at, self._in_letters = byte & 0x3F, True
        elif byte & 0x20:
            self._four_bits = not byte & 0x10
            self._nibble = None
        elif byte & 0x08:
            self.is_on = bool(byte & 0x04)
        elif byte & 0x03:
            self._at, self._in_letters = 0, False
            if byte & 0x01:
                self._ram[:] = b" " * len(self._ram)


class PointPanel:
    """An SSD1306, or an SH1106 with its two columns more.

    Args:
        width: Points across.
        height: Points down.
        first_column: Of the glass in the controller's memory: 0, SH1106 2.
    """

    def __init__(self, width: int = 128, height: int = 64, first_column: int = 0) -> None:
        self._size = (width, height)
        self._first = first_column
        self._lock = Lock()
        self._wanted: list[int] = []
        self._columns, self._pages = (0, 127), (0, 7)
        self._column = self._page = 0
        self._ram = [bytearray(132) for _ in range(8)]
        self.is_on = False

    @property
    def image(self) -> Image.Image:
        """What it shows; black while it is off."""
        with self._lock:
            width, height = self._size
            image = Image.new("1", self._size)
            for y in range(height if self.is_on else 0):
                page, bit = self._ram[y // _POINTS_PER_PAGE], y % _POINTS_PER_PAGE
                for x in range(width):
                    image.putpixel((x, y), page[x + self._first] >> bit & 1)
            return image

    def write(self, register: int | None, data: bytes) -> None:
        """Commands to register 0, points to register 0x40."""
        with self._lock:
            for byte in data:
                if register:
                    self._store(byte)
                else:
                    self._take(byte)

    def _take(self, byte: int) -> None:
        self._wanted.append(byte)
        command, *arguments = self._wanted
        if len(arguments) == _ARGUMENTS.get(command, 0):
            self._wanted = []
            self._obey(command, arguments)

    def _obey(self, command: int, arguments: list[int]) -> None:
        if command == 0x21:  # noqa: PLR2004 column address
            self._columns = (arguments[0], arguments[1])
            self._column = arguments[0]
        elif command == 0x22:  # noqa: PLR2004 page address
            self._pages = (arguments[0], arguments[1])
            self._page = arguments[0]
        elif command in {0xAE, 0xAF}:
            self.is_on = command == 0xAF  # noqa: PLR2004 display on
        elif 0xB0 <= command <= 0xB7:  # noqa: PLR2004 page start
            self._page, self._columns, self._pages = command & 7, (0, 131), (0, 7)
        elif command <= 0x0F:  # noqa: PLR2004 lower half of a column
            self._column = self._column & 0xF0 | command
        elif command <= 0x1F:  # noqa: PLR2004 upper half of a column
            self._column = self._column & 0x0F | (command & 0x0F) << 4

    def _store(self, byte: int) -> None:
        self._ram[self._page][self._column] = byte
        self._column += 1
        if self._column > self._columns[1]:
            self._column = self._columns[0]
            self._page = self._pages[0] if self._page >= self._pages[1] else self._page + 1


def _letter(code: int) -> str:
    if code < 2 * _LETTERS_MADE:
        return _MADE
    return _ROM_A00.get(code) or (chr(code) if 0x20 <= code <= 0x7D else "?")  # noqa: PLR2004

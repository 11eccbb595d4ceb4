"""Character displays with an HD44780 controller behind a PCF8574 on I2C.

Letters are those of the ROM A00 (HD44780U data sheet, table 4), which nearly all of these
displays have; what it lacks, such as capital umlauts, is written with others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from luma.core.interface.serial import pcf8574
from luma.lcd.device import hd44780

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.people.i2c_bus import ADDRESS_MAX, ADDRESS_MIN, open_bus
from hardware.people.layout import pages
from hardware.people.letters import printable
from hardware.people.screen_thread import Pages, ThreadedDisplay
from hardware.ports import LATIN_ONLY
from hardware.specs import DisplaySpec

SIZES = ((16, 2), (16, 4), (20, 2), (20, 4))
"""Columns and rows that the library can address."""
USUAL_ADDRESS = 0x27
"""Of backpacks with a PCF8574; those with a PCF8574A are at 0x3F."""


def open_part(spec: DisplaySpec, _: Around) -> ThreadedDisplay:
    """Make what the spec describes.

    Raises:
        SpecError: The size or the address is impossible.
    """
    if (spec.columns, spec.rows) not in SIZES:
        sizes = ", ".join(f"{columns}x{rows}" for columns, rows in SIZES)
        raise SpecError(f"a display with the driver 'hd44780' is one of {sizes}")
    address = spec.address or USUAL_ADDRESS
    if not ADDRESS_MIN <= address <= ADDRESS_MAX:
        raise SpecError(f"the address of a display is 0x{ADDRESS_MIN:02x} to 0x{ADDRESS_MAX:02x}")
    opens = partial(_open, spec, address)
    return ThreadedDisplay(f"{spec.port} 0x{address:02x}", LATIN_ONLY, opens)


class CharacterScreen:
    """An open character display.

    Args:
        bus: As of smbus2; closed with the screen.
        address: On it.
        columns: Characters in a line.
        rows: Lines.
    """

    def __init__(self, bus: Any, address: int, columns: int, rows: int) -> None:
        self._bus = bus
        self._columns, self._rows = columns, rows
        self._device = hd44780(pcf8574(bus=bus, address=address), width=columns, height=rows)
        self._has = _letters_of(self._device)

    def lay_out(self, lines: tuple[str, ...]) -> Pages:
        clean = tuple(printable(line, self._has) for line in lines)
        return pages(clean, self._columns, self._rows)

    def draw(self, page: tuple[str, ...]) -> None:
        self._device.text = "\n".join(page)

    def close(self) -> None:
        try:
            self._device.persist = True
            self._device.clear()
            self._device.hide()
        finally:
            self._bus.close()


def _open(spec: DisplaySpec, address: int) -> CharacterScreen:
    bus = open_bus(spec.port, address)
    try:
        return CharacterScreen(bus, address, spec.columns, spec.rows)
    except BaseException:
        bus.close()
        raise


def _letters_of(device: Any) -> Callable[[str], bool]:
    """What the ROM has: the library passes on by its code what it has no place for."""
    known = {chr(code) for code in device.font.current.mappings}
    ascii_too = {chr(code) for code in range(0x20, 0x7E)} - {"\\"}
    return (known | ascii_too).__contains__

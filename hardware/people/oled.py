"""Small OLED displays (SSD1306, SH1106) on I2C: every language, when a font has it."""

from __future__ import annotations

from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from luma.core.interface.serial import i2c
from luma.core.render import canvas
from luma.oled.device import sh1106, ssd1306
from PIL import ImageFont, features

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.people.i2c_bus import ADDRESS_MAX, ADDRESS_MIN, open_bus
from hardware.people.layout import pages
from hardware.people.letters import printable
from hardware.people.screen_thread import Pages, ThreadedDisplay
from hardware.ports import ALL_SCRIPTS, LATIN_ONLY
from hardware.specs import DisplaySpec

SIZES = {"ssd1306": ((128, 64), (128, 32)), "sh1106": ((128, 64), (128, 32))}
"""Points that the drivers know of each controller."""
USUAL_ADDRESS = 0x3C
UNIFONT = Path("/usr/share/fonts/opentype/unifont/unifont.otf")
"""Debian's fonts-unifont: drawn for 16 points, with every script that ships."""
FONT_POINTS = 16
ROW_POINTS = 16

LETTERS_KEPT = 2_048
"""Letters of which it is remembered whether a font has them; names bring ever new ones."""

_DEVICES = {"ssd1306": ssd1306, "sh1106": sh1106}


def open_part(spec: DisplaySpec, _: Around) -> ThreadedDisplay:
    """Make what the spec describes.

    Raises:
        SpecError: The size or the address is impossible, or the font can't be read.
    """
    known = SIZES[spec.driver]
    if (spec.width, spec.height) not in known:
        sizes = " or ".join(f"{width}x{height}" for width, height in known)
        raise SpecError(f"a display with the driver {spec.driver!r} has {sizes} points")
    address = spec.address or USUAL_ADDRESS
    if not ADDRESS_MIN <= address <= ADDRESS_MAX:
        raise SpecError(f"the address of a display is 0x{ADDRESS_MIN:02x} to 0x{ADDRESS_MAX:02x}")
    _, scripts = load_font(spec.font)
    opens = partial(_open, spec, address)
    return ThreadedDisplay(f"{spec.port} 0x{address:02x}", scripts, opens)


@cache
def load_font(path: str) -> tuple[Any, frozenset[str]]:
    """Load a font.

    Args:
        path: Its file; empty: GNU Unifont when it is installed, otherwise a built-in one.

    Returns:
        The font, and the scripts that it can write.

    Raises:
        SpecError: The file can't be read as a font.
    """
    chosen = path or (str(UNIFONT) if UNIFONT.exists() else "")
    if not chosen:
        return ImageFont.load_default(FONT_POINTS), LATIN_ONLY
    try:
        font = ImageFont.truetype(chosen, FONT_POINTS)
    except OSError as error:
        raise SpecError(f"the font {chosen} can't be read ({error})") from error
    # Arabic letters join, and run from right to left, with the library for it only.
    scripts = ALL_SCRIPTS if features.check("raqm") else ALL_SCRIPTS - {"arabic"}
    return font, scripts if not path else frozenset(scripts & _scripts_in(font))


class PointScreen:
    """Lays text out on a display of points.

    Args:
        device: Of luma, open.
        font: Of Pillow.
        bus: Closed with the screen; None: there is none.
    """

    def __init__(self, device: Any, font: Any, bus: Any = None) -> None:
        self._device = device
        self._font = font
        self._bus = bus

    def lay_out(self, lines: tuple[str, ...]) -> Pages:
        clean = tuple(printable(line, self._has) for line in lines)
        rows = self._device.height // ROW_POINTS
        return pages(clean, self._device.width, rows, self._measure)

    def draw(self, page: tuple[str, ...]) -> None:
        with canvas(self._device) as draw:
            draw.fontmode = "1"
            for row, text in enumerate(page):
                is_rtl = any("\u0590" <= char <= "\u08ff" for char in text)
                left = self._device.width - self._measure(text) if is_rtl else 0
                draw.text((left, row * ROW_POINTS), text, fill="white", font=self._font)

    def close(self) -> None:
        try:
            self._device.persist = True
            self._device.clear()
            self._device.hide()
        finally:
            if self._bus is not None:
                self._bus.close()

    def _measure(self, text: str) -> int:
        return int(self._font.getlength(text) + 0.5)

    def _has(self, char: str) -> bool:
        return char == " " or _is_drawn(self._font, char)


def _open(spec: DisplaySpec, address: int) -> PointScreen:
    bus = open_bus(spec.port, address)
    try:
        line = i2c(bus=bus, address=address)
        device = _DEVICES[spec.driver](line, width=spec.width, height=spec.height)
        return PointScreen(device, load_font(spec.font)[0], bus)
    except BaseException:
        bus.close()
        raise


def _scripts_in(font: Any) -> frozenset[str]:
    samples = {"latin": "aÄß", "han": "余额", "arabic": "بط"}
    return frozenset(
        script for script, text in samples.items() if all(_is_drawn(font, char) for char in text)
    )


@lru_cache(LETTERS_KEPT)
def _is_drawn(font: Any, char: str) -> bool:
    """Whether a font has a character: one that it lacks looks like the one that none has."""
    return bytes(font.getmask(char)) != bytes(font.getmask("\U0010fffe"))

"""Parts as a controller's TOML names them.

Pins are BCM numbers (GPIO17 is 17). Paths are absolute: the pin library changes
the working directory when it's loaded. A field that a driver doesn't use stays
away; `hardware.factory` says which are missing.
"""

from __future__ import annotations

import msgspec

Options = dict[str, str | int | bool]
"""What a driver of your own wants to know; its own affair (`hardware.drivers`)."""

PIN_MAX = 27
"""Highest GPIO on the 40-pin header."""

PULSES_RATIO_MAX = 1_000_000
"""Bound of either part of a meter's ratio: 1 pulse per MWh to 1,000,000 pulses per Wh."""


class ReaderSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card reader.

    Attributes:
        id: Name of the reader in events.
        port: For "pn532" a serial device, for "keyboard" an event device; a stable name
            (`/dev/serial/by-id/…`) is resolved anew at each opening. For "usb": `usb`,
            `usb:VENDOR:PRODUCT` or `usb:BUS:DEVICE`. For "pcsc": `pcsc`, or `pcsc:` and
            part of the reader's name.
        driver: "pn532" (serial), "usb" (nfcpy's USB readers), "pcsc" (pcscd's), "keyboard"
            (types the number: level 0 for ever).
        reset_pin: Pin at the chip's RSTPDN, pulsed low before each opening; it frees
            a chip that a killed process left stuck.
        form: For "keyboard", how a UID is typed: "hex", "hex_reversed", "decimal" or
            "decimal_reversed".
        options: For a driver of your own.
    """

    id: str
    port: str
    driver: str = "pn532"
    reset_pin: int | None = None
    form: str = "hex"
    options: Options = {}


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What switches a machine.

    Attributes:
        pin: The relay's pin.
        driver: "gpio".
        active_high: Choose a board where high means on, with a pull-down: the others
            may click on while the controller starts.
        options: For a driver of your own.
    """

    pin: int
    driver: str = "gpio"
    active_high: bool = True
    options: Options = {}


class MeterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts usage.

    Attributes:
        unit: Base unit of the total: "Wh", "ml", "pulse", "s", ….
        driver: "pulse" (edges on `pin`), "counter" (absolute count in the file `path`),
            "runtime" (seconds the machine's output was on).
        pin: For "pulse".
        path: For "counter": a `count` file of the kernel's counter subsystem.
        units_numerator: With `units_denominator`: base units per pulse. An S0 meter of
            800 impulses per kWh is 1000/800, 5 Wh every 4 impulses.
        units_denominator: See `units_numerator`.
        pull_up: For "pulse": whether the input rests high and a pulse pulls it low.
        options: For a driver of your own.
    """

    unit: str
    driver: str = "pulse"
    pin: int | None = None
    path: str | None = None
    units_numerator: int = 1
    units_denominator: int = 1
    pull_up: bool = True
    options: Options = {}


class ButtonSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A push button to ground.

    Attributes:
        id: Name of the button in events.
        pin: Its pin; it rests high by the controller's own pull-up.
    """

    id: str
    pin: int


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine's own feedback: runs, door shut, flow.

    Attributes:
        id: Name of the input in events.
        pin: Its pin.
        active_high: Which level means active; the pin is pulled the other way.
    """

    id: str
    pin: int
    active_high: bool = True


class IndicatorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Three lamps.

    Attributes:
        red: Pin of the red lamp.
        green: Pin of the green lamp.
        blue: Pin of the blue lamp.
        driver: "rgb".
    """

    red: int
    green: int
    blue: int
    driver: str = "rgb"


class BuzzerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A buzzer that sounds by itself while its pin is on.

    Attributes:
        pin: Its pin.
        driver: "buzzer".
        active_high: Which level sounds.
    """

    pin: int
    driver: str = "buzzer"
    active_high: bool = True


class DisplaySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A display.

    Attributes:
        port: Serial device, or I2C bus like `/dev/i2c-1`.
        driver: "serial_text" (customer displays that know the CD5220 commands),
            "hd44780" (character displays with a PCF8574 backpack), "ssd1306" or
            "sh1106" (small OLED displays).
        columns: Characters in a line, of a text display.
        rows: Lines, of a text display.
        baudrate: Of a serial device, as set at the display, 8N1.
        address: On the I2C bus; 0: the one that the driver's displays usually have.
        width: Points across, of an OLED.
        height: Points down, of an OLED.
        font: File of a font for an OLED; empty: GNU Unifont when it is installed, which
            has every language that ships, otherwise a built-in one for Latin letters.
    """

    port: str
    driver: str = "serial_text"
    columns: int = 20
    rows: int = 2
    baudrate: int = 9600
    address: int = 0
    width: int = 128
    height: int = 64
    font: str = ""
    options: Options = {}

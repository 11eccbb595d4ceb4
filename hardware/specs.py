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
        port: Serial device; a stable name (`/dev/serial/by-id/…`) is resolved anew
            at each opening.
        driver: "pn532".
        reset_pin: Pin at the chip's RSTPDN, pulsed low before each opening; it frees
            a chip that a killed process left stuck.
        options: For a driver of your own.
    """

    id: str
    port: str
    driver: str = "pn532"
    reset_pin: int | None = None
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


class DisplaySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text display.

    Attributes:
        port: Serial device.
        driver: "serial_text": customer displays that know the CD5220 commands.
        columns: Characters in a line.
        rows: Lines.
        baudrate: As set at the display, 8N1.
        options: For a driver of your own.
    """

    port: str
    driver: str = "serial_text"
    columns: int = 20
    rows: int = 2
    baudrate: int = 9600
    options: Options = {}

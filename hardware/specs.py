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


class PlugSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A switched socket of a maker, reached over an MQTT broker.

    Attributes:
        kind: "shelly1" (first generation), "shelly2" (second and later), "tasmota".
        topic: As set in the plug: its MQTT prefix (Shelly, without `shellies/`) or
            topic (Tasmota).
        host: The broker's.
        port: The broker's.
        user: As whom to go there; empty: as nobody.
        password_file: File whose first line is the password; only the service may read it.
        channel: Which relay of the plug, from 0.
    """

    kind: str
    topic: str
    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password_file: str = ""
    channel: int = 0


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What switches a machine.

    Attributes:
        pin: The relay's pin, for "gpio".
        driver: "gpio", or "plug".
        active_high: Choose a board where high means on, with a pull-down: the others
            may click on while the controller starts.
        plug: For "plug".
        options: For a driver of your own.
    """

    pin: int | None = None
    driver: str = "gpio"
    active_high: bool = True
    plug: PlugSpec | None = None
    options: Options = {}


class RegisterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a Modbus meter keeps its total. Not one that can be set back at the meter.

    Attributes:
        address: As it goes over the wire, from 0. Where a manual counts from 30001 or
            40001, take that away.
        function: 3 (holding registers) or 4 (input registers).
        type: "uint16", "uint32", "uint64", "int32", "int64", "float32" or "float64".
        word_order: "big" (the first register is the highest) or "little".
        byte_order: "big" as the standard says, or "little" for makers who didn't read it.
    """

    address: int
    function: int = 4
    type: str = "float32"
    word_order: str = "big"
    byte_order: str = "big"


class MeterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts usage.

    Attributes:
        unit: Base unit of the total: "Wh", "ml", "pulse", "s", ….
        driver: "pulse" (edges on `pin`), "pulse_gpiod" (the same, and knows what it lost),
            "counter" (absolute count in the file `path`), "runtime" (seconds the
            machine's output was on), "modbus", "iec62056", "sml", "plug".
        pin: For pulses.
        path: For "counter": a `count` file of the kernel's counter subsystem. For
            "pulse_gpiod": the GPIO chip, when it isn't the usual one.
        units_numerator: With `units_denominator`: base units per count. An S0 meter of
            800 impulses per kWh is 1000/800, 5 Wh every 4 impulses. A register that counts
            tenths of a kWh is 100/1.
        units_denominator: See `units_numerator`.
        pull_up: For pulses: whether the input rests high and a pulse pulls it low.
        port: Serial device of "modbus", "iec62056" and "sml".
        baudrate: Of the port; 0: what such a meter is delivered with.
        parity: "none", "even" or "odd"; empty: likewise.
        stopbits: 1 or 2; 0: likewise.
        address: Of a Modbus meter on its bus, 1 to 247.
        model: Of a Modbus meter that is known: "sdm120", "sdm230", "sdm630", "sdm72".
        register: Of any other Modbus meter.
        device: For "iec62056": its device address; empty: whoever is there.
        obis: For "iec62056" and "sml": code of the total, as "1.8.0" or "1-0:1.8.0*255".
        poll_ms: Between two readings of a meter that is asked; 0: the driver's usual.
        plug: For "plug"; None: the plug that is the machine's output.
        units_per_hour_max: More than it can ever count in an hour; 0: not known. What
            rises faster is another meter, and isn't charged.
        wraps_at: Total at which it begins again at 0; 0: never.
        options: For a driver of your own.
    """

    unit: str
    driver: str = "pulse"
    pin: int | None = None
    path: str | None = None
    units_numerator: int = 1
    units_denominator: int = 1
    pull_up: bool = True
    port: str | None = None
    baudrate: int = 0
    parity: str = ""
    stopbits: int = 0
    address: int = 1
    model: str = ""
    register: RegisterSpec | None = None
    device: str = ""
    obis: str = "1.8.0"
    poll_ms: int = 0
    plug: PlugSpec | None = None
    units_per_hour_max: int = 0
    wraps_at: int = 0
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

"""Opens parts from their specs: the one list of drivers that ship.

A driver is imported when a part asks for it, so a controller needs only the
libraries of the parts it has. What a driver's module must have: `hardware.drivers`.
"""

from __future__ import annotations

from collections.abc import Callable

from hardware.cards.keyring import NO_KEYS, CardKeys
from hardware.drivers import Around, Drivers
from hardware.errors import SpecError
from hardware.money.ports import CashAcceptor, VendBus
from hardware.money.specs import CashSpec, VendSpec
from hardware.ports import CardReader, Display, Indicator, Input, Meter, Output
from hardware.specs import (
    PIN_MAX,
    PULSES_RATIO_MAX,
    ButtonSpec,
    BuzzerSpec,
    DisplaySpec,
    IndicatorSpec,
    InputSpec,
    MeterSpec,
    OutputSpec,
    ReaderSpec,
)
from wire.clock import Clock

READERS = Drivers(
    "reader",
    {
        "pn532": "hardware.readers.pn532",
        "usb": "hardware.readers.usb",
        "pcsc": "hardware.readers.pcsc",
        "keyboard": "hardware.readers.keyboard",
    },
)
OUTPUTS = Drivers(
    "output",
    {
        "gpio": "hardware.outputs.gpio",
        "plug": "hardware.outputs.plug",
        "none": "hardware.outputs.none",
    },
)
METERS = Drivers(
    "meter",
    {
        "pulse": "hardware.meters.pulse",
        "pulse_gpiod": "hardware.meters.pulse_gpiod",
        "counter": "hardware.meters.counter",
        "runtime": "hardware.meters.runtime",
        "modbus": "hardware.meters.modbus",
        "iec62056": "hardware.meters.iec62056",
        "sml": "hardware.meters.sml",
        "plug": "hardware.meters.plug",
    },
)
ACCEPTORS = Drivers(
    "acceptor",
    {"coin_pulse": "hardware.money.coin_pulse", "cctalk": "hardware.money.cctalk"},
)
VENDORS = Drivers("vending bus", {"mdb": "hardware.money.mdb"})
INDICATORS = Drivers("indicator", {"rgb": "hardware.people.indicator"})
BUZZERS = Drivers("buzzer", {"buzzer": "hardware.people.buzzer"})
DISPLAYS = Drivers(
    "display",
    {
        "serial_text": "hardware.people.display",
        "hd44780": "hardware.people.hd44780",
        "ssd1306": "hardware.people.oled",
        "sh1106": "hardware.people.oled",
    },
)


def open_reader(
    spec: ReaderSpec,
    clock: Clock,
    keys: CardKeys = NO_KEYS,
    entropy: Callable[[int], bytes] | None = None,
) -> CardReader:
    """Make a reader; nothing is opened before its `start`.

    Args:
        spec: Which one.
        clock: What it stamps its events with.
        keys: Keys of cards, each made for one card; none: cards prove nothing.
        entropy: Gives random bytes; None: cards prove nothing.

    Raises:
        SpecError: The driver is unknown or the pin impossible.
    """
    if spec.reset_pin is not None:
        _check_pins(spec.reset_pin)
    reader: CardReader = READERS.opener(spec.driver)(
        spec, Around(clock, keys=keys, entropy=entropy)
    )
    return reader


def open_output(spec: OutputSpec, clock: Clock) -> Output:
    """Open an output; it is off.

    Raises:
        SpecError: The driver is unknown, lacks a field, or the pin is impossible.
        PartError: The pin can't be had.
    """
    if spec.pin is not None:
        _check_pins(spec.pin)
    output: Output = OUTPUTS.opener(spec.driver)(spec, Around(clock))
    return output


def open_meter(spec: MeterSpec, clock: Clock, output: Output | None = None) -> Meter:
    """Open a meter.

    Args:
        spec: Which one.
        clock: For meters that answer by themselves.
        output: The machine's output, for "runtime"; stays the caller's to close.

    Raises:
        SpecError: The driver is unknown, or lacks a field or the output it needs.
        PartError: The pin or counter can't be had.
    """
    if not all(
        1 <= part <= PULSES_RATIO_MAX for part in (spec.units_numerator, spec.units_denominator)
    ):
        raise SpecError(
            f"units_numerator and units_denominator must be 1 to {PULSES_RATIO_MAX}, "
            f"not {spec.units_numerator} and {spec.units_denominator}"
        )
    if spec.pin is not None:
        _check_pins(spec.pin)
    meter: Meter = METERS.opener(spec.driver)(spec, Around(clock, output))
    return meter


def open_acceptor(spec: CashSpec, clock: Clock) -> CashAcceptor:
    """Make an acceptor; it accepts nothing before it is started and enabled.

    Raises:
        SpecError: The driver is unknown, lacks a field, or a pin is impossible.
    """
    _check_pins(*(pin for pin in (spec.pin, spec.inhibit_pin) if pin is not None))
    acceptor: CashAcceptor = ACCEPTORS.opener(spec.driver)(spec, Around(clock))
    return acceptor


def open_vendor(spec: VendSpec, clock: Clock) -> VendBus:
    """Make a vending machine's bus; nothing is opened before its `start`.

    Raises:
        SpecError: The driver is unknown or lacks a field.
    """
    vendor: VendBus = VENDORS.opener(spec.driver)(spec, Around(clock))
    return vendor


def open_button(spec: ButtonSpec, clock: Clock) -> Input:
    """Open a button.

    Raises:
        SpecError: The pin is impossible.
        PartError: The pin can't be had.
    """
    _check_pins(spec.pin)
    from hardware.inputs.gpio import GpioButton

    return GpioButton(spec, clock)


def open_input(spec: InputSpec, clock: Clock) -> Input:
    """Open a machine's feedback.

    Raises:
        SpecError: The pin is impossible.
        PartError: The pin can't be had.
    """
    _check_pins(spec.pin)
    from hardware.inputs.gpio import GpioInput

    return GpioInput(spec, clock)


def open_indicator(spec: IndicatorSpec, clock: Clock) -> Indicator:
    """Open an indicator; it is dark.

    Raises:
        SpecError: The driver is unknown or a pin impossible.
        PartError: A pin can't be had.
    """
    _check_pins(spec.red, spec.green, spec.blue)
    indicator: Indicator = INDICATORS.opener(spec.driver)(spec, Around(clock))
    return indicator


def open_buzzer(spec: BuzzerSpec, clock: Clock) -> Indicator:
    """Open a buzzer; it is silent.

    Raises:
        SpecError: The driver is unknown or the pin impossible.
        PartError: The pin can't be had.
    """
    _check_pins(spec.pin)
    buzzer: Indicator = BUZZERS.opener(spec.driver)(spec, Around(clock))
    return buzzer


def open_display(spec: DisplaySpec, clock: Clock) -> Display:
    """Open a display; it may be plugged in later.

    Raises:
        SpecError: The driver is unknown or the size impossible.
    """
    display: Display = DISPLAYS.opener(spec.driver)(spec, Around(clock))
    return display


def _check_pins(*pins: int) -> None:
    for pin in pins:
        if not 0 <= pin <= PIN_MAX:
            raise SpecError(f"pin {pin} doesn't exist: a BCM number is 0 to {PIN_MAX}")

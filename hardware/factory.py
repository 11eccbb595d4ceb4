"""Opens parts from their specs: the one list of drivers.

A driver is imported when a part asks for it, so a controller needs only the
libraries of the parts it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from hardware.errors import SpecError
from hardware.ports import CardReader, Display, Indicator, Input, Meter, Output
from hardware.specs import (
    PIN_MAX,
    PULSES_RATIO_MAX,
    ButtonSpec,
    DisplaySpec,
    IndicatorSpec,
    InputSpec,
    MeterSpec,
    OutputSpec,
    ReaderSpec,
)
from wire.clock import Clock

READER_DRIVERS = ("pn532",)
OUTPUT_DRIVERS = ("gpio",)
METER_DRIVERS = ("pulse", "counter", "runtime")
INDICATOR_DRIVERS = ("rgb",)
DISPLAY_DRIVERS = ("serial_text",)


def open_reader(spec: ReaderSpec, clock: Clock) -> CardReader:
    """Make a reader; nothing is opened before its `start`.

    Raises:
        SpecError: The driver is unknown or the pin impossible.
    """
    _check_driver("reader", spec.driver, READER_DRIVERS)
    if spec.reset_pin is not None:
        _check_pins(spec.reset_pin)
    from hardware.readers.pn532 import Pn532Reader

    return Pn532Reader(spec, clock)


def open_output(spec: OutputSpec, clock: Clock) -> Output:
    """Open an output; it is off.

    Raises:
        SpecError: The driver is unknown or the pin impossible.
        PartError: The pin can't be had.
    """
    _check_driver("output", spec.driver, OUTPUT_DRIVERS)
    _check_pins(spec.pin)
    from hardware.outputs.gpio import GpioOutput

    return GpioOutput(spec, clock)


def open_meter(spec: MeterSpec, output: Output | None = None) -> Meter:
    """Open a meter.

    Args:
        spec: Which one.
        output: The machine's output, for "runtime"; stays the caller's to close.

    Raises:
        SpecError: The driver is unknown, or lacks a field or the output it needs.
        PartError: The pin or counter can't be had.
    """
    _check_driver("meter", spec.driver, METER_DRIVERS)
    if not all(
        1 <= part <= PULSES_RATIO_MAX for part in (spec.units_numerator, spec.units_denominator)
    ):
        raise SpecError(
            f"units_numerator and units_denominator must be 1 to {PULSES_RATIO_MAX}, "
            f"not {spec.units_numerator} and {spec.units_denominator}"
        )
    if spec.driver == "runtime":
        if output is None:
            raise SpecError("a meter with the driver 'runtime' needs the machine's output")
        from hardware.meters.runtime import RuntimeMeter

        return RuntimeMeter(spec, output)
    if spec.driver == "counter":
        from hardware.meters.counter import CounterMeter

        return CounterMeter(spec)
    if spec.pin is not None:
        _check_pins(spec.pin)
    from hardware.meters.pulse import PulseMeter

    return PulseMeter(spec)


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


def open_indicator(spec: IndicatorSpec) -> Indicator:
    """Open an indicator; it is dark.

    Raises:
        SpecError: The driver is unknown or a pin impossible.
        PartError: A pin can't be had.
    """
    _check_driver("indicator", spec.driver, INDICATOR_DRIVERS)
    _check_pins(spec.red, spec.green, spec.blue)
    from hardware.people.indicator import RgbIndicator

    return RgbIndicator(spec)


def open_display(spec: DisplaySpec) -> Display:
    """Open a display; it may be plugged in later.

    Raises:
        SpecError: The driver is unknown or the size impossible.
    """
    _check_driver("display", spec.driver, DISPLAY_DRIVERS)
    from hardware.people.display import SerialTextDisplay

    return SerialTextDisplay(spec)


def _check_driver(part: str, driver: str, known: Iterable[str]) -> None:
    if driver not in known:
        names = ", ".join(repr(name) for name in known)
        raise SpecError(f"unknown {part} driver {driver!r}; known are {names}")


def _check_pins(*pins: int) -> None:
    for pin in pins:
        if not 0 <= pin <= PIN_MAX:
            raise SpecError(f"pin {pin} doesn't exist: a BCM number is 0 to {PIN_MAX}")

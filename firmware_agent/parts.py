"""The parts of a controller, opened from its file: one bundle with an owner.

Who runs the agent on other parts (a simulation, a test) passes another
`PartsOpener`; everything above it stays the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from firmware_agent.config import AgentConfig, MachineConfig, ReaderConfig
from hardware import factory
from hardware.errors import HardwareError
from hardware.ports import CardReader, Display, Emit, Indicator, Input, Meter, Output
from hardware.specs import (
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

_log = logging.getLogger(__name__)

T = TypeVar("T")


class PartsOpener(Protocol):
    """Opens one part each; raises `hardware.errors.HardwareError` when it can't."""

    def reader(self, spec: ReaderSpec) -> CardReader: ...

    def output(self, spec: OutputSpec, machine: str) -> Output: ...

    def meter(self, spec: MeterSpec, machine: str, output: Output | None) -> Meter: ...

    def button(self, spec: ButtonSpec) -> Input: ...

    def input(self, spec: InputSpec) -> Input: ...

    def indicator(self, spec: IndicatorSpec, place: str) -> Indicator: ...

    def buzzer(self, spec: BuzzerSpec, place: str) -> Indicator: ...

    def display(self, spec: DisplaySpec, place: str) -> Display: ...


class RealParts:
    """Opens the drivers of `hardware`.

    Args:
        clock: What drivers stamp their events with.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def reader(self, spec: ReaderSpec) -> CardReader:
        return factory.open_reader(spec, self._clock)

    def output(self, spec: OutputSpec, machine: str) -> Output:  # noqa: ARG002 port's order
        return factory.open_output(spec, self._clock)

    def meter(self, spec: MeterSpec, machine: str, output: Output | None) -> Meter:  # noqa: ARG002
        return factory.open_meter(spec, self._clock, output)

    def button(self, spec: ButtonSpec) -> Input:
        return factory.open_button(spec, self._clock)

    def input(self, spec: InputSpec) -> Input:
        return factory.open_input(spec, self._clock)

    def indicator(self, spec: IndicatorSpec, place: str) -> Indicator:  # noqa: ARG002
        return factory.open_indicator(spec, self._clock)

    def buzzer(self, spec: BuzzerSpec, place: str) -> Indicator:  # noqa: ARG002
        return factory.open_buzzer(spec, self._clock)

    def display(self, spec: DisplaySpec, place: str) -> Display:  # noqa: ARG002
        return factory.open_display(spec, self._clock)


@dataclass(slots=True)
class Parts:
    """All open parts, by the id of the machine or reader they belong to.

    Attributes:
        missing: Parts that couldn't be opened: place to the reason. A machine
            without its output or meter is out of service; the rest goes on.
    """

    readers: dict[str, CardReader] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    buttons: dict[str, Input] = field(default_factory=dict)
    feedbacks: dict[str, Input] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    buzzers: dict[str, Indicator] = field(default_factory=dict)
    displays: dict[str, Display] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def start(self, emit: Emit) -> None:
        """Let readers, buttons and feedback report."""
        for reader in self.readers.values():
            reader.start(emit)
        for pin in (*self.buttons.values(), *self.feedbacks.values()):
            pin.start(emit)

    def close(self) -> None:
        """Close everything, outputs first: a machine stops before anything else."""
        for part in self._all():
            with suppress(Exception):
                part.close()

    def _all(self) -> Iterator[CardReader | Output | Meter | Input | Indicator | Display]:
        yield from self.outputs.values()
        yield from self.readers.values()
        yield from self.buttons.values()
        yield from self.feedbacks.values()
        yield from self.meters.values()
        yield from self.indicators.values()
        yield from self.buzzers.values()
        yield from self.displays.values()


def reader_place(reader: str) -> str:
    """Name of a reader's own lamps and display; a machine's are under the machine's id."""
    return f"reader/{reader}"


def open_parts(config: AgentConfig, opener: PartsOpener) -> Parts:
    """Open every part of the file; one that fails is noted and doesn't stop the others."""
    parts = Parts()
    for reader in config.readers:
        _open_reader(parts, opener, reader)
    for machine in config.machines:
        _open_machine(parts, opener, machine)
    return parts


def _open_reader(parts: Parts, opener: PartsOpener, reader: ReaderConfig) -> None:
    _keep(parts, parts.readers, reader.id, "reader", lambda: opener.reader(reader))
    _open_people(parts, opener, reader_place(reader.id), reader)


def _open_machine(parts: Parts, opener: PartsOpener, machine: MachineConfig) -> None:
    name = machine.id
    _keep(parts, parts.outputs, name, "output", lambda: opener.output(machine.output, name))
    if (meter := machine.meter) is not None:
        output = parts.outputs.get(name)
        _keep(parts, parts.meters, name, "meter", lambda: opener.meter(meter, name, output))
    if (button := machine.button) is not None:
        spec = ButtonSpec(id=name, pin=button.pin)
        _keep(parts, parts.buttons, name, "button", lambda: opener.button(spec))
    if (feedback := machine.feedback) is not None:
        pin = InputSpec(id=name, pin=feedback.pin, active_high=feedback.active_high)
        _keep(parts, parts.feedbacks, name, "feedback", lambda: opener.input(pin))
    _open_people(parts, opener, name, machine)


def _open_people(
    parts: Parts, opener: PartsOpener, place: str, config: ReaderConfig | MachineConfig
) -> None:
    """What people see and hear at a place."""
    if (lamps := config.indicator) is not None:
        _keep(parts, parts.indicators, place, "indicator", lambda: opener.indicator(lamps, place))
    if (buzzer := config.buzzer) is not None:
        _keep(parts, parts.buzzers, place, "buzzer", lambda: opener.buzzer(buzzer, place))
    if (display := config.display) is not None:
        _keep(parts, parts.displays, place, "display", lambda: opener.display(display, place))


def _keep(parts: Parts, where: dict[str, T], place: str, kind: str, make: Callable[[], T]) -> None:
    try:
        where[place] = make()
    except HardwareError as error:
        parts.missing[f"{kind} of {place}"] = str(error)
        _log.error("%s of %s can't be opened: %s", kind, place, error)

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

from firmware_agent.config import AgentConfig, FeedbackConfig, MachineConfig, ReaderConfig
from firmware_agent.ids import new_bytes
from hardware import factory
from hardware.cards.keyring import NO_KEYS, CardKeys
from hardware.errors import HardwareError
from hardware.money.ports import CashAcceptor, VendBus
from hardware.money.specs import CashSpec, VendSpec
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


Closable = CardReader | Output | Meter | Input | Indicator | Display | CashAcceptor | VendBus


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


class MoneyOpener(Protocol):
    """Opens what takes money, and vending machines; raises as `PartsOpener` does."""

    def acceptor(self, spec: CashSpec, machine: str) -> CashAcceptor: ...

    def vendor(self, spec: VendSpec, machine: str) -> VendBus: ...


class AnyOpener(PartsOpener, MoneyOpener, Protocol):
    """Opens every part."""


class RealParts:
    """Opens the drivers of `hardware`.

    Args:
        clock: What drivers stamp their events with.
        keys: Keys that cards prove; none: they are known by their UID only.
    """

    def __init__(self, clock: Clock, keys: CardKeys = NO_KEYS) -> None:
        self._clock = clock
        self._keys = keys

    def reader(self, spec: ReaderSpec) -> CardReader:
        return factory.open_reader(spec, self._clock, self._keys, new_bytes)

    def output(self, spec: OutputSpec, machine: str) -> Output:  # noqa: ARG002 port's order
        return factory.open_output(spec, self._clock)

    def meter(self, spec: MeterSpec, machine: str, output: Output | None) -> Meter:  # noqa: ARG002
        return factory.open_meter(spec, self._clock, output)

    def button(self, spec: ButtonSpec) -> Input:
        return factory.open_button(spec, self._clock)

    def input(self, spec: InputSpec) -> Input:
        return factory.open_input(spec, self._clock)

    def acceptor(self, spec: CashSpec, machine: str) -> CashAcceptor:  # noqa: ARG002
        return factory.open_acceptor(spec, self._clock)

    def vendor(self, spec: VendSpec, machine: str) -> VendBus:  # noqa: ARG002
        return factory.open_vendor(spec, self._clock)

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
        acceptors: By their own id; a machine may have several.
        homes: Machine of each acceptor and vending bus, by its id.
        signals: Doors and fault signals, as `door/MACHINE` and `fault/MACHINE`.
        missing: Parts that couldn't be opened: place to the reason. A machine
            without its output or meter is out of service; the rest goes on.
    """

    readers: dict[str, CardReader] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    buttons: dict[str, Input] = field(default_factory=dict)
    feedbacks: dict[str, Input] = field(default_factory=dict)
    signals: dict[str, Input] = field(default_factory=dict)
    acceptors: dict[str, CashAcceptor] = field(default_factory=dict)
    vendors: dict[str, VendBus] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    buzzers: dict[str, Indicator] = field(default_factory=dict)
    displays: dict[str, Display] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def start(self, emit: Emit) -> None:
        """Let readers, buttons, feedback and what takes money report."""
        for reader in self.readers.values():
            reader.start(emit)
        for pin in (*self.buttons.values(), *self.feedbacks.values(), *self.signals.values()):
            pin.start(emit)
        for acceptor in self.acceptors.values():
            acceptor.start(emit)
        for vendor in self.vendors.values():
            vendor.start(emit)

    def close(self) -> None:
        """Close everything, outputs first: a machine stops before anything else."""
        for part in self._all():
            with suppress(Exception):
                part.close()

    def _all(self) -> Iterator[Closable]:
        yield from self.outputs.values()
        yield from self.acceptors.values()
        yield from self.vendors.values()
        yield from self.readers.values()
        yield from self.buttons.values()
        yield from self.feedbacks.values()
        yield from self.signals.values()
        yield from self.meters.values()
        yield from self.indicators.values()
        yield from self.buzzers.values()
        yield from self.displays.values()


def reader_place(reader: str) -> str:
    """Name of a reader's own lamps and display; a machine's are under the machine's id."""
    return f"reader/{reader}"


def open_parts(config: AgentConfig, opener: PartsOpener, money: MoneyOpener | None = None) -> Parts:
    """Open every part of the file; one that fails is noted and doesn't stop the others.

    Args:
        config: The file.
        opener: Opens them.
        money: Opens what takes money; None: that is left alone.
    """
    parts = Parts()
    for reader in config.readers:
        _open_reader(parts, opener, reader)
    for machine in config.machines:
        _open_machine(parts, opener, machine)
        if money is not None:
            _open_money(parts, money, machine)
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
    for kind, signal in (("door", machine.door), ("fault", machine.fault)):
        if signal is not None:
            _open_signal(parts, opener, f"{kind}/{name}", signal)
    _open_people(parts, opener, name, machine)


def _open_signal(parts: Parts, opener: PartsOpener, place: str, signal: FeedbackConfig) -> None:
    """What a machine says of its door, or of a fault; a name has no slash."""
    spec = InputSpec(id=place, pin=signal.pin, active_high=signal.active_high)
    _keep(parts, parts.signals, place, "signal", lambda: opener.input(spec))


def _open_money(parts: Parts, opener: MoneyOpener, machine: MachineConfig) -> None:
    """What takes coins and notes at a machine, and the bus of a vending machine."""
    name = machine.id
    for cash in machine.cash:
        parts.homes[cash.id] = name
        _keep_acceptor(parts, opener, cash, name)
    if (vend := machine.vend) is not None:
        parts.homes[vend.id] = name
        _keep(parts, parts.vendors, name, "vend", lambda: opener.vendor(vend, name))


def _keep_acceptor(parts: Parts, opener: MoneyOpener, spec: CashSpec, machine: str) -> None:
    _keep(parts, parts.acceptors, spec.id, "cash", lambda: opener.acceptor(spec, machine))


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

"""All parts around one virtual controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from simulator.parts.cash_room import CashRoom
from simulator.parts.display_tube import DisplayTube
from simulator.parts.machine import VirtualMachine
from simulator.parts.meter_room import MeterRoom, OnPlug
from simulator.parts.panels import Panels
from simulator.parts.parts_spec import ControllerParts, ReaderParts
from simulator.parts.pin_host import OnOutput, PinHost
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.wedge import Wedge


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would see at a machine.

    Attributes:
        relay: Whether its relay is closed.
        running: Whether it really runs.
        pulses: Of its own meter, delivered to the controller or not.
        fault: The fault it has.
        lamps: Which lamps are lit now.
        buzzer: Whether its buzzer sounds now.
        display: Lines on its display; none without one.
    """

    relay: bool
    running: bool
    pulses: int
    fault: str
    lamps: tuple[str, ...]
    buzzer: bool = False
    display: tuple[str, ...]


class ControllerView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would see at a controller.

    Attributes:
        connected: Whether an agent holds the pins.
        machines: By id.
        cards: UIDs in hex on each reader, by its id.
    """

    connected: bool
    machines: dict[str, MachineView]
    cards: dict[str, tuple[str, ...]]


class Device(Protocol):
    """What can be plugged in and pulled out."""

    def plug(self) -> None: ...

    def unplug(self) -> None: ...


class VirtualController:
    """Readers, machines, displays and pins. Works from `start` on.

    Args:
        parts: What there is.
        on_output: Told of every change of an output.
        on_plug: Told when a plug switches: its machine, and `closed`.
        speed: How many times faster than the clock its machines work.
    """

    def __init__(
        self, parts: ControllerParts, on_output: OnOutput, on_plug: OnPlug, speed: int
    ) -> None:
        self.parts = parts
        self.levels: dict[int, bool | None] = {}
        displays = {each.id: each.display for each in parts.machines if each.display is not None}
        self.panels = Panels(displays, self._set_present)
        self.pins = PinHost(Path(parts.pins), on_output, self.panels.take, self.panels.go_dark)
        self.machines = {
            machine.id: VirtualMachine(machine, self.pins, speed) for machine in parts.machines
        }
        self.readers = {each.id: Pn532Chip(Path(each.port)) for each in _of(parts, "pn532")}
        self.wedges = {each.id: Wedge(Path(each.port)) for each in _of(parts, "keyboard")}
        self.displays = {
            name: DisplayTube(Path(display.port), display.columns, display.rows)
            for name, display in displays.items()
            if display.kind == "serial_text"
        }
        self.buttons = {button.id: button.pin for button in parts.buttons}
        self.meters = MeterRoom(self.machines, on_plug)
        self.cash = CashRoom(parts.machines, self.pins, self.levels.get)
        self._devices: tuple[Device, ...] = (
            *self.readers.values(),
            *self.wedges.values(),
            *self.displays.values(),
            self.panels,
            self.meters,
            self.cash,
        )

    def start(self) -> None:
        """Plug everything in, and let an agent come."""
        for device in self._devices:
            device.plug()
        self.pins.start()

    def close(self) -> None:
        """Pull everything out."""
        self.pins.close()
        for device in self._devices:
            device.unplug()

    def view(self) -> ControllerView:
        """Look at it."""
        return ControllerView(
            connected=self.pins.connected,
            machines={name: self._machine_view(machine) for name, machine in self.machines.items()},
            cards={
                name: tuple(tag.uid.hex() for tag in chip.cards())
                for name, chip in self.readers.items()
            },
        )

    def _set_present(self, bus: str, addresses: tuple[int, ...]) -> None:
        self.pins.set_present(bus, addresses)

    def _machine_view(self, machine: VirtualMachine) -> MachineView:
        lamps = machine.parts.lamps
        pins = {} if lamps is None else {"red": lamps.red, "green": lamps.green, "blue": lamps.blue}
        return MachineView(
            relay=machine.relay_closed,
            running=machine.running,
            pulses=machine.pulses,
            fault=machine.fault.value,
            lamps=tuple(name for name, pin in pins.items() if self.levels.get(pin)),
            buzzer=machine.parts.buzzer is not None and bool(self.levels.get(machine.parts.buzzer)),
            display=self._display(machine.parts.id),
        )

    def _display(self, machine: str) -> tuple[str, ...]:
        if machine in self.displays:
            return self.displays[machine].lines
        return self.panels.lines(machine) if machine in self.panels.panels else ()


def _of(parts: ControllerParts, kind: str) -> Iterator[ReaderParts]:
    return (reader for reader in parts.readers if reader.kind == kind)

"""All parts around one virtual controller."""

from __future__ import annotations

from pathlib import Path

import msgspec

from simulator.parts.display_tube import DisplayTube
from simulator.parts.machine import VirtualMachine
from simulator.parts.meter_room import MeterRoom, OnPlug
from simulator.parts.parts_spec import ControllerParts
from simulator.parts.pin_host import OnOutput, PinHost
from simulator.parts.pn532_chip import Pn532Chip


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person would see at a machine.

    Attributes:
        relay: Whether its relay is closed.
        running: Whether it really runs.
        pulses: Of its own meter, delivered to the controller or not.
        fault: The fault it has.
        lamps: Which lamps are lit now.
        display: Lines on its display; none without one.
    """

    relay: bool
    running: bool
    pulses: int
    fault: str
    lamps: tuple[str, ...]
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
        self.pins = PinHost(Path(parts.pins), on_output)
        self.machines = {
            machine.id: VirtualMachine(machine, self.pins, speed) for machine in parts.machines
        }
        self.readers = {reader.id: Pn532Chip(Path(reader.port)) for reader in parts.readers}
        self.displays = {
            machine.id: DisplayTube(
                Path(machine.display.port), machine.display.columns, machine.display.rows
            )
            for machine in parts.machines
            if machine.display is not None
        }
        self.buttons = {button.id: button.pin for button in parts.buttons}
        self.meters = MeterRoom(self.machines, on_plug)
        self._devices: tuple[Pn532Chip | DisplayTube | MeterRoom, ...] = (
            *self.readers.values(),
            *self.displays.values(),
            self.meters,
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

    def _machine_view(self, machine: VirtualMachine) -> MachineView:
        lamps = machine.parts.lamps
        pins = {} if lamps is None else {"red": lamps.red, "green": lamps.green, "blue": lamps.blue}
        display = self.displays.get(machine.parts.id)
        return MachineView(
            relay=machine.relay_closed,
            running=machine.running,
            pulses=machine.pulses,
            fault=machine.fault.value,
            lamps=tuple(name for name, pin in pins.items() if self.levels.get(pin)),
            display=() if display is None else display.lines,
        )

"""The meters and plugs of a virtual controller, counting what its machines use.

Their libraries are loaded only where there is such a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator.parts.machine import Fault, VirtualMachine
from simulator.parts.parts_spec import MeterParts, PlugParts, RegisterParts

if TYPE_CHECKING:
    from simulator.parts.plugs import VirtualPlug

PUSH_MS = 250
"""Livelier than most meters, which send every second: virtual machines are watched."""


class OnPlug(Protocol):
    """Told when a plug opens or closes; from the plug's thread."""

    def __call__(self, machine: str, *, closed: bool) -> None: ...


class Pluggable(Protocol):
    """A device that can be plugged in and pulled out."""

    def plug(self) -> None: ...

    def unplug(self) -> None: ...


class MeterRoom:
    """All of them.

    Args:
        machines: Whose; by id.
        on_plug: Told when a plug switches.

    Raises:
        ValueError: There is no such kind of meter or plug.
    """

    def __init__(self, machines: Mapping[str, VirtualMachine], on_plug: OnPlug) -> None:
        self.by_port: dict[str, Pluggable] = {**_buses(machines), **dict(_eyes(machines))}
        """Meters by the path of their serial port."""
        self.plugs: dict[str, VirtualPlug] = dict(_plugs(machines, on_plug))
        """By the machine that they switch."""
        self.devices: tuple[Pluggable, ...] = (*self.by_port.values(), *self.plugs.values())

    def plug(self) -> None:
        """Plug everything in; plugs whose broker isn't there yet wait for `plug_sockets`."""
        for device in self.by_port.values():
            device.plug()
        with suppress(OSError):
            self.plug_sockets()

    def plug_sockets(self) -> None:
        """Plug the switched sockets in.

        Raises:
            OSError: Their broker isn't there.
        """
        for socket in self.plugs.values():
            socket.plug()

    def unplug(self) -> None:
        """Pull everything out."""
        for device in self.devices:
            device.unplug()


def _meters(machines: Mapping[str, VirtualMachine]) -> Iterator[tuple[VirtualMachine, MeterParts]]:
    for machine in machines.values():
        if machine.parts.meter is not None:
            yield machine, machine.parts.meter


def _buses(machines: Mapping[str, VirtualMachine]) -> dict[str, Pluggable]:
    """Modbus meters, one device for each port."""
    ports: dict[str, dict[int, VirtualMachine]] = {}
    for machine, meter in _meters(machines):
        if meter.kind == "modbus":
            ports.setdefault(meter.port, {})[meter.address] = machine
    if not ports:
        return {}
    from simulator.parts.modbus_bus import RegisterMap, VirtualModbusBus, VirtualModbusMeter

    def _map(machine: VirtualMachine) -> RegisterMap:
        register = _place(machine)
        return RegisterMap(
            register.address, register.function, register.layout, register.words_reversed
        )

    buses: dict[str, Pluggable] = {}
    for port, by_address in ports.items():
        meters = {
            address: VirtualModbusMeter(
                _map(machine), partial(_register, machine), partial(_ok, machine)
            )
            for address, machine in by_address.items()
        }
        buses[port] = VirtualModbusBus(Path(port), meters)
    return buses


def _eyes(machines: Mapping[str, VirtualMachine]) -> Iterator[tuple[str, Pluggable]]:
    for machine, meter in _meters(machines):
        if meter.kind == "sml":
            from simulator.parts.sml_meter import VirtualSmlMeter

            yield (
                meter.port,
                VirtualSmlMeter(
                    Path(meter.port),
                    partial(_tenths_wh, machine),
                    PUSH_MS,
                    answers=partial(_ok, machine),
                ),
            )
        elif meter.kind == "iec62056":
            from simulator.parts.iec_meter import VirtualIecMeter

            yield (
                meter.port,
                VirtualIecMeter(
                    Path(meter.port), partial(_wh, machine), answers=partial(_ok, machine)
                ),
            )
        elif meter.kind != "modbus":
            raise ValueError(f"there is no virtual meter {meter.kind!r}")


def _plugs(
    machines: Mapping[str, VirtualMachine], on_plug: OnPlug
) -> Iterator[tuple[str, VirtualPlug]]:
    for name, machine in machines.items():
        if machine.parts.plug is not None:
            yield name, _plug(name, machine, machine.parts.plug, on_plug)


def _plug(name: str, machine: VirtualMachine, parts: PlugParts, on_plug: OnPlug) -> VirtualPlug:
    from simulator.parts.plugs import PLUGS

    if parts.kind not in PLUGS:
        raise ValueError(f"there is no virtual plug {parts.kind!r}")

    def switched(closed: bool) -> None:  # noqa: FBT001 a relay's state
        on_plug(name, closed=closed)

    return PLUGS[parts.kind](parts.broker_port, parts.topic, switched, partial(_wh, machine))


def _wh(machine: VirtualMachine) -> int:
    return machine.count


def _tenths_wh(machine: VirtualMachine) -> int:
    return 10 * machine.count


def _place(machine: VirtualMachine) -> RegisterParts:
    return RegisterParts() if machine.parts.meter is None else machine.parts.meter.register


def _register(machine: VirtualMachine) -> float:
    """What the register holds; exact where it holds whole numbers."""
    place = _place(machine)
    counts = machine.count * place.counts_numerator
    if place.layout.endswith(("f", "d")):
        return counts / place.counts_denominator
    return counts // place.counts_denominator


def _ok(machine: VirtualMachine) -> bool:
    return machine.fault is not Fault.SILENT

"""The meters and plugs of a virtual controller, counting what its machines use.

Their libraries are loaded only where there is such a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from simulator.parts.machine import Fault, VirtualMachine
from simulator.parts.parts_spec import MeterParts, PlugParts

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
        self.devices: tuple[Pluggable, ...] = (
            *_buses(machines),
            *_eyes(machines),
            *_plugs(machines, on_plug),
        )

    def plug(self) -> None:
        """Plug everything in."""
        for device in self.devices:
            device.plug()

    def unplug(self) -> None:
        """Pull everything out."""
        for device in self.devices:
            device.unplug()


def _meters(machines: Mapping[str, VirtualMachine]) -> Iterator[tuple[VirtualMachine, MeterParts]]:
    for machine in machines.values():
        if machine.parts.meter is not None:
            yield machine, machine.parts.meter


def _buses(machines: Mapping[str, VirtualMachine]) -> Iterator[Pluggable]:
    """Modbus meters, one device for each port."""
    ports: dict[str, dict[int, VirtualMachine]] = {}
    for machine, meter in _meters(machines):
        if meter.kind == "modbus":
            ports.setdefault(meter.port, {})[meter.address] = machine
    if not ports:
        return
    from simulator.parts.modbus_bus import RegisterMap, VirtualModbusBus, VirtualModbusMeter

    for port, by_address in ports.items():
        meters = {
            address: VirtualModbusMeter(
                RegisterMap(), partial(_kwh, machine), partial(_ok, machine)
            )
            for address, machine in by_address.items()
        }
        yield VirtualModbusBus(Path(port), meters)


def _eyes(machines: Mapping[str, VirtualMachine]) -> Iterator[Pluggable]:
    for machine, meter in _meters(machines):
        if meter.kind == "sml":
            from simulator.parts.sml_meter import VirtualSmlMeter

            yield VirtualSmlMeter(
                Path(meter.port),
                partial(_tenths_wh, machine),
                PUSH_MS,
                answers=partial(_ok, machine),
            )
        elif meter.kind == "iec62056":
            from simulator.parts.iec_meter import VirtualIecMeter

            yield VirtualIecMeter(
                Path(meter.port), partial(_wh, machine), answers=partial(_ok, machine)
            )
        elif meter.kind != "modbus":
            raise ValueError(f"there is no virtual meter {meter.kind!r}")


def _plugs(machines: Mapping[str, VirtualMachine], on_plug: OnPlug) -> Iterator[Pluggable]:
    for name, machine in machines.items():
        if machine.parts.plug is not None:
            yield _plug(name, machine, machine.parts.plug, on_plug)


def _plug(name: str, machine: VirtualMachine, parts: PlugParts, on_plug: OnPlug) -> Pluggable:
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


def _kwh(machine: VirtualMachine) -> float:
    return machine.count / 1_000


def _ok(machine: VirtualMachine) -> bool:
    return machine.fault is not Fault.SILENT

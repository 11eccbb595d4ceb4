"""Which parts lie at the bench: from a controller's own file, each with what can be done to it.

Ids are a machine's name (`washer`), its parts (`washer.meter`), readers (`reader.front`),
and `power`, `network`, `clock`, `kiosk`, `cards`, `hub`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_agent.config import AgentConfig, MachineConfig, parse_config
from hardware.money.specs import CashSpec
from simulator.agent_file import agent_toml
from simulator.bench.deeds import Form, Kind, Seen, Target
from simulator.bench.desk import HUB
from simulator.bench.kinds_of_money import ACCEPTOR, VEND, slot_of
from simulator.bench.kinds_of_parts import (
    CARDS,
    MACHINE,
    MACHINE_WITHOUT_BUTTON,
    METER,
    PANEL,
    PLUG,
    PULSES,
    READER,
    TUBE,
    TYPING_READER,
)
from simulator.bench.kinds_of_supply import CLOCK, KIOSK, NETWORK, POWER
from simulator.bench.stage import Stage
from simulator.errors import SetupError
from simulator.parts.controller import VirtualController
from simulator.plan import ControllerPlan, PartPaths

COUNTING = frozenset({"counter", "modbus", "iec62056", "sml", "plug"})
"""Meters that keep a count of their own."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part's place, known before anything runs.

    Attributes:
        kind: What it is.
        name: Of the reader or machine that it belongs to; empty: the controller's.
        cash: Which acceptor it is, as the file has it; None: none.
    """

    kind: Kind
    name: str = ""
    cash: CashSpec | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part that lies at the bench.

    Attributes:
        id: Its name there, after its controller's.
        place: What and whose it is.
        target: What deeds are done to.
    """

    id: str
    place: Place
    target: Target

    def do(self, deed: str, form: Form) -> None:
        """Do something to it.

        Raises:
            SetupError: It can't be done; says why.
        """
        self.place.kind.deed(deed).run(self.target, form)

    def see(self) -> dict[str, Seen]:
        """Look at it."""
        return {name: look(self.target) for name, look in self.place.kind.sees.items()}


def places(config: AgentConfig, *, has_hub: bool) -> dict[str, Place]:
    """Which parts a controller with this file has, by id."""
    found: dict[str, Place] = {}
    for reader in config.readers:
        kind = TYPING_READER if reader.driver == "keyboard" else READER
        found[f"reader.{reader.id}"] = Place(kind, reader.id)
    for machine in config.machines:
        found |= dict(_of_machine(machine))
    found |= {"cards": Place(CARDS), "power": Place(POWER), "network": Place(NETWORK)}
    found["clock"] = Place(CLOCK)
    if config.kiosk is not None:
        found["kiosk"] = Place(KIOSK)
    if has_hub:
        found["hub"] = Place(HUB)
    return found


def config_of(plan: ControllerPlan) -> AgentConfig:
    """The controller's own file, as its drivers take it."""
    if plan.wired is not None:
        return plan.wired.config
    nowhere = PartPaths(Path("/"), Path("/"))
    return parse_config(agent_toml(plan, Path("/"), nowhere, 0))


def lay_out(stage: Stage, plan: ControllerPlan) -> dict[str, Part]:
    """Lay out the parts of a controller, by id."""
    prefix = plan.wired.prefix if plan.wired is not None else ""
    parts = stage.world.controller(plan.id)
    laid: dict[str, Part] = {}
    for name, place in places(config_of(plan), has_hub=stage.desk is not None).items():
        machine = f"{prefix}{place.name}" if f"{prefix}{place.name}" in parts.machines else ""
        device = _device(stage, plan, parts, place, machine)
        target = Target(stage, plan.id, "" if place.kind is READER else machine, device)
        laid[name] = Part(name, place, target)
    return laid


class Table:
    """All parts of a stage, by controller and id.

    Args:
        stage: The running site.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.controllers = {plan.id: lay_out(stage, plan) for plan in stage.site.controllers}

    def find(self, controller: str, part: str) -> Part:
        """Find a part.

        Raises:
            SetupError: There is none of that name; says which there are.
        """
        parts = self.controllers.get(controller)
        if parts is None:
            there = ", ".join(self.controllers)
            raise SetupError(f"there is no controller {controller!r}; there is {there}")
        if part not in parts:
            raise SetupError(f"{controller} has no part {part!r}; it has {', '.join(parts)}")
        return parts[part]

    def named(self, name: str) -> Part:
        """Find a part by `controller/part`; alone on the bench, the part's id does. Raises so."""
        controller, found, part = name.partition("/")
        if not found and len(self.controllers) == 1:
            controller, part = next(iter(self.controllers)), name
        return self.find(controller, part)


def _of_machine(machine: MachineConfig) -> Iterator[tuple[str, Place]]:
    name, meter, display = machine.id, machine.meter, machine.display
    yield name, Place(MACHINE_WITHOUT_BUTTON if machine.button is None else MACHINE, name)
    if meter is not None and meter.driver != "runtime":
        yield f"{name}.meter", Place(METER if meter.driver in COUNTING else PULSES, name)
    if machine.output.driver == "plug":
        yield f"{name}.plug", Place(PLUG, name)
    if display is not None:
        yield f"{name}.display", Place(TUBE if display.driver == "serial_text" else PANEL, name)
    for spec in machine.cash:
        yield f"{name}.{spec.id}", Place(ACCEPTOR, name, spec)
    if machine.vend is not None:
        yield f"{name}.vend", Place(VEND, name)


def _device(
    stage: Stage, plan: ControllerPlan, parts: VirtualController, place: Place, machine: str
) -> Any:
    if place.cash is not None:
        return slot_of(parts.cash, place.cash)
    if place.kind is KIOSK:
        return plan.wired.kiosk_port if plan.wired is not None else 0
    devices: dict[str, Any] = {
        READER.name: parts.readers.get(place.name),
        TYPING_READER.name: parts.wedges.get(place.name),
        PLUG.name: parts.meters.plugs.get(machine),
        TUBE.name: parts.displays.get(machine),
        PANEL.name: parts.panels,
        VEND.name: parts.cash.vending.get(machine),
        HUB.name: stage.desk,
    }
    return devices.get(place.kind.name)

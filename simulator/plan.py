"""A site to simulate, told once: what its machines are, and how they are wired.

From this follow the hub's machines and tariffs, the agents' configuration files and
the virtual parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from firmware_agent.config import AgentConfig
from simulator.parts.parts_spec import (
    ButtonParts,
    ControllerParts,
    DisplayParts,
    LampParts,
    MachineParts,
    ReaderParts,
    WorldParts,
)
from wire.machines import Machine, Mode, Policy
from wire.tariff import Tariff

MACHINES_MAX = 2
"""How many machines the wiring below has pins for."""


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """A machine's meter.

    Attributes:
        unit: Base unit: `Wh`, `ml`, `s`.
        pulses_per_hour: Under load.
        units_numerator: With `units_denominator`: base units per pulse.
        units_denominator: See `units_numerator`.
        absolute: Whether it is an absolute count in a file, which can go back and
            survives a restart; otherwise pulses on a pin.
    """

    unit: str
    pulses_per_hour: int = 0
    units_numerator: int = 1
    units_denominator: int = 1
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """One machine.

    Attributes:
        machine: What it means: mode, prices, policies.
        reader: Id of the reader where its cards are tapped.
        button: Id of its button; empty: none.
        meter: Its meter; None: none, or running time alone.
        spin_up_ms: From start to load and feedback, before the world's speed.
        cycle_ms: Length of its program, before the world's speed; None: it runs
            while its relay is closed.
        feedback: Whether it tells that it runs.
    """

    machine: Machine
    reader: str
    button: str = ""
    meter: MeterPlan | None = None
    spin_up_ms: int = 0
    cycle_ms: int | None = None
    feedback: bool = False


class Wired(Protocol):
    """How a controller is wired, from both sides.

    Attributes:
        config: Its own file, as its drivers take it.
        prefix: Before the ids of its machines; the file itself has none.
        kiosk_port: Where its touch screen's page is; 0: it has none.
    """

    @property
    def config(self) -> AgentConfig: ...

    @property
    def prefix(self) -> str: ...

    @property
    def kiosk_port(self) -> int: ...

    def agent_file(self, data: Path, paths: PartPaths, broker_port: int) -> str:
        """Write the agent's own file; arguments as `simulator.agent_file.agent_toml`."""
        ...

    def parts(self, controller: str, paths: PartPaths) -> ControllerParts:
        """Tell the virtual parts."""
        ...


@dataclass(frozen=True, slots=True)
class ControllerPlan:
    """One controller with its machines: at most `MACHINES_MAX` without wiring of its own.

    Attributes:
        id: Its name.
        machines: What its machines are.
        policy: Its rules.
        wired: How it is wired; None: as below.
    """

    id: str
    machines: tuple[MachinePlan, ...]
    policy: Policy = field(default_factory=Policy)
    wired: Wired | None = None

    @property
    def takes_cash(self) -> bool:
        """Whether coins or notes can be put in."""
        return self.wired is not None and any(each.cash for each in self.wired.config.machines)

    @property
    def readers(self) -> tuple[str, ...]:
        """Its readers, each once."""
        return tuple(dict.fromkeys(plan.reader for plan in self.machines))


@dataclass(frozen=True, slots=True)
class SitePlan:
    """A site.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        tariffs: All prices.
        controllers: Each with its machines.
        speed: How many times faster than the clock machines work.
    """

    id: str
    name: str
    tariffs: tuple[Tariff, ...]
    controllers: tuple[ControllerPlan, ...]
    speed: int = 1

    def machine(self, machine: str) -> tuple[ControllerPlan, MachinePlan]:
        """Find a machine and its controller.

        Raises:
            KeyError: There is none of that id.
        """
        for controller in self.controllers:
            for plan in controller.machines:
                if plan.machine.id == machine:
                    return controller, plan
        raise KeyError(machine)


@dataclass(frozen=True, slots=True)
class Wiring:
    """Pins of one machine, by BCM number."""

    relay: int
    meter: int
    feedback: int
    button: int
    lamps: tuple[int, int, int]


WIRING = (
    Wiring(relay=17, meter=27, feedback=22, button=23, lamps=(5, 6, 13)),
    Wiring(relay=18, meter=24, feedback=25, button=26, lamps=(12, 16, 20)),
)


class PartPaths:
    """Where a controller's virtual parts are.

    Args:
        folder: For sockets and ports; short, since a socket's path has 107 bytes.
        counters: For counts, which outlive the parts.
        plugs_port: Of the broker that switched sockets go to; 0: there are none.
    """

    def __init__(self, folder: Path, counters: Path, plugs_port: int = 0) -> None:
        self.folder = folder
        self.counters = counters
        self.plugs_port = plugs_port

    @property
    def pins(self) -> Path:
        """Socket of the pins."""
        return self.folder / "pins"

    def reader(self, reader: str) -> Path:
        """Port of a reader."""
        return self.folder / f"reader-{reader}"

    def display(self, machine: str) -> Path:
        """Port of a machine's display."""
        return self.folder / f"display-{machine}"

    def counter(self, machine: str) -> Path:
        """File of a machine's absolute count."""
        return self.counters / f"count-{machine}"


def world_parts(site: SitePlan, paths: dict[str, PartPaths]) -> WorldParts:
    """Wire a site's virtual parts; `paths` by controller."""
    return WorldParts(
        controllers=tuple(_controller(plan, paths[plan.id]) for plan in site.controllers),
        speed=site.speed,
    )


def _controller(plan: ControllerPlan, paths: PartPaths) -> ControllerParts:
    if plan.wired is not None:
        return plan.wired.parts(plan.id, paths)
    wired = list(zip(plan.machines, WIRING, strict=False))
    return ControllerParts(
        id=plan.id,
        pins=str(paths.pins),
        machines=tuple(_machine(machine, wiring, paths) for machine, wiring in wired),
        readers=tuple(ReaderParts(id=name, port=str(paths.reader(name))) for name in plan.readers),
        buttons=tuple(
            ButtonParts(id=machine.button, pin=wiring.button)
            for machine, wiring in wired
            if machine.button
        ),
    )


def _machine(plan: MachinePlan, wiring: Wiring, paths: PartPaths) -> MachineParts:
    name, meter = plan.machine.id, plan.meter
    red, green, blue = wiring.lamps
    absolute = meter is not None and meter.absolute
    return MachineParts(
        id=name,
        relay_pin=wiring.relay,
        pulses_per_hour=0 if meter is None else meter.pulses_per_hour,
        spin_up_ms=plan.spin_up_ms,
        cycle_ms=plan.cycle_ms if plan.machine.mode is Mode.CYCLE else None,
        meter_pin=wiring.meter if meter is not None and not absolute else None,
        counter_path=str(paths.counter(name)) if absolute else None,
        feedback_pin=wiring.feedback if plan.feedback else None,
        lamps=LampParts(red=red, green=green, blue=blue),
        display=DisplayParts(port=str(paths.display(name))),
    )

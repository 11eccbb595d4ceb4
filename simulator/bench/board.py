"""What the bench page shows, worked out from the world: the words beside the lamps."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.bench.stage import Stage
from simulator.parts.controller import ControllerView, MachineView
from simulator.parts.machine import Fault
from simulator.plan import ControllerPlan, MachinePlan
from simulator.proxy import LinkState

_LAMPS = {
    (): "dark",
    ("red",): "red",
    ("green",): "green",
    ("blue",): "blue",
    ("green", "red"): "yellow",
    ("blue", "red"): "violet",
    ("blue", "green"): "cyan",
    ("blue", "green", "red"): "white",
}


@dataclass(frozen=True, slots=True)
class MachineBoard:
    """One machine on the page."""

    id: str
    name: str
    words: str
    css: str
    relay: str
    lamp: str
    meter: str
    display: tuple[str, ...]
    button: str
    fault: str
    can_go_back: bool


@dataclass(frozen=True, slots=True)
class ReaderBoard:
    """One reader on the page."""

    id: str
    cards: str


@dataclass(frozen=True, slots=True)
class ControllerBoard:
    """One controller on the page."""

    id: str
    powered: bool
    ready: bool
    link: str
    words: str
    css: str
    readers: tuple[ReaderBoard, ...]
    machines: tuple[MachineBoard, ...]


def look(stage: Stage) -> tuple[ControllerBoard, ...]:
    """Look at every controller of a stage."""
    views = stage.world.snapshot()
    names = {card.tag.uid.hex(): card.words for card in stage.cards}
    return tuple(_controller(stage, plan, views[plan.id], names) for plan in stage.site.controllers)


def _controller(
    stage: Stage, plan: ControllerPlan, view: ControllerView, names: dict[str, str]
) -> ControllerBoard:
    powered = stage.has_power(plan.id)
    link = stage.link_state(plan.id)
    words, css = _controller_words(powered=powered, ready=view.connected, link=link)
    return ControllerBoard(
        id=plan.id,
        powered=powered,
        ready=view.connected,
        link=link.value,
        words=words,
        css=css,
        readers=tuple(
            ReaderBoard(reader, ", ".join(names.get(uid, uid) for uid in view.cards[reader]))
            for reader in plan.readers
        ),
        machines=tuple(_machine(each, view.machines[each.machine.id]) for each in plan.machines),
    )


def _controller_words(*, powered: bool, ready: bool, link: LinkState) -> tuple[str, str]:
    if not powered:
        return "no power", "fault"
    if not ready:
        return "starting", "offline"
    if link in (LinkState.CUT, LinkState.STALLED):
        return "no network, goes on alone", "offline"
    if link is not LinkState.UP:
        return "powered, on a bad network", "offline"
    return "powered and connected", "online"


def _machine(plan: MachinePlan, view: MachineView) -> MachineBoard:
    words, css = _machine_words(view)
    return MachineBoard(
        id=plan.machine.id,
        name=plan.machine.name,
        words=words,
        css=css,
        relay="closed" if view.relay else "open",
        lamp=_LAMPS[tuple(sorted(view.lamps))],
        meter=_meter_words(plan, view),
        display=view.display,
        button=plan.button,
        fault=view.fault,
        can_go_back=plan.meter is not None and plan.meter.absolute,
    )


def _machine_words(view: MachineView) -> tuple[str, str]:
    if view.fault == Fault.JAM.value:
        return "jammed", "fault"
    if view.running:
        return "running", "running"
    return ("starting", "running") if view.relay else ("standing still", "")


def _meter_words(plan: MachinePlan, view: MachineView) -> str:
    if plan.meter is None:
        return "no meter"
    units = view.pulses * plan.meter.units_numerator // plan.meter.units_denominator
    return f"{units:,} {plan.meter.unit}".replace(",", "\N{NARROW NO-BREAK SPACE}")

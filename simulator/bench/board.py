"""What the bench page shows, worked out from the table of parts: words, and forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulator.bench.deeds import Deed, Field, Seen
from simulator.bench.kinds_of_parts import MACHINE, READER, TYPING_READER
from simulator.bench.kinds_of_supply import KIOSK
from simulator.bench.layout import Part, Table
from simulator.parts.machine import Fault
from simulator.plan import MachinePlan
from simulator.proxy import LinkState


@dataclass(frozen=True, slots=True)
class FormBoard:
    """Deeds that want to know the same: one form with a button for each.

    Attributes:
        part: As in addresses.
        fields: What they want to know.
        deeds: Each a button.
    """

    part: str
    fields: tuple[Field, ...]
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True)
class PartBoard:
    """A part on the page.

    Attributes:
        id: Its name at its controller.
        key: Its name on the page.
        words: What it is.
        label: Which one, where a machine can have several; empty: there is one.
        seen: What can be seen of it.
        forms: What customers and staff do with it.
        faults: What breaks and mends it.
    """

    id: str
    key: str
    words: str
    label: str
    seen: dict[str, Seen]
    forms: tuple[FormBoard, ...]
    faults: tuple[FormBoard, ...]


@dataclass(frozen=True, slots=True)
class MachineBoard:
    """A machine on the page, with its parts."""

    part: PartBoard
    name: str
    words: str
    css: str
    meter: str
    picture: str = ""
    parts: tuple[PartBoard, ...] = ()


@dataclass(frozen=True, slots=True)
class ControllerBoard:
    """A controller on the page."""

    id: str
    words: str
    css: str
    readers: tuple[PartBoard, ...]
    machines: tuple[MachineBoard, ...]
    supplies: tuple[PartBoard, ...]
    desk: tuple[PartBoard, ...]
    kiosk_url: str = field(default="")


def look(table: Table) -> tuple[ControllerBoard, ...]:
    """Look at every controller."""
    return tuple(_controller(table, name, parts) for name, parts in table.controllers.items())


def _controller(table: Table, name: str, parts: dict[str, Part]) -> ControllerBoard:
    boards = {each.id: _part(name, each) for each in parts.values()}
    stage = table.stage
    words, css = controller_words(
        powered=stage.has_power(name),
        ready=boards["power"].seen["ready"] == "yes",
        link=stage.link_state(name),
    )
    plans = next(plan.machines for plan in stage.site.controllers if plan.id == name)
    kiosk = boards.get("kiosk")
    return ControllerBoard(
        id=name,
        words=words,
        css=css,
        readers=tuple(
            boards[each.id] for each in parts.values() if each.place.kind in (READER, TYPING_READER)
        ),
        machines=tuple(_machines(parts, boards, plans)),
        supplies=tuple(boards[each] for each in ("power", "network", "clock")),
        desk=tuple(boards[each] for each in ("cards", "hub") if each in boards),
        kiosk_url=str(kiosk.seen["url"]) if kiosk and parts["kiosk"].place.kind is KIOSK else "",
    )


def _machines(
    parts: dict[str, Part], boards: dict[str, PartBoard], plans: Iterable[MachinePlan]
) -> Iterator[MachineBoard]:
    plan_of = {plan.machine.id: plan for plan in plans}
    for part in parts.values():
        if part.place.kind.name != MACHINE.name:
            continue
        seen, own = boards[part.id].seen, f"{part.id}."
        words, css = _machine_words(seen)
        plan = plan_of.get(part.target.machine)
        display = boards.get(f"{own}display")
        yield MachineBoard(
            part=boards[part.id],
            name=plan.machine.name if plan is not None else part.id,
            words=words,
            css=css,
            meter=_meter_words(seen, boards.get(f"{own}meter")),
            picture=display.key if display is not None and display.seen.get("lit") else "",
            parts=tuple(board for name, board in boards.items() if name.startswith(own)),
        )


def _part(controller: str, part: Part) -> PartBoard:
    kind, key = part.place.kind, f"{controller}/{part.id}"
    return PartBoard(
        id=part.id,
        key=key,
        words=kind.words,
        label="" if part.place.cash is None else part.place.cash.id,
        seen=part.see(),
        forms=tuple(_forms(key, (deed for deed in kind.deeds if not deed.is_fault))),
        faults=tuple(_forms(key, (deed for deed in kind.deeds if deed.is_fault))),
    )


def _forms(key: str, deeds: Iterable[Deed]) -> Iterator[FormBoard]:
    """Put together the deeds that need to know the same."""
    groups: dict[tuple[str, ...], list[Deed]] = {}
    for deed in deeds:
        needs = tuple(each.name for each in deed.fields if each.usual is None)
        groups.setdefault(needs or tuple(each.name for each in deed.fields), []).append(deed)
    for group in groups.values():
        fields = {each.name: each for deed in group for each in deed.fields}
        yield FormBoard(key, tuple(fields.values()), tuple(group))


def controller_words(*, powered: bool, ready: bool, link: LinkState) -> tuple[str, str]:
    """How a controller does, in words and a shape."""
    if not powered:
        return "no power", "fault"
    if not ready:
        return "starting", "offline"
    if link in (LinkState.CUT, LinkState.STALLED):
        return "no network, goes on alone", "offline"
    if link is not LinkState.UP:
        return "powered, on a bad network", "offline"
    return "powered and connected", "online"


def _machine_words(seen: dict[str, Seen]) -> tuple[str, str]:
    if seen["fault"] == Fault.JAM.value:
        return "jammed", "fault"
    if seen["running"] == "yes":
        return "running", "running"
    return ("starting", "running") if seen["relay"] == "closed" else ("standing still", "")


def _meter_words(seen: dict[str, Seen], meter: PartBoard | None) -> str:
    if meter is None:
        return "none"
    count = int(meter.seen.get("stands", seen["used"]))
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

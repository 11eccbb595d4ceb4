"""The demo's course: people come, the network goes and comes back, people leave."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from simulator.demo.people import PEOPLE
from simulator.demo.report import Outage
from simulator.demo.visits import Floor, Visitor
from simulator.errors import TooSlowError
from simulator.system.system import System
from wire.machines import Mode

CUT_AT, CUT_FOR = 0.4, 0.3
"""Shares of a scene: when the network is cut, and for how long."""
CUT_S_MAX = 30.0
SCENE_S = 60
"""Without a set length such scenes follow each other, with a cut in each."""
LEAVE_S = 25.0
"""Whoever is there at the end has left by then: a washer's program and a walk."""
SYNC_S = 30.0
"""Outboxes are empty by then, or the report says that they aren't."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to run the demo.

    Attributes:
        seconds: How long people come; None: until Ctrl-C.
        headless: Without a bench page.
        as_json: Print one JSON object on stdout, everything else on stderr.
        data: Folder that stays; None: a temporary one that goes.
        seed: What people fancy.
    """

    seconds: int | None
    headless: bool
    as_json: bool
    data: Path | None
    seed: int


def play_scenes(
    system: System, floor: Floor, options: DemoOptions, ended: Event
) -> tuple[Outage, ...]:
    """Let people come until the time is up or `ended` is set, then see them out.

    Returns:
        The times without network.
    """
    visitors = [
        Visitor(person, floor, random.Random(f"{options.seed} {person.id}")) for person in PEOPLE
    ]
    for visitor in visitors:
        visitor.start()
    outages = []
    while not ended.is_set():
        seconds = options.seconds or SCENE_S
        began = time.monotonic()
        if options.seconds is not None:
            floor.closes_at = began + seconds
        outages.append(_lose_network(system, floor, seconds, ended))
        ended.wait(max(0.0, began + seconds - time.monotonic()))
        if options.seconds is not None:
            break
    _see_out(system, floor, visitors)
    return tuple(outages)


def _lose_network(system: System, floor: Floor, seconds: float, ended: Event) -> Outage:
    ended.wait(seconds * CUT_AT)
    for name in system.rigs:
        system.cut_network(name)
    began = time.monotonic()
    before = {name: journal.last_seq for name, journal in system.journals().items()}
    floor.tell("--- the network is cut: the controllers decide alone ---")
    ended.wait(min(seconds * CUT_FOR, CUT_S_MAX))
    after = {name: journal.last_seq for name, journal in system.journals().items()}
    passed_s = time.monotonic() - began
    for name in system.rigs:
        system.restore_network(name)
    floor.tell("--- the network is back: journals go up ---")
    return Outage(passed_s, {name: (seq, after[name]) for name, seq in before.items()})


def _see_out(system: System, floor: Floor, visitors: list[Visitor]) -> None:
    floor.tell("closing: people stop their machines and leave")
    floor.closing.set()
    until = time.monotonic() + LEAVE_S
    for visitor in visitors:
        visitor.join(max(0.1, until - time.monotonic()))
    for name in system.rigs:
        system.restore_network(name)
        system.restore_power(name)
    _switch_off(system)
    # What can't be booked in time is counted, not hidden: the report shows it.
    with suppress(TooSlowError):
        system.wait_idle(LEAVE_S)
    with suppress(TooSlowError):
        system.wait_synced(SYNC_S)
    floor.tell("every machine is off, outboxes are empty")


def _switch_off(system: System) -> None:
    """Press the button of whatever was left running; programs run to their end."""
    for name, view in system.world.snapshot().items():
        for machine, seen in view.machines.items():
            _, plan = system.site.machine(machine)
            if seen.relay and plan.button and plan.machine.mode is not Mode.CYCLE:
                system.world.press(name, plan.button)

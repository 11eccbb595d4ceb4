"""The live page, read from the hub in one go so that its figures belong together."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.charging import history
from hub.fleet import alarms, controllers, machines, sites
from hub.fleet.controllers import Controller, ControllerState
from hub.fleet.machines import PlacedMachine
from hub.ledger import statements
from hub.web.machine_now import MachineNow, Shape, is_silent, machine_now
from hub.web.pages import words
from hub.web.pages.attention import attention
from hub.web.pages.model import Figure, Overview
from hub.web.pages.moment import Moment, count
from hub.web.pages.risk import Risk, read_risk
from hub.web.pages.rows import controller_row, machine_tile, session_row
from hub.web.ports import HubPort

MACHINES_SHOWN_MAX = 60
"""A screen's worth; the list has the others."""
CONTROLLERS_SHOWN_MAX = 30
SESSIONS_SHOWN_MAX = 12
ALARMS_SHOWN_MAX = 8
"""More than this and the first ones are what matters anyway."""
WEEK_MS = 7 * words.DAY_MS


def read_overview(hub: HubPort, footer: str) -> Overview:
    """Read the whole page.

    Args:
        hub: The hub.
        footer: Who may see the page, in words.
    """
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        places = sites.list_sites(connection)
        now = Moment(hub, now_ms, places[0].timezone if places else "UTC", hub.settings.unit)
        placed = machines.list_machines(connection, limit=MACHINES_SHOWN_MAX)
        known = controllers.list_controllers(connection, limit=CONTROLLERS_SHOWN_MAX)
        open_alarms = alarms.list_alarms(
            connection, open_only=True, after=None, limit=ALARMS_SHOWN_MAX
        )
        latest = history.list_sessions(connection, after=None, limit=SESSIONS_SHOWN_MAX)
        risk = read_risk(connection, hub.settings.unit.code)
        figures = _figures(connection, now, risk)
    states = [_machine_now(now, one) for one in placed]
    names = {one.machine.id: one.machine.name for one in placed}
    return Overview(
        heading=words.day_heading(now_ms, now.timezone),
        as_of=f"{now.at(now_ms)} ({now.timezone})",
        unit=now.unit.code,
        attention=attention(now, known, open_alarms[:ALARMS_SHOWN_MAX], risk),
        figures=figures,
        machines=[
            machine_tile(now, one, state)
            for one, state in zip(placed[:MACHINES_SHOWN_MAX], states, strict=False)
        ],
        machines_hidden=max(0, len(placed) - MACHINES_SHOWN_MAX),
        machines_summary=_summary([state.shape for state in states]),
        controllers=[controller_row(now, one, risk) for one in known[:CONTROLLERS_SHOWN_MAX]],
        controllers_summary=_controllers_summary(now, known),
        sessions=[session_row(now, one, names) for one in latest[:SESSIONS_SHOWN_MAX]],
        footer=footer,
    )


def _figures(connection: Connection, now: Moment, risk: Risk) -> list[Figure]:
    as_of = now.at(now.now_ms)
    code = now.unit.code
    start = words.day_start_ms(now.now_ms, now.timezone)
    today = history.takings(connection, code, start, now.now_ms + 1)
    before = history.takings(connection, code, start - WEEK_MS, now.now_ms - WEEK_MS)
    owed = {
        kind: statements.sum_of_kind(connection, kind).get(code, 0)
        for kind in ("wallet", "bonus", "escrow", "deposit", "overrun")
    }
    balances = owed["wallet"] + owed["bonus"] + owed["escrow"]
    running = history.running_count(connection)
    return [
        Figure(
            "Charged today",
            now.amount(today.charge_minor - today.refunded_minor),
            f"{count(today.count, 'session')}; "
            f"{now.amount(before.charge_minor - before.refunded_minor)} by now a week ago",
            as_of,
        ),
        Figure(
            "Owed to customers",
            now.amount(balances),
            f"of it held for machines {now.amount(owed['escrow'])}; "
            f"deposits beside it {now.amount(owed['deposit'])}",
            as_of,
        ),
        Figure(
            "Sessions running",
            str(running),
            "as far as controllers have reported",
            as_of,
        ),
        Figure(
            "Worst loss if all lines were cut now",
            now.amount(risk.exposed_minor),
            f"your limit is {now.amount(now.hub.settings.loss_budget_minor)}",
            as_of,
            _percent(risk.exposed_minor, now.hub.settings.loss_budget_minor),
        ),
    ]


def _machine_now(now: Moment, placed: PlacedMachine) -> MachineNow:
    return machine_now(placed.machine, now.hub.live.of(placed.controller), now.now_ms)


def _summary(shapes: list[Shape]) -> str:
    said = {
        Shape.RUNNING: "running",
        Shape.FREE: "free",
        Shape.FAULT: "out of use",
        Shape.OFFLINE: "not heard",
    }
    counts = [f"{shapes.count(shape)} {word}" for shape, word in said.items() if shape in shapes]
    return ", ".join(counts)


def _controllers_summary(now: Moment, known: list[Controller]) -> str:
    silent = sum(
        one.state is ControllerState.ACTIVE and is_silent(now.hub.live.of(one.id), now.now_ms)
        for one in known
    )
    return f"{len(known)} known, {silent} silent" if known else ""


def _percent(part: int, whole: int) -> int | None:
    return None if whole <= 0 else part * 100 // whole

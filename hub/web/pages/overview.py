"""The live page, read from the hub in one go so that its figures belong together."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.charging import history, tariffs
from hub.fleet import alarms, controllers, machines, sites
from hub.fleet.controllers import Controller, ControllerState
from hub.fleet.machines import PlacedMachine
from hub.people import accounts
from hub.web.machine_now import MachineNow, Shape, is_silent, machine_now
from hub.web.pages import words
from hub.web.pages.attention import attention
from hub.web.pages.figures import OwedReader, figures_of
from hub.web.pages.model import Overview, SessionRow
from hub.web.pages.moment import Moment
from hub.web.pages.risk import read_risk
from hub.web.pages.rows import Names, controller_row, machine_tile, session_row
from hub.web.ports import HubPort

READ_MAX = 1_000
"""Machines and controllers looked at; a larger operator filters the lists of the API."""
MACHINES_SHOWN_MAX = 60
"""A screen's worth; the list has the others."""
CONTROLLERS_SHOWN_MAX = 30
ATTENTION_SHOWN_MAX = 10
"""More than anyone sees to at once."""
SESSIONS_SHOWN_MAX = 12
ALARMS_SHOWN_MAX = 8
"""More than this and the first ones are what matters anyway."""


def read_overview(hub: HubPort, owed: OwedReader, footer: str) -> Overview:
    """Read the whole page.

    Args:
        hub: The hub.
        owed: Reads what is owed to customers.
        footer: Who may see the page, in words.
    """
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        places = sites.list_sites(connection)
        now = Moment(hub, now_ms, places[0].timezone if places else "UTC", hub.settings.unit)
        placed = machines.list_machines(connection, limit=READ_MAX)
        known = controllers.list_controllers(connection, limit=READ_MAX)
        open_alarms = alarms.list_alarms(
            connection, open_only=True, after=None, limit=ALARMS_SHOWN_MAX
        )
        risk = read_risk(connection, hub.settings.unit.code)
        figures = figures_of(connection, now, risk, owed.read(connection, now.unit.code))
        sessions = _sessions(connection, now, placed)
    states = [_machine_now(now, one) for one in placed]
    shown = list(zip(placed, states, strict=True))[:MACHINES_SHOWN_MAX]
    needed = attention(now, known, open_alarms[:ALARMS_SHOWN_MAX], risk)
    rows = sorted((controller_row(now, one, risk) for one in known), key=lambda row: not row.stale)
    return Overview(
        heading=words.day_heading(now_ms, now.timezone),
        as_of=f"{now.at(now_ms)} ({now.timezone})",
        unit=now.unit.code,
        attention=needed[:ATTENTION_SHOWN_MAX],
        attention_hidden=max(0, len(needed) - ATTENTION_SHOWN_MAX),
        figures=figures,
        machines=[machine_tile(now, one, state) for one, state in shown],
        machines_hidden=len(placed) - len(shown),
        machines_summary=_summary([state.shape for state in states]),
        controllers=rows[:CONTROLLERS_SHOWN_MAX],
        controllers_hidden=max(0, len(rows) - CONTROLLERS_SHOWN_MAX),
        controllers_summary=_controllers_summary(now, known),
        sessions=sessions,
        footer=footer,
    )


def _sessions(connection: Connection, now: Moment, placed: list[PlacedMachine]) -> list[SessionRow]:
    latest = history.list_sessions(connection, after=None, limit=SESSIONS_SHOWN_MAX)
    latest = latest[:SESSIONS_SHOWN_MAX]
    machine_names = {one.machine.id: one.machine.name for one in placed}
    people = accounts.names_of(connection, {one.account for one in latest})
    priced = tariffs.find_versions(connection, {(one.tariff, one.tariff_version) for one in latest})
    rows = []
    for one in latest:
        tariff = priced.get((one.tariff, one.tariff_version))
        unit = tariff.quantity.unit if tariff is not None and tariff.quantity is not None else ""
        names = Names(
            machine=machine_names.get(one.machine, one.machine),
            person=people.get(one.account) or one.account,
            unit=unit,
        )
        rows.append(session_row(now, one, names))
    return rows


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

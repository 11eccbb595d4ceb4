"""Tiles and rows of the live page."""

from __future__ import annotations

from dataclasses import dataclass

from hub.charging.history import Session
from hub.fleet.controllers import Controller, ControllerState
from hub.fleet.machines import PlacedMachine
from hub.web.machine_now import MachineNow, Shape, is_silent
from hub.web.pages import words
from hub.web.pages.model import ControllerRow, MachineTile, SessionRow
from hub.web.pages.moment import Moment, count
from hub.web.pages.risk import Risk


@dataclass(frozen=True, slots=True)
class Names:
    """What people call the parts of a session.

    Attributes:
        machine: The machine's name.
        person: The account's name.
        unit: Base unit of the quantity; empty: it has none.
    """

    machine: str
    person: str
    unit: str


def machine_tile(now: Moment, placed: PlacedMachine, state: MachineNow) -> MachineTile:
    """A machine's tile."""
    if state.shape is Shape.RUNNING and state.left_ms:
        says = f"{words.length(state.left_ms)} left"
    else:
        says = state.words
    used = words.use(state.time_ms, state.quantity, state.unit) if state.session else ""
    heard = f"as of {now.at(state.as_of_ms)}" if state.as_of_ms else placed.controller
    return MachineTile(
        name=placed.machine.name,
        shape=state.shape.value,
        state=says,
        charge=now.amount(state.charge_minor) if state.session else "",
        detail=used or state.detail,
        as_of=heard,
        stale=state.shape is Shape.OFFLINE,
    )


def controller_row(now: Moment, one: Controller, risk: Risk) -> ControllerRow:
    """A controller's row."""
    live = now.hub.live.of(one.id)
    stake = risk.of(one.id)
    silent = is_silent(live, now.now_ms)
    state, shape = one.state.value, "fault"
    if one.state is ControllerState.ACTIVE:
        state, shape = ("silent", "offline") if silent else ("online", "online")
    elif one.state is ControllerState.WAITING:
        state, shape = "not enrolled yet", "free"
    heard = max(live.state_ms, live.status_ms, one.heard_ms or 0)
    waiting = "" if live.state is None else count(live.state.outbox_events, "event")
    return ControllerRow(
        name=one.id,
        site=one.site,
        shape=shape,
        state=state,
        heard=words.ago(heard, now.now_ms) if heard else "never",
        stale=silent,
        outbox=waiting or "unknown",
        held=words.amount_digits(stake.held_minor + stake.left_minor, now.unit),
        risk=words.amount_digits(stake.floors_minor, now.unit),
    )


def session_row(now: Moment, one: Session, names: Names) -> SessionRow:
    """A session's row."""
    used = words.use(one.time_ms, one.quantity if names.unit else 0, names.unit)
    parts = [names.person, used, words.ended_words(one.reason)]
    if one.refunded_minor:
        parts.append(f"refunded {now.amount(one.refunded_minor)}")
    if one.overrun_minor:
        parts.append(f"{now.amount(one.overrun_minor)} beyond the balance")
    running = one.state == "running"
    return SessionRow(
        what=names.machine,
        detail=" · ".join(part for part in parts if part),
        when=words.day_and_time(one.started_ms, now.now_ms, now.timezone),
        charge="running" if running else words.amount_digits(one.charge_minor, now.unit),
    )

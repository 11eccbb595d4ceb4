"""The live view: the state as dashboards read it."""

from __future__ import annotations

from firmware_agent.core.display_text import left_for
from firmware_agent.core.model import ControllerState, MachineState, Moment
from firmware_agent.core.session import State
from wire.machines import Mode
from wire.uplink import MachineView, StateView
from wire.usage import total_quantity, total_time_ms


def state_view(state: ControllerState, moment: Moment, outbox_events: int) -> StateView:
    """Build the live view of a controller."""
    return StateView(
        at_ms=moment.wall_ms,
        machines=tuple(_machine(state, machine, moment) for machine in state.machines.values()),
        outbox_events=outbox_events,
        clock=moment.clock,
        readers_down=tuple(reader.id for reader in state.readers.values() if reader.down),
        alarm=state.alarm.words[:512] if state.alarm is not None else "",
    )


def _machine(state: ControllerState, machine: MachineState, moment: Moment) -> MachineView:
    session = machine.session
    name = machine.spec.name if machine.spec is not None else machine.id
    view = {
        "machine": machine.id,
        "name": name,
        "state": machine.state.value,
        "account": machine.account,
        "unit": machine.wiring.meter_unit or "",
        "detail": _detail(machine),
        "since_ms": machine.since_ms,
    }
    if session is None:
        return MachineView(**view)  # type: ignore[arg-type]
    left_ms = 0
    if session.spec.mode is Mode.CYCLE:
        left_ms = max(0, session.started_ms + session.spec.cycle.duration_ms - moment.mono_ms)
    return MachineView(
        **view,  # type: ignore[arg-type]
        session=session.id,
        charge_minor=session.charge_minor,
        local_minor=max(0, left_for(state, machine)),
        time_ms=total_time_ms(session.usage),
        quantity=total_quantity(session.usage),
        currency=session.unit.code,
        left_ms=left_ms,
    )


def _detail(machine: MachineState) -> str:
    if machine.state is State.FAULT:
        return machine.trouble[:512]
    if machine.spec is None:
        return "not configured at the hub"
    if machine.state is State.OUT_OF_SERVICE:
        return (machine.retired or machine.spec.out_of_service)[:512]
    if machine.meter_fault:
        return "the meter doesn't answer"
    return "" if machine.state is not State.LOCKED else "locked by the staff"

"""What a reading and the passing of time mean for a session."""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core import vending
from firmware_agent.core.ending import settle, stop
from firmware_agent.core.inputs import FeedbackChanged, Metered
from firmware_agent.core.judging import checkpoint, has_stopped, judge, more_wanted
from firmware_agent.core.metering import (
    METER_SILENT_MS,
    Step,
    add_step,
    read_on,
    silent_ms,
)
from firmware_agent.core.model import MachineState
from firmware_agent.core.modes import charge_for, is_bought
from firmware_agent.core.service import count_failed_start
from firmware_agent.core.session import State, Trigger
from firmware_agent.core.starting import ask_more, send_want
from firmware_agent.core.turn import Turn
from firmware_agent.core.visit import Session
from wire.errors import Code
from wire.events import Ended
from wire.machines import Mode

WANT_RETRY_MS = 10_000
"""A question without an answer is sent again, with the same id, after this."""
PROMPT_MS = 120_000
"""How long a paused machine waits for a top-up: time to do it on a phone."""


def on_reading(turn: Turn, metered: Metered) -> None:
    """A machine was read."""
    machine = turn.machine(metered.machine)
    session = machine.session
    if session is None:
        _watch_idle_meter(turn, machine, metered)
        return
    bounds, mono_ms = machine.wiring.meter_bounds, turn.moment.mono_ms
    step = read_on(session.track, metered.on_ms, metered.reading, mono_ms, bounds)
    _tell_exchange(turn, machine.id, step)
    session = _count(turn, machine, replace(session, track=step.track), step)
    machine = turn.put(replace(machine, session=session))
    machine = _watch_meter(turn, machine)
    if machine.state is State.STOPPING:
        _try_settle(turn, machine)
    elif machine.state is State.RUNNING:
        judge(turn, machine)


def on_feedback(turn: Turn, changed: FeedbackChanged) -> None:
    """A machine's own signal changed."""
    machine = turn.machine(changed.machine)
    if machine.feedback is not changed.active:
        machine = replace(machine, feedback=changed.active, feedback_ms=turn.moment.mono_ms)
        machine = turn.put(machine)
    if machine.state is State.STARTING and changed.active and _session(machine).vending is None:
        machine = turn.move(replace(machine, failed_starts=0), Trigger.CONFIRM)
        if not machine.is_mode(Mode.VEND):
            checkpoint(turn, machine)


def tick_session(turn: Turn, machine: MachineState) -> None:
    """Time passed in a session."""
    session = _session(machine)
    mono_ms = turn.moment.mono_ms
    if machine.state is State.STARTING and session.vending is not None:
        if mono_ms >= session.vending.until_ms:
            vending.give_up(turn, machine, "it never said whether it gave anything")
    elif machine.state is State.STARTING:
        if mono_ms - session.started_ms >= session.spec.cycle.feedback_within_ms:
            turn.fault(machine.id, Code.FEEDBACK_MISSING, "started, but doesn't say that it runs")
            machine = count_failed_start(turn, turn.machine(machine.id))
            stop(turn, machine, Ended.FEEDBACK_MISSING, released=True)
    elif machine.state is State.PAUSED:
        _tick_paused(turn, machine)
    elif machine.state is State.STOPPING:
        _try_settle(turn, machine)
    elif session.spec.mode is Mode.CYCLE:
        _tick_cycle(turn, machine)
    elif session.spec.mode is Mode.VEND:
        stop(turn, machine, Ended.VENDED)
    elif session.spec.mode is Mode.ACCESS:
        _tick_access(turn, machine)
    _repeat_want(turn, turn.machine(machine.id))


def resend_wants(turn: Turn) -> None:
    """The hub can be reached again: ask again what has no answer."""
    for machine in tuple(turn.state.machines.values()):
        session = machine.session
        if session is not None and session.want is not None:
            want = replace(session.want, sent_ms=turn.moment.mono_ms)
            turn.put(replace(machine, session=replace(session, want=want)))
            send_want(turn, machine.id, session.id, session.entry, want)


def _count(turn: Turn, machine: MachineState, session: Session, step: Step) -> Session:
    """Add a step's use; what is bought was so at its start."""
    if is_bought(session.spec):
        return session
    usage = add_step(session.tariff, session.usage, step, turn.moment.wall_ms)
    active = step.quantity > 0 or machine.feedback is True
    return replace(
        session,
        usage=usage,
        charge_minor=charge_for(session.spec, session.tariff, usage),
        active_ms=turn.moment.mono_ms if active else session.active_ms,
    )


def _tick_cycle(turn: Turn, machine: MachineState) -> None:
    session, cycle = _session(machine), _session(machine).spec.cycle
    if session.checkpoint_usage != session.usage:
        machine = checkpoint(turn, machine)
    ran_ms = turn.moment.mono_ms - session.started_ms
    has_ended = cycle.feedback_within_ms > 0 and has_stopped(turn, machine)
    if has_ended or ran_ms >= cycle.duration_ms:
        stop(turn, machine, Ended.CYCLE_DONE)
    elif ran_ms >= session.spec.session_ms_max:
        stop(turn, machine, Ended.TIME_LIMIT)


def _tick_access(turn: Turn, machine: MachineState) -> None:
    """A door is let go when its time is over."""
    session = _session(machine)
    open_ms = session.spec.access.open_ms
    if open_ms and turn.moment.mono_ms - session.started_ms >= open_ms:
        stop(turn, machine, Ended.OPENED)


def _tick_paused(turn: Turn, machine: MachineState) -> None:
    session = _session(machine)
    if turn.moment.mono_ms - session.paused_ms >= PROMPT_MS:
        stop(turn, machine, Ended.ZERO_BALANCE)
        return
    if session.tariff is not None:
        more = more_wanted(turn, session, turn.balance(session.entry), session.tariff)
        if more:
            ask_more(turn, machine, more)


def _try_settle(turn: Turn, machine: MachineState) -> None:
    stopping = _session(machine).stopping
    assert stopping is not None
    if turn.moment.mono_ms >= stopping.settle_ms and turn.may_append:
        settle(turn, machine)


def _repeat_want(turn: Turn, machine: MachineState) -> None:
    session = machine.session
    if session is None or session.want is None or not turn.state.online:
        return
    if turn.moment.mono_ms - session.want.sent_ms >= WANT_RETRY_MS:
        want = replace(session.want, sent_ms=turn.moment.mono_ms)
        turn.put(replace(machine, session=replace(session, want=want)))
        send_want(turn, machine.id, session.id, session.entry, want)


def _watch_meter(turn: Turn, machine: MachineState) -> MachineState:
    session = _session(machine)
    is_silent = silent_ms(session.track, turn.moment.mono_ms) >= METER_SILENT_MS
    answers = session.track.silent_since_ms is None
    if session.meter_fault is not is_silent and (is_silent or answers):
        turn.fault(machine.id, Code.METER_SILENT, "in a session", cleared=not is_silent)
        session = replace(session, meter_fault=is_silent)
    return turn.put(replace(turn.machine(machine.id), session=session))


def _watch_idle_meter(turn: Turn, machine: MachineState, metered: Metered) -> None:
    """Know before the next tap whether a meter answers."""
    bounds, mono_ms = machine.wiring.meter_bounds, turn.moment.mono_ms
    step = read_on(machine.idle_meter, metered.on_ms, metered.reading, mono_ms, bounds)
    _tell_exchange(turn, machine.id, step)
    machine = turn.machine(machine.id)
    machine = replace(machine, idle_meter=step.track)
    is_silent = silent_ms(step.track, turn.moment.mono_ms) >= METER_SILENT_MS
    answers = step.track.silent_since_ms is None
    if machine.meter_fault is not is_silent and (is_silent or answers):
        turn.fault(machine.id, Code.METER_SILENT, "while nobody uses it", cleared=not is_silent)
        machine = replace(machine, meter_fault=is_silent)
    turn.put(machine)


def _tell_exchange(turn: Turn, machine: str, step: Step) -> None:
    """Journal a gap in what a meter counts: nobody is charged for it."""
    if step.went_backwards:
        turn.fault(machine, Code.METER_BACKWARDS, f"fell by {step.went_backwards}")
    elif step.jumped:
        turn.fault(machine, Code.METER_JUMPED, f"rose by {step.jumped}, more than it can")


def _session(machine: MachineState) -> Session:
    assert machine.session is not None, f"{machine.id} has no session"
    return machine.session

"""Whether a session goes on: its money, its meter, its time."""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core.allowance import Balance
from firmware_agent.core.effects import SwitchOff, SwitchOn
from firmware_agent.core.ending import stop
from firmware_agent.core.metering import (
    METER_SILENT_STOP_MS,
    is_priced_by_quantity,
    next_step_minor,
    silent_ms,
)
from firmware_agent.core.model import MachineState
from firmware_agent.core.modes import is_bought
from firmware_agent.core.session import State, Trigger
from firmware_agent.core.starting import ask_more
from firmware_agent.core.turn import Turn
from firmware_agent.core.visit import Session
from wire.events import Ended, SessionProgress
from wire.machines import AtZero, Mode
from wire.tariff import Tariff

WANT_AGAIN_MS = 30_000
"""After an answer that gave less than was wanted the hub is asked again this late: the
customer may be topping up."""
FEEDBACK_GAP_MS = 3_000
"""A machine's own signal may drop this long between the steps of its program."""
PERCENT = 100


def judge(turn: Turn, machine: MachineState) -> None:
    """Go on, ask for more, or end; the first end that applies wins."""
    session = _session(machine)
    reason = _end_reason(turn, machine)
    if reason is not None:
        stop(turn, machine, reason)
        return
    if session.tariff is not None and session.spec.mode is Mode.METERED:
        machine = _judge_money(turn, machine, session.tariff)
    if machine.state is State.RUNNING:
        _checkpoint_if_due(turn, machine)


def resume_if_paid(turn: Turn, machine: MachineState) -> None:
    """Switch a paused machine on again when money came."""
    session = _session(machine)
    step = next_step_minor(session.tariff, session.usage, session.track, turn.state.pace_ms)
    if turn.state.alarm is None and _shortage(turn, session, step + 1) is None:
        turn.move(replace(machine, session=replace(session, paused_ms=0)), Trigger.RESUME)
        turn.emit(SwitchOn(machine.id))


def is_low(session: Session, left_minor: int, low_percent: int) -> bool:
    """Whether little is left of what a session asks for at a time."""
    if session.tariff is None or is_bought(session.spec):
        return False
    return left_minor * PERCENT <= session.spec.want_minor * low_percent


def more_wanted(turn: Turn, session: Session, balance: Balance, tariff: Tariff) -> int:
    """How much to ask the hub for now; 0: nothing."""
    is_early = turn.moment.mono_ms < session.want_after_ms
    if session.want is not None or is_early or not turn.state.online:
        return 0
    if not is_low(session, balance.backed_minor, turn.state.policy.low_percent):
        return 0
    wanted = [session.spec.want_minor]
    if tariff.cap_minor is not None:
        wanted.append(tariff.cap_minor - session.charge_minor - balance.backed_minor)
    limit = turn.state.limit_left(session.entry)
    if limit is not None:
        wanted.append(limit - balance.backed_minor)
    return max(0, min(wanted))


def has_stopped(turn: Turn, machine: MachineState) -> bool:
    """Whether the machine has said for a while that it doesn't run."""
    off_ms = turn.moment.mono_ms - machine.feedback_ms
    return machine.feedback is False and off_ms >= FEEDBACK_GAP_MS


def checkpoint(turn: Turn, machine: MachineState) -> MachineState:
    """Journal what a power cut would settle."""
    session = _session(machine)
    if not turn.may_append:
        return machine
    turn.append(
        SessionProgress,
        **session.facts(machine.id),
        usage=session.usage,
        charge_minor=session.charge_minor,
    )
    session = replace(session, checkpoint_ms=turn.moment.mono_ms, checkpoint_usage=session.usage)
    return turn.put(replace(machine, session=session))


def _end_reason(turn: Turn, machine: MachineState) -> Ended | None:
    session, mono_ms = _session(machine), turn.moment.mono_ms
    if session.spec.mode in {Mode.CYCLE, Mode.VEND}:
        return None
    if mono_ms - session.started_ms >= session.spec.session_ms_max:
        return Ended.TIME_LIMIT
    is_silent = silent_ms(session.track, mono_ms) >= METER_SILENT_STOP_MS
    if is_silent and is_priced_by_quantity(session.tariff):
        return Ended.FAULT
    has_sense = machine.wiring.meter_unit is not None or machine.wiring.has_feedback
    idle_ms = session.spec.idle_ms
    if idle_ms and has_sense and mono_ms - session.active_ms >= idle_ms:
        return Ended.IDLE
    return session.finishing if has_stopped(turn, machine) else None


def _judge_money(turn: Turn, machine: MachineState, tariff: Tariff) -> MachineState:
    session = _session(machine)
    shortage = _shortage(turn, session)
    if shortage is not None:
        machine = _at_zero(turn, machine, shortage)
        session = _session(machine)
    if machine.state is State.STOPPING:
        return machine
    more = more_wanted(turn, session, turn.balance(session.entry), tariff)
    if more:
        ask_more(turn, machine, more)
    return turn.machine(machine.id)


def _at_zero(turn: Turn, machine: MachineState, shortage: Ended) -> MachineState:
    """The right is used up, but for a reserve."""
    session = _session(machine)
    at_zero = session.spec.at_zero
    if at_zero is AtZero.FINISH_CYCLE and session.finishing is None:
        on_reserve = replace(session, finishing=shortage)
        if _shortage(turn, on_reserve) is None:
            return turn.put(replace(machine, session=on_reserve))
    # A top-up doesn't help against a limit.
    if at_zero is AtZero.PROMPT_TOP_UP and shortage is Ended.ZERO_BALANCE:
        machine = turn.move(
            replace(machine, session=replace(session, paused_ms=turn.moment.mono_ms)),
            Trigger.PAUSE,
        )
        turn.emit(SwitchOff(machine.id))
        return checkpoint(turn, machine)
    return stop(turn, machine, shortage)


def _shortage(turn: Turn, session: Session, more_minor: int = 0) -> Ended | None:
    """What a session can't go on for until it is read again; None: it can.

    Args:
        turn: The step.
        session: The session.
        more_minor: What has to be left besides.
    """
    has_reserve = session.spec.at_zero is AtZero.FINISH_CYCLE and session.finishing is None
    more_minor += session.spec.reserve_minor if has_reserve else 0
    limit = turn.state.limit_left(session.entry)
    if limit is not None:
        card = session.entry.card
        if limit - more_minor < _next_steps_minor(turn, session.account, card):
            return Ended.LIMIT_REACHED
    balance = turn.balance(session.entry)
    left_minor = balance.backed_minor if session.backed_only else balance.left_minor
    if left_minor - more_minor < _next_steps_minor(turn, session.account):
        return Ended.LIMIT_REACHED if session.backed_only else Ended.ZERO_BALANCE
    return None


def _next_steps_minor(turn: Turn, account: str, card: str = "") -> int:
    """What all running sessions of an account may cost until they are read again.

    With a card: those of this card alone.
    """
    pace_ms = turn.state.pace_ms
    return sum(
        next_step_minor(other.session.tariff, other.session.usage, other.session.track, pace_ms)
        for other in turn.state.machines.values()
        if other.state is State.RUNNING
        and other.session is not None
        and other.account == account
        and card in ("", other.session.entry.card)
        and other.session.spec.mode is Mode.METERED
    )


def _checkpoint_if_due(turn: Turn, machine: MachineState) -> None:
    session = _session(machine)
    due = turn.moment.mono_ms - session.checkpoint_ms >= turn.state.policy.checkpoint_ms
    if due and session.usage != session.checkpoint_usage:
        checkpoint(turn, machine)


def _session(machine: MachineState) -> Session:
    assert machine.session is not None, f"{machine.id} has no session"
    return machine.session

"""From the end of use to a journalled end: stop, take the last reading, settle."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from firmware_agent.core.allowance import Rights, excess, release, spend
from firmware_agent.core.effects import SwitchOff
from firmware_agent.core.metering import Track
from firmware_agent.core.model import MachineState
from firmware_agent.core.modes import bought_usage, charge_for
from firmware_agent.core.session import State, Trigger, come_to_rest
from firmware_agent.core.turn import Turn
from firmware_agent.core.visit import Session, Stopping
from wire.events import Ended, Released, SessionEnded, VendOutcome
from wire.machines import Machine, Mode
from wire.usage import NOTHING

SETTLE_MS = 300
"""After an output goes off, meters still send what they counted: S0 pulses are up to
100 ms long, bus meters update a few times a second."""

VEND_OUTCOMES = {
    Ended.VENDED: "success",
    Ended.VEND_FAILED: "failure",
    Ended.VEND_UNKNOWN: "unknown",
}
"""How a vending machine's session ends, in the words of `vend_outcome`."""
CUTTING = frozenset({Ended.COMMAND, Ended.FAULT, Ended.SHUTDOWN, Ended.POWER_LOST})
"""Ends that aren't the customer's doing."""
BY_CUSTOMER = frozenset({Ended.TAP, Ended.BUTTON})


def stop(
    turn: Turn,
    machine: MachineState,
    reason: Ended,
    *,
    released: bool = False,
    detail: str = "",
) -> MachineState:
    """End the use of a machine now; the end is journalled after the last reading.

    Args:
        turn: The step.
        machine: In a session that isn't stopping yet.
        reason: Why.
        released: Whether the charge is dropped.
        detail: More words on why.
    """
    session = _session(machine)
    if session.vending is not None and reason not in VEND_OUTCOMES:
        # Nobody knows whether it gave anything: a person decides.
        detail = detail or f"ended by {reason.value}"
        reason, released = Ended.VEND_UNKNOWN, False
    drop = released or is_cut_cycle(session.spec, reason)
    if session.spec.mode is Mode.CYCLE and reason in BY_CUSTOMER:
        session, reason = _ended_early(session, reason, turn.moment.mono_ms)
        drop = drop or reason is Ended.CANCELLED
    waits = session.spec.mode is Mode.METERED and machine.wiring.meter_unit is not None
    settle_ms = turn.moment.mono_ms + (SETTLE_MS if waits else 0)
    stopping = Stopping(reason, turn.moment.stamp, settle_ms, drop, detail)
    session = replace(session, stopping=stopping, want=None)
    turn.emit(SwitchOff(machine.id))
    return turn.move(replace(machine, session=session), Trigger.STOP)


def is_cut_cycle(spec: Machine, reason: Ended) -> bool:
    """Whether a cycle was cut half way through no fault of the customer: it is free.

    A cycle that was started by a pulse runs on by itself and is owed.
    """
    return spec.mode is Mode.CYCLE and spec.cycle.pulse_ms == 0 and reason in CUTTING


def may_stop_early(spec: Machine) -> bool:
    """Whether a customer may end a session; most cycles are paid and run to their end."""
    if spec.mode is Mode.VEND:
        return False
    return spec.mode is not Mode.CYCLE or (spec.cycle.may_stop and spec.cycle.pulse_ms == 0)


def settle(turn: Turn, machine: MachineState) -> MachineState:
    """Journal the end of a session, and give back what isn't needed any more."""
    session = _session(machine)
    stopping = session.stopping
    assert stopping is not None, "use ends before it is settled"
    usage = NOTHING if stopping.released else session.usage
    charge = 0 if stopping.released else session.charge_minor
    if session.vending is not None:
        turn.append(
            VendOutcome,
            session=session.id,
            outcome=VEND_OUTCOMES[stopping.reason],
            machine=machine.id,
            account=session.account,
            item=session.vending.item,
            detail=stopping.detail[:512],
        )
    seq = turn.state.last_seq + 1
    rights, backed, unbacked = spend(turn.rights(session.account), charge, seq)
    turn.append(
        SessionEnded,
        **session.facts(machine.id),
        ended=stopping.ended,
        reason=stopping.reason,
        usage=usage,
        charge_minor=charge,
        backed_minor=backed,
        unbacked_minor=unbacked,
        units_lost=session.track.units_lost,
        totals=rights.totals,
    )
    turn.put_rights(rights)
    limit = turn.state.limits.get(session.entry.card)
    if limit is not None and limit.account == session.account:
        spent = replace(limit, spent_minor=limit.spent_minor + charge)
        turn.put_limit(session.entry.card, spent)
    machine = replace(machine, session=None, idle_meter=Track(), meter_fault=session.meter_fault)
    machine = turn.move(machine, Trigger.SETTLE)
    words = _farewell(stopping.reason, charge)
    machine = turn.notice(machine, words=words, amount_minor=charge, unit=session.unit)
    release_excess(turn, rights)
    return rest(turn, turn.machine(machine.id))


def release_excess(turn: Turn, rights: Rights) -> Rights:
    """Give backed rights above the target back, unless the account is busy here.

    Without the hub nobody else could use them before: they stay for the next tap.
    """
    amount = excess(rights)
    may_release = turn.state.online and turn.may_append
    if amount == 0 or turn.state.is_busy(rights.account) or not may_release:
        return rights
    rights = release(rights, amount)
    turn.append(Released, account=rights.account, amount_minor=amount, totals=rights.totals)
    turn.put_rights(rights)
    return rights


def rest(turn: Turn, machine: MachineState) -> MachineState:
    """Bring a machine that nobody uses to the state of rest that holds for it."""
    wanted = State.FREE
    if machine.trouble:
        wanted = State.FAULT
    elif machine.spec is None or machine.spec.out_of_service or machine.retired:
        wanted = State.OUT_OF_SERVICE
    elif machine.locked or machine.spec.locked:
        wanted = State.LOCKED
    if machine.state is wanted:
        return machine
    return turn.put_state(machine, come_to_rest(machine.state, wanted))


def _ended_early(session: Session, reason: Ended, mono_ms: int) -> tuple[Session, Ended]:
    """A cycle that its customer ends is paid for the time that it ran; at once, not at all."""
    ran_ms = mono_ms - session.started_ms
    cycle = session.spec.cycle
    if ran_ms < cycle.cancel_within_ms:
        return session, Ended.CANCELLED
    if session.tariff is None or ran_ms >= cycle.duration_ms:
        return session, reason
    ran = msgspec.structs.replace(cycle, duration_ms=ran_ms)
    spec = msgspec.structs.replace(session.spec, cycle=ran)
    usage = bought_usage(spec, session.tariff, session.started.wall_ms)
    charge = charge_for(spec, session.tariff, usage)
    return replace(session, usage=usage, charge_minor=charge), reason


def _farewell(reason: Ended, charge_minor: int) -> str:
    words = {
        Ended.FEEDBACK_MISSING: "Did not start",
        Ended.ZERO_BALANCE: "Balance used up",
        Ended.LIMIT_REACHED: "Your limit is used",
        Ended.TIME_LIMIT: "Longest time over",
        Ended.FAULT: "Stopped: fault",
        Ended.VEND_FAILED: "Nothing came out",
        Ended.VEND_UNKNOWN: "Did it come out?",
    }
    return words.get(reason) or ("Thank you" if charge_minor else "Ended")


def _session(machine: MachineState) -> Session:
    assert machine.session is not None, f"{machine.id} has no session"
    return machine.session

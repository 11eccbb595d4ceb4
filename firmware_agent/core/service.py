"""Whether a machine is fit for use: what technicians, its door and its own word say.

A technician's card or a command takes a machine out of service, and back. So does a machine
that didn't start several times in a row: whoever comes next would only lose time. What is
said so is kept over a restart, until a person says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core.effects import KeepRetired
from firmware_agent.core.ending import rest, stop
from firmware_agent.core.inputs import DoorChanged, FaultyChanged
from firmware_agent.core.model import MachineState
from firmware_agent.core.session import AT_REST, MAY_BE_ON, State
from firmware_agent.core.turn import Turn
from wire.errors import Code
from wire.events import Ended
from wire.machines import Mode

FAILED_STARTS_MAX = 3
"""One failed start may be an open door, two a person who tries again."""
REASON_LENGTH_MAX = 200


def serve(turn: Turn, machine: MachineState) -> None:
    """A technician tapped: out of service, or back."""
    if machine.retired:
        machine = put_back(turn, machine)
        turn.notice(machine, words="In service again", then="Thank you")
    elif machine.state in AT_REST:
        machine = take_out(turn, machine, "by a technician")
        turn.notice(machine, words="Out of service", then="Tap to put it back")
    else:
        turn.notice(machine, code=Code.MACHINE_BUSY)


def take_out(turn: Turn, machine: MachineState, reason: str) -> MachineState:
    """Let nobody start a machine; a session that is open goes on to its end."""
    reason = reason[:REASON_LENGTH_MAX]
    turn.emit(KeepRetired(machine.id, reason))
    turn.fault(machine.id, Code.MACHINE_OUT_OF_SERVICE, reason)
    machine = turn.put(replace(turn.machine(machine.id), retired=reason))
    return rest(turn, machine) if machine.state in AT_REST else machine


def put_back(turn: Turn, machine: MachineState) -> MachineState:
    """Put a machine into service again."""
    if machine.retired:
        turn.emit(KeepRetired(machine.id, ""))
        turn.fault(machine.id, Code.MACHINE_OUT_OF_SERVICE, machine.retired, cleared=True)
    machine = turn.put(replace(turn.machine(machine.id), retired="", failed_starts=0))
    return rest(turn, machine) if machine.state in AT_REST else machine


def count_failed_start(turn: Turn, machine: MachineState) -> MachineState:
    """A start came to nothing; too many in a row, and there are no more."""
    machine = turn.put(replace(machine, failed_starts=machine.failed_starts + 1))
    if machine.failed_starts < FAILED_STARTS_MAX or machine.retired:
        return machine
    return take_out(turn, machine, f"didn't start {machine.failed_starts} times in a row")


def on_faulty(turn: Turn, changed: FaultyChanged) -> None:
    """A machine says that it has a fault, or no longer: what it didn't do isn't charged."""
    machine = turn.machine(changed.machine)
    if machine.faulty is changed.faulty:
        return
    machine = turn.put(replace(machine, faulty=changed.faulty))
    words = "it says so itself"
    turn.fault(machine.id, Code.MACHINE_FAULTY, words, cleared=not changed.faulty)
    machine = turn.machine(machine.id)
    session = machine.session
    if changed.faulty and session is not None and session.vending is None:
        if machine.state in MAY_BE_ON or machine.state is State.PAUSED:
            is_whole = session.spec.mode in {Mode.CYCLE, Mode.VEND}
            stop(turn, machine, Ended.FAULT, released=is_whole)
    elif machine.state in AT_REST:
        rest(turn, machine)


def on_door(turn: Turn, changed: DoorChanged) -> None:
    """A door was opened or closed; who went in needs no more time."""
    machine = turn.machine(changed.machine)
    if machine.door is changed.is_open:
        return
    machine = replace(machine, door=changed.is_open, door_ms=turn.moment.mono_ms)
    machine = turn.put(machine)
    if machine.door_fault and not changed.is_open:
        turn.fault(machine.id, Code.DOOR_OPEN, "it is closed again", cleared=True)
        machine = turn.put(replace(turn.machine(machine.id), door_fault=False))
    session = machine.session
    if session is None or not changed.is_open or machine.state is not State.RUNNING:
        return
    if session.spec.mode is Mode.ACCESS and session.spec.access.open_ms:
        stop(turn, machine, Ended.OPENED)


def tick_door(turn: Turn, machine: MachineState) -> None:
    """Tell once that a door stands open."""
    due_ms = door_due_ms(machine)
    if due_ms is None or turn.moment.mono_ms < due_ms:
        return
    turn.fault(machine.id, Code.DOOR_OPEN, "it stands open")
    turn.put(replace(turn.machine(machine.id), door_fault=True))


def door_due_ms(machine: MachineState) -> int | None:
    """Monotonic time when an open door is told; None: it isn't, or was."""
    if not machine.door or machine.door_fault or machine.spec is None:
        return None
    if machine.spec.mode is not Mode.ACCESS:
        return None
    return machine.door_ms + machine.spec.access.door_ms_max

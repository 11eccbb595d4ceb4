"""When time alone will change something: so that a runtime can wait until then."""

from __future__ import annotations

from collections.abc import Iterator

from firmware_agent.core.judging import FEEDBACK_GAP_MS
from firmware_agent.core.model import ControllerState, MachineState, ReaderState
from firmware_agent.core.running import PROMPT_MS, WANT_RETRY_MS
from firmware_agent.core.service import door_due_ms
from firmware_agent.core.session import State
from firmware_agent.core.visit import Session
from wire.machines import Mode


def next_due_ms(state: ControllerState) -> int | None:
    """Monotonic time of the next thing that time brings; None: nothing waits.

    Readings aren't in it: a machine in a session is read at the runtime's pace.
    """
    times = [*_all_machines(state), *_all_readers(state)]
    return min(times, default=None)


def _all_machines(state: ControllerState) -> Iterator[int]:
    for machine in state.machines.values():
        if machine.notice is not None:
            yield machine.notice.until_ms
        if machine.identify_until_ms:
            yield machine.identify_until_ms
        if machine.ask is not None:
            yield machine.ask.deadline_ms
        if machine.offer is not None:
            yield machine.offer.until_ms
        yield from _money(machine)
        door_ms = door_due_ms(machine)
        if door_ms is not None:
            yield door_ms
        if machine.session is not None:
            yield from _session(state, machine, machine.session)


def _money(machine: MachineState) -> Iterator[int]:
    purse = machine.purse
    if purse.entry is not None:
        yield purse.until_ms
    if purse.holding:
        yield purse.held_until_ms


def _session(state: ControllerState, machine: MachineState, session: Session) -> Iterator[int]:
    cycle = session.spec.cycle
    if session.want is not None and state.online:
        yield session.want.sent_ms + WANT_RETRY_MS
    if session.stopping is not None:
        # Without a journal it waits until there is one again.
        if state.alarm is None or state.alarm.writable:
            yield session.stopping.settle_ms
    elif machine.state is State.STARTING:
        vending = session.vending
        awaited_ms = session.started_ms + cycle.feedback_within_ms
        yield vending.until_ms if vending is not None else awaited_ms
    elif machine.state is State.PAUSED:
        yield session.paused_ms + PROMPT_MS
    else:
        yield from _running(machine, session)


def _running(machine: MachineState, session: Session) -> Iterator[int]:
    spec = session.spec
    if spec.mode is Mode.CYCLE:
        yield session.started_ms + min(spec.cycle.duration_ms, spec.session_ms_max)
        if machine.feedback is False:
            yield machine.feedback_ms + FEEDBACK_GAP_MS
    elif spec.mode is Mode.VEND:
        yield session.started_ms
    elif spec.mode is Mode.ACCESS and spec.access.open_ms:
        yield session.started_ms + spec.access.open_ms


def _all_readers(state: ControllerState) -> Iterator[int]:
    for reader in state.readers.values():
        yield from _reader(reader)


def _reader(reader: ReaderState) -> Iterator[int]:
    if reader.notice is not None:
        yield reader.notice.until_ms
    if reader.chosen:
        yield reader.chosen_until_ms
    if reader.pending is not None:
        yield reader.pending.until_ms

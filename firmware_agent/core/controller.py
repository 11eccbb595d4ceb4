"""Where inputs come in: one pure function from state and input to state and effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from firmware_agent.core import codes, hub, paying_in, running, service, starting, taps, vending
from firmware_agent.core.effects import Effect, SwitchOff
from firmware_agent.core.ending import release_excess, rest, settle, stop
from firmware_agent.core.inputs import (
    AccountsCame,
    AlarmChanged,
    CardForgotten,
    CardsClashed,
    CardTapped,
    ClockShifted,
    CodeTyped,
    CommandCame,
    ConfigCame,
    DoorChanged,
    ExcessFound,
    FaultyChanged,
    FeedbackChanged,
    Input,
    LimitsCame,
    LinkChanged,
    Metered,
    PartChanged,
    Pressed,
    ProgramChosen,
    ReaderChanged,
    ShutDown,
    Ticked,
)
from firmware_agent.core.model import ControllerState, MachineState, Moment
from firmware_agent.core.money_inputs import (
    CashCame,
    CashGap,
    MoneyPartChanged,
    VendAsked,
    VendDone,
)
from firmware_agent.core.session import AT_REST, IN_SESSION, MAY_BE_ON, State, Trigger
from firmware_agent.core.turn import Turn
from wire.errors import Code
from wire.events import ClockAdjusted, Ended


def step(
    state: ControllerState, given: Input, moment: Moment
) -> tuple[ControllerState, tuple[Effect, ...]]:
    """Take one input.

    Returns:
        The state after it, and what is to be done: durable effects in one commit,
        then the others in order. When the commit fails, the state before still holds.

    Raises:
        IllegalEvent: The input asks for a step that no table has; nothing changed.
    """
    turn = Turn(state, moment)
    _HANDLERS[type(given)](turn, given)
    _forget_idle_accounts(turn)
    return turn.state, tuple(turn.effects)


def _on_tick(turn: Turn, _: Ticked) -> None:
    for reader in turn.state.readers:
        taps.tick_reader(turn, reader)
    for machine_id in turn.state.machines:
        machine = _drop_notice(turn, turn.machine(machine_id))
        if machine.state is State.ASKING:
            starting.tick_asking(turn, machine)
        elif machine.state is State.CHOOSING:
            vending.tick_choosing(turn, machine)
        elif machine.state in IN_SESSION:
            running.tick_session(turn, machine)
        paying_in.tick(turn, turn.machine(machine_id))
        service.tick_door(turn, turn.machine(machine_id))


def _on_link(turn: Turn, changed: LinkChanged) -> None:
    turn.state = replace(turn.state, online=changed.online)
    if changed.online:
        running.resend_wants(turn)


def _on_part(turn: Turn, changed: PartChanged) -> None:
    machine = turn.machine(changed.machine)
    if machine.broken == changed.reason:
        return
    was_broken = bool(machine.broken)
    machine = turn.put(replace(machine, broken=changed.reason))
    if was_broken is not bool(changed.reason):
        cleared = not changed.reason
        turn.fault(machine.id, Code.OUTPUT_FAILED, changed.reason[:512], cleared=cleared)
    machine = turn.machine(machine.id)
    if machine.state in MAY_BE_ON or machine.state is State.PAUSED:
        never_ran = machine.session is not None and machine.session.track.on_ms is None
        stop(turn, machine, Ended.FAULT, released=never_ran)
    elif machine.state in AT_REST:
        rest(turn, machine)


def _on_alarm(turn: Turn, changed: AlarmChanged) -> None:
    """Authorise nothing; when nothing can be journalled, nothing may run either."""
    turn.state = replace(turn.state, alarm=changed.alarm)
    if turn.may_append:
        return
    for machine in tuple(turn.state.machines.values()):
        if machine.state is State.ASKING:
            turn.move(replace(machine, ask=None), Trigger.REFUSE)
        elif machine.state is State.CHOOSING:
            vending.leave(turn, machine)
        elif machine.state in IN_SESSION and machine.state is not State.STOPPING:
            stop(turn, machine, Ended.FAULT)
        else:
            turn.emit(SwitchOff(machine.id))


def _on_limits(turn: Turn, came: LimitsCame) -> None:
    for card, limit in came.limits.items():
        turn.put_limit(card, limit)


def _on_clock(turn: Turn, shifted: ClockShifted) -> None:
    if turn.may_append:
        turn.append(ClockAdjusted, offset_ms=shifted.offset_ms, was=shifted.was)


def _on_excess(turn: Turn, found: ExcessFound) -> None:
    turn.put_rights(turn.state.accounts.get(found.rights.account, found.rights))
    release_excess(turn, turn.rights(found.rights.account))


def _on_shutdown(turn: Turn, _: ShutDown) -> None:
    for machine in tuple(turn.state.machines.values()):
        if machine.state is State.ASKING:
            turn.move(replace(machine, ask=None), Trigger.REFUSE)
        elif machine.state is State.CHOOSING:
            vending.leave(turn, machine)
        elif machine.state in IN_SESSION:
            if machine.state is not State.STOPPING:
                machine = stop(turn, machine, Ended.SHUTDOWN)  # noqa: PLW2901 the next state
            if turn.may_append:
                settle(turn, machine)


def _drop_notice(turn: Turn, machine: MachineState) -> MachineState:
    mono_ms = turn.moment.mono_ms
    if machine.notice is not None and mono_ms >= machine.notice.until_ms:
        machine = turn.put(replace(machine, notice=None))
    if machine.identify_until_ms and mono_ms >= machine.identify_until_ms:
        machine = turn.put(replace(machine, identify_until_ms=0))
    return machine


def _forget_idle_accounts(turn: Turn) -> None:
    """Rights and limits that nobody uses stay in the store only."""
    state = turn.state
    if state.limits:
        in_play = state.cards_in_play()
        limits = {card: limit for card, limit in state.limits.items() if card in in_play}
        state = turn.state = replace(state, limits=limits)
    idle = [account for account in state.accounts if not state.is_in_play(account)]
    if idle:
        kept = {name: rights for name, rights in state.accounts.items() if name not in idle}
        turn.state = replace(state, accounts=kept)


_HANDLERS: dict[type, Callable[[Turn, Any], None]] = {
    CardTapped: taps.on_card,
    CardsClashed: taps.on_cards,
    CardForgotten: taps.on_forgotten,
    ReaderChanged: taps.on_reader,
    Pressed: taps.on_button,
    FeedbackChanged: running.on_feedback,
    DoorChanged: service.on_door,
    FaultyChanged: service.on_faulty,
    ProgramChosen: taps.choose_program,
    CashCame: paying_in.on_cash,
    CashGap: paying_in.on_gap,
    MoneyPartChanged: vending.on_part,
    VendAsked: vending.on_asked,
    VendDone: vending.on_done,
    Metered: running.on_reading,
    PartChanged: _on_part,
    Ticked: _on_tick,
    LinkChanged: _on_link,
    AccountsCame: hub.on_accounts,
    LimitsCame: _on_limits,
    CodeTyped: codes.on_code,
    ConfigCame: hub.on_config,
    CommandCame: hub.on_command,
    ClockShifted: _on_clock,
    AlarmChanged: _on_alarm,
    ExcessFound: _on_excess,
    ShutDown: _on_shutdown,
}

"""What the hub says: rights, answers, configuration, commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from firmware_agent.core.allowance import Rights, merge
from firmware_agent.core.effects import (
    Answer,
    KeepLock,
    KeepRevision,
    KeepRights,
    Restart,
    SendReport,
)
from firmware_agent.core.ending import release_excess, rest, stop
from firmware_agent.core.inputs import AccountsCame, CommandCame, ConfigCame
from firmware_agent.core.judging import WANT_AGAIN_MS, resume_if_paid
from firmware_agent.core.model import MachineState, Shown
from firmware_agent.core.modes import with_program
from firmware_agent.core.paying import limit_of
from firmware_agent.core.permission import check_card, check_machine, payer, tariff_for
from firmware_agent.core.service import put_back, take_out
from firmware_agent.core.session import AT_REST, MAY_BE_ON, State
from firmware_agent.core.starting import Start, answer_ask, refuse, try_start
from firmware_agent.core.turn import Turn
from wire.downlink import Action, Right, WantAnswer
from wire.errors import Code
from wire.events import ConfigApplied, Ended
from wire.machines import Config
from wire.tariff import Tariff
from wire.uplink import Outcome

IDENTIFY_MS = 10_000
"""How long a machine shows itself: time to look along a row of them."""


def on_accounts(turn: Turn, came: AccountsCame) -> None:
    """Take rights, then the answers that rest on them."""
    newer = came.revision > turn.state.accounts_revision
    taken = [_take(turn, right, held, newer=newer) for right, held in came.rights]
    if newer and came.rights:
        turn.state = replace(turn.state, accounts_revision=came.revision)
        turn.emit(KeepRevision(came.revision))
    for answer in came.answers:
        _take_answer(turn, answer)
    for rights in taken:
        release_excess(turn, turn.state.accounts.get(rights.account, rights))
    for machine in tuple(turn.state.machines.values()):
        if machine.state is State.PAUSED:
            resume_if_paid(turn, machine)


def on_config(turn: Turn, came: ConfigCame) -> None:
    """Put a configuration in force; open sessions keep what they started with."""
    config = came.config
    turn.state = replace(
        turn.state,
        config_version=config.version,
        policy=config.policy,
        tariffs=newest_tariffs(config),
    )
    if came.journal:
        turn.append(ConfigApplied, version=config.version)
    specs = {machine.id: machine for machine in config.machines}
    for machine in tuple(turn.state.machines.values()):
        kept = turn.put(replace(machine, spec=specs.get(machine.id)))
        if kept.state in AT_REST:
            rest(turn, kept)


def newest_tariffs(config: Config) -> dict[str, Tariff]:
    """The newest version of each tariff, by id."""
    newest: dict[str, Tariff] = {}
    for tariff in config.tariffs:
        held = newest.get(tariff.id)
        if held is None or tariff.version > held.version:
            newest[tariff.id] = tariff
    return newest


def on_command(turn: Turn, came: CommandCame) -> None:
    """Obey a command, and say how it ended."""
    command = came.command
    on_machine = _ON_MACHINE.get(command.action)
    if on_machine is not None:
        machine = turn.state.machines.get(command.machine)
        if machine is None:
            _answer(turn, came, Code.NOT_FOUND, f"no machine {command.machine!r} here")
        else:
            on_machine(turn, machine, came)
    elif command.action is Action.IDENTIFY:
        _identify(turn, came)
    elif command.action is Action.RESYNC:
        turn.emit(SendReport(from_acked=True))
        _answer(turn, came)
    elif command.action is Action.RESTART:
        _restart(turn, came)
    else:
        _answer(turn, came, Code.NOT_FOUND, "this agent is updated by its package manager")


def _take(turn: Turn, right: Right, held: Rights, *, newer: bool) -> Rights:
    current = turn.state.accounts.get(right.account, held)
    rights = merge(current, right, newer=newer)
    if rights != current:
        turn.emit(KeepRights(rights))
    turn.put_rights(rights)
    return rights


def _take_answer(turn: Turn, answer: WantAnswer) -> None:
    for machine in tuple(turn.state.machines.values()):
        ask, session = machine.ask, machine.session
        if ask is not None and ask.want.request == answer.request:
            answer_ask(turn, machine, answer)
        elif session is not None and session.want is not None:
            if session.want.request != answer.request:
                continue
            is_short = answer.granted_minor < session.want.amount_minor
            pause_ms = WANT_AGAIN_MS if is_short else 0
            session = replace(
                session,
                want=None,
                want_after_ms=turn.moment.mono_ms + pause_ms,
                backed_only=answer.code == Code.SPENDING_LIMIT,
            )
            turn.put(replace(machine, session=session))


def _start(turn: Turn, machine: MachineState, came: CommandCame) -> None:
    command, entry, spec, program = came.command, came.entry, machine.spec, ""
    if spec is not None:
        spec, program = with_program(spec, command.detail or machine.program)
    tariff = tariff_for(spec, entry, turn.state.tariffs) if spec is not None else None
    code = turn.state.alarm.code if turn.state.alarm is not None else None
    code = code or check_machine(machine, tariff)
    if code is None and spec is not None:
        # The hub stands for the card: it has been told who asks.
        level = entry.level if entry is not None else 0
        code = check_card(entry, level, spec, tariff, turn.moment.wall_ms)
    if code is not None or entry is None or spec is None:
        code = code or Code.CARD_UNKNOWN
        refuse(turn, machine, code, shown=Shown(command.card))
        _answer(turn, came, code)
        return
    turn.bring_rights(came.rights)
    turn.put_limit(entry.card, limit_of(entry, came.spent_minor))
    paid_by = payer(entry, spec, tariff)
    start = Start(came.session, paid_by, spec, tariff, command.id, program=program)
    try_start(turn, machine, start)


def _stop(turn: Turn, machine: MachineState, came: CommandCame) -> None:
    is_on = machine.state in MAY_BE_ON or machine.state is State.PAUSED
    # What a vending machine was told to give can't be taken back.
    if is_on and machine.session is not None and machine.session.vending is None:
        stop(turn, machine, Ended.COMMAND)
        _answer(turn, came)
    else:
        _answer(turn, came, Code.STATE_CONFLICT, f"it is {machine.state.value}")


def _lock(turn: Turn, machine: MachineState, came: CommandCame) -> None:
    locked = came.command.action is Action.LOCK
    turn.emit(KeepLock(machine.id, locked))
    kept = turn.put(replace(machine, locked=locked))
    if kept.state in AT_REST:
        rest(turn, kept)
    _answer(turn, came)


def _retire(turn: Turn, machine: MachineState, came: CommandCame) -> None:
    take_out(turn, machine, came.command.detail or "by the staff")
    _answer(turn, came)


def _return(turn: Turn, machine: MachineState, came: CommandCame) -> None:
    put_back(turn, machine)
    _answer(turn, came)


def _identify(turn: Turn, came: CommandCame) -> None:
    name = came.command.machine
    machines = [m for m in turn.state.machines.values() if name in ("", m.id)]
    for machine in machines:
        until_ms = turn.moment.mono_ms + IDENTIFY_MS
        turn.put(replace(machine, identify_until_ms=until_ms))
    if machines:
        _answer(turn, came)
    else:
        _answer(turn, came, Code.NOT_FOUND, f"no machine {name!r} here")


def _restart(turn: Turn, came: CommandCame) -> None:
    busy = [m.id for m in turn.state.machines.values() if m.state not in AT_REST]
    if busy and came.command.detail != "now":
        words = f"in use: {', '.join(busy)}; send it with the detail 'now' to end their sessions"
        _answer(turn, came, Code.STATE_CONFLICT, words)
        return
    _answer(turn, came)
    turn.emit(Restart())


def _answer(turn: Turn, came: CommandCame, code: Code | None = None, detail: str = "") -> None:
    outcome = Outcome.DONE if code is None else Outcome.REFUSED
    turn.emit(Answer(came.command.id, outcome, int(code or 0), detail))


_ON_MACHINE: dict[Action, Callable[[Turn, MachineState, CommandCame], None]] = {
    Action.START: _start,
    Action.STOP: _stop,
    Action.LOCK: _lock,
    Action.UNLOCK: _lock,
    Action.RETIRE: _retire,
    Action.RETURN: _return,
}

"""What a card or a button means at a machine, and at a reader that machines share.

A machine with a reader of its own: a tap starts it; a tap of the same account's card
stops it (a cycle runs to its end); its button stops it.

Machines that share a reader each have a button. Whoever wants to start or stop one
presses its button and taps, in either order, within `CHOOSE_MS`. A tap alone never
starts or stops anything there, and neither does a button alone.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from firmware_agent.core import paying_in, vending
from firmware_agent.core.codes import TYPE_WITHIN_MS
from firmware_agent.core.ending import may_stop_early, stop
from firmware_agent.core.inputs import (
    CardForgotten,
    CardsClashed,
    CardTapped,
    Pressed,
    ProgramChosen,
    ReaderChanged,
)
from firmware_agent.core.model import NOBODY, LastCard, MachineState, PendingTap, Shown
from firmware_agent.core.modes import next_program, with_program
from firmware_agent.core.paying import accounts_of, limit_of
from firmware_agent.core.permission import (
    check_card,
    check_machine,
    is_for_service,
    payer,
    tariff_for,
)
from firmware_agent.core.service import serve
from firmware_agent.core.session import State
from firmware_agent.core.starting import Start, refuse, try_start
from firmware_agent.core.turn import Turn
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import Ended
from wire.machines import Mode

CHOOSE_MS = 15_000
"""Between button and tap: time to walk from a row of machines to the reader."""
TAP_AGAIN_MS = 2_000
"""A card laid down again within this after a start bounced; it doesn't stop the session."""

_STOPPABLE = frozenset({State.RUNNING, State.PAUSED})


def on_card(turn: Turn, tapped: CardTapped) -> None:
    """A card was laid on a reader."""
    if not tapped.card or tapped.entry is None:
        _forget(turn, tapped.reader)
    if not tapped.card:
        _refuse_at_reader(turn, tapped.reader, Code.CARD_RANDOM_UID)
        return
    machines = _machines_at(turn, tapped.reader)
    if not machines:
        code = Code.MACHINE_NOT_CONFIGURED
        _refuse_at_reader(turn, tapped.reader, code, Shown(tapped.card, proof=tapped.proof))
        return
    if _is_lost(turn, tapped):
        _forget(turn, tapped.reader)
        _refuse_at_reader(turn, tapped.reader, Code.CARD_REMOVED_EARLY, Shown(tapped.card))
        return
    _keep_rights(turn, tapped)
    if not machines[0].wiring.shared:
        _use(turn, machines[0], tapped)
        return
    reader = turn.reader(tapped.reader)
    if reader.chosen and turn.moment.mono_ms < reader.chosen_until_ms:
        turn.put_reader(replace(reader, chosen="", pending=None, notice=None))
        _use(turn, turn.machine(reader.chosen), tapped)
        return
    _wait_for_choice(turn, tapped)


def on_cards(turn: Turn, clashed: CardsClashed) -> None:
    """Several cards lie on a reader: none may be charged."""
    _forget(turn, clashed.reader)
    _refuse_at_reader(turn, clashed.reader, Code.CARDS_SEVERAL)


def on_forgotten(turn: Turn, forgotten: CardForgotten) -> None:
    """Whoever tapped last is done."""
    _forget(turn, forgotten.reader)


def on_reader(turn: Turn, changed: ReaderChanged) -> None:
    """A reader went away or came back. Sessions go on either way."""
    reader = turn.reader(changed.reader)
    if bool(reader.down) == bool(changed.reason):
        return
    turn.put_reader(replace(reader, down=changed.reason, pending=None, chosen=""))
    turn.fault(
        "",
        Code.READER_DOWN,
        f"{changed.reader}: {changed.reason or 'answers again'}"[:512],
        cleared=not changed.reason,
    )


def on_button(turn: Turn, pressed: Pressed) -> None:
    """A machine's button was pressed."""
    machine = turn.machine(pressed.machine)
    if not machine.wiring.shared:
        if machine.state in _STOPPABLE and _may_stop_early(machine):
            stop(turn, machine, Ended.BUTTON)
        elif machine.state is State.FREE:
            choose_program(turn, ProgramChosen(machine.id))
        return
    reader = turn.reader(machine.wiring.reader)
    if reader.chosen == machine.id and machine.state is State.FREE:
        choose_program(turn, ProgramChosen(machine.id))
    pending = reader.pending
    if pending is not None and turn.moment.mono_ms < pending.until_ms:
        turn.put_reader(replace(reader, pending=None, chosen="", notice=None))
        tapped = CardTapped(
            reader.id,
            pending.card,
            pending.entry,
            (),
            pending.level,
            pending.session,
            proof=pending.proof,
        )
        _use(turn, machine, tapped)
        return
    until_ms = turn.moment.mono_ms + CHOOSE_MS
    turn.put_reader(replace(reader, chosen=machine.id, chosen_until_ms=until_ms, pending=None))


def choose_program(turn: Turn, chosen: ProgramChosen) -> None:
    """Someone chose what a machine is to do next; the tap that follows starts it."""
    machine = turn.machine(chosen.machine)
    if machine.spec is None or machine.state is not State.FREE:
        return
    wanted = chosen.program or next_program(machine.spec, machine.program)
    _, program = with_program(machine.spec, wanted)
    turn.put(replace(machine, program=program, notice=None))


def tick_reader(turn: Turn, reader_id: str) -> None:
    """Let a choice, a waiting card and a notice run out."""
    reader, mono_ms = turn.reader(reader_id), turn.moment.mono_ms
    if reader.notice is not None and mono_ms >= reader.notice.until_ms:
        reader = turn.put_reader(replace(reader, notice=None))
    if reader.chosen and mono_ms >= reader.chosen_until_ms:
        reader = turn.put_reader(replace(reader, chosen=""))
    pending = reader.pending
    if pending is not None and mono_ms >= pending.until_ms:
        turn.put_reader(replace(reader, pending=None))
        _refuse_at_reader(
            turn,
            reader_id,
            Code.MACHINE_NOT_CHOSEN,
            Shown(pending.card, pending.entry.account, pending.proof),
        )


def _forget(turn: Turn, reader_id: str) -> None:
    """Let nothing that comes next be for the card that was tapped before.

    Otherwise who holds a card that isn't known could start a machine on the card of the
    one before, or type a code that the one before gets.
    """
    reader = turn.reader(reader_id)
    if reader.last is not None or reader.pending is not None:
        turn.put_reader(replace(reader, last=None, pending=None))


def _is_lost(turn: Turn, tapped: CardTapped) -> bool:
    """Whether a card that must prove itself went away before it had: no copy, no card either."""
    if not tapped.proof_lost or turn.state.policy.takes_unproved_cards:
        return False
    return tapped.entry is not None and tapped.level < tapped.entry.level


def _use(turn: Turn, machine: MachineState, tapped: CardTapped) -> None:
    """Start, stop or refuse: the card and the machine are known now."""
    entry, level = _as_proved(turn, tapped)
    if entry is not None and level >= entry.level and machine.account in accounts_of(entry):
        machine = paying_in.come(turn, machine, entry)
        _tap_own(turn, machine)
        return
    if entry is not None and is_for_service(entry, level, turn.moment.wall_ms):
        serve(turn, machine)
        return
    spec, program = machine.spec, ""
    if spec is not None:
        spec, program = with_program(spec, machine.program)
    tariff = tariff_for(spec, entry, turn.state.tariffs) if spec is not None else None
    code = turn.state.alarm.code if turn.state.alarm is not None else None
    code = code or check_machine(machine, tariff)
    if code is None and spec is not None:
        code = check_card(entry, level, spec, tariff, turn.moment.wall_ms)
    if code is not None or entry is None:
        account = entry.account if entry is not None else ""
        shown = Shown(tapped.card, account, tapped.proof)
        refuse(turn, machine, code or Code.CARD_UNKNOWN, shown=shown)
        return
    assert spec is not None
    paid_by = payer(entry, spec, tariff)
    machine = paying_in.come(turn, machine, entry)
    if spec.mode is Mode.REVALUE:
        return
    start = Start(tapped.session, paid_by, spec, tariff, proof=tapped.proof, program=program)
    try_start(turn, machine, start)


def _as_proved(turn: Turn, tapped: CardTapped) -> tuple[CardEntry | None, int]:
    """The card as it may be used, and the level that it counts as."""
    entry = tapped.entry
    if entry is None or tapped.level >= entry.level:
        return entry, tapped.level
    if not turn.state.policy.takes_unproved_cards:
        return entry, tapped.level
    # What may be a copy spends what was set aside, and nothing on trust.
    return msgspec.structs.replace(entry, floor_minor=0), entry.level


def _tap_own(turn: Turn, machine: MachineState) -> None:
    """A card of the account that pays for what the machine is busy with."""
    if machine.state is State.CHOOSING:
        vending.leave(turn, machine)
        return
    session = machine.session
    if session is None or machine.state not in _STOPPABLE:
        return
    if turn.moment.mono_ms - session.started_ms < TAP_AGAIN_MS:
        return
    if _may_stop_early(machine):
        stop(turn, machine, Ended.TAP)
    else:
        turn.notice(machine, words="Runs to its end")


def _may_stop_early(machine: MachineState) -> bool:
    """Whether the customer may end it."""
    return machine.session is not None and may_stop_early(machine.session.spec)


def _wait_for_choice(turn: Turn, tapped: CardTapped) -> None:
    reader, entry = turn.reader(tapped.reader), tapped.entry
    if entry is None:
        _refuse_at_reader(
            turn, reader.id, Code.CARD_UNKNOWN, Shown(tapped.card, proof=tapped.proof)
        )
        return
    until_ms = turn.moment.mono_ms + CHOOSE_MS
    pending = PendingTap(tapped.card, entry, tapped.level, tapped.session, until_ms, tapped.proof)
    turn.put_reader(replace(reader, pending=pending, notice=None))


def _refuse_at_reader(turn: Turn, reader: str, code: Code, shown: Shown = NOBODY) -> None:
    machines = _machines_at(turn, reader)
    own = machines[0] if len(machines) == 1 and not machines[0].wiring.shared else None
    if own is not None:
        turn.notice(own, code=code)
    else:
        turn.notice_at_reader(reader, code)
    machine = own.id if own is not None else ""
    turn.record_refusal(reader, machine, code, shown=shown)


def _keep_rights(turn: Turn, tapped: CardTapped) -> None:
    """Rights and limit that a tap brought; rights in play are newer and stay."""
    turn.bring_rights(tapped.rights)
    if tapped.entry is not None:
        last = LastCard(tapped.entry, turn.moment.mono_ms + TYPE_WITHIN_MS)
        turn.put_reader(replace(turn.reader(tapped.reader), last=last))
        turn.put_limit(tapped.card, limit_of(tapped.entry, tapped.spent_minor))


def _machines_at(turn: Turn, reader: str) -> list[MachineState]:
    return [m for m in turn.state.machines.values() if m.wiring.reader == reader]

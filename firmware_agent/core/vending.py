"""Vending machines: money is set aside when something is chosen, and paid when it came out.

Theory of operation
-------------------
A tap tells the machine how much may be spent (`starting.offer`). It asks before it gives
anything: then the session is journalled with its whole price, as a checkpoint, before the
machine is told to give. Success: the price is paid. Failure: nothing is. Silence: nobody
knows; the session ends as `vend_unknown` with its price, which the hub keeps apart until a
person decides. The same after a power cut (`recovery`). What the machine says later is
journalled, too, for that person.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core.effects import ApproveVend, DenyVend, EndOffer
from firmware_agent.core.ending import release_excess, rest, settle, stop
from firmware_agent.core.judging import checkpoint
from firmware_agent.core.model import MachineState, Shown
from firmware_agent.core.modes import bought_usage, charge_for
from firmware_agent.core.money_inputs import MoneyPartChanged, Said, VendAsked, VendDone
from firmware_agent.core.session import AT_REST, State, Trigger
from firmware_agent.core.starting import Short, Start, journal_start, refuse, spendable
from firmware_agent.core.turn import Turn
from firmware_agent.core.visit import LostVend, Offer, Session, Vending
from wire.errors import Code
from wire.events import Ended, VendOutcome

ITEM_LENGTH_MAX = 64
"""As the journal keeps it."""

_ENDS = {
    Said.SUCCESS: Ended.VENDED,
    Said.FAILURE: Ended.VEND_FAILED,
    Said.UNKNOWN: Ended.VEND_UNKNOWN,
}


def on_asked(turn: Turn, asked: VendAsked) -> None:
    """Something was chosen."""
    machine = turn.machine(asked.machine)
    offer = machine.offer
    if machine.state is not State.CHOOSING or offer is None or turn.state.alarm is not None:
        turn.emit(DenyVend(machine.id, asked.request))
        return
    usage = bought_usage(offer.spec, offer.tariff, turn.moment.wall_ms, asked.price_minor)
    charge = charge_for(offer.spec, offer.tariff, usage)
    left = spendable(turn, offer.entry, offer.spec.hub_down)
    if asked.price_minor <= 0 or charge > left:
        turn.emit(DenyVend(machine.id, asked.request))
        short = Short(max(0, charge - left), offer.tariff.unit)
        shown = Shown(offer.entry.card, offer.entry.account, offer.proof)
        refuse(turn, machine, Code.BALANCE_TOO_LOW, shown=shown, short=short)
        return
    _begin(turn, machine, offer, asked)


def on_done(turn: Turn, done: VendDone) -> None:
    """The machine said whether it gave what was chosen."""
    machine = turn.machine(done.machine)
    session, lost = machine.session, machine.lost_vend
    vending = session.vending if session is not None and session.stopping is None else None
    if vending is not None and vending.request == done.request:
        _end(turn, machine, done.said, done.reason)
        return
    if lost is None or lost.request != done.request or done.said is Said.UNKNOWN:
        return
    if turn.may_append:
        turn.append(
            VendOutcome,
            session=lost.session,
            outcome=done.said.value,
            machine=machine.id,
            account=lost.account,
            item=lost.item,
            detail=done.reason[:512],
            late=True,
        )
        turn.put(replace(turn.machine(machine.id), lost_vend=None))


def on_part(turn: Turn, changed: MoneyPartChanged) -> None:
    """An acceptor or a bus stopped answering, or answers again."""
    machine = turn.machine(changed.machine)
    if bool(changed.reason) is (changed.part in machine.money_down):
        return
    down = {part: why for part, why in machine.money_down.items() if part != changed.part}
    if changed.reason:
        down[changed.part] = f"{changed.part}: {changed.reason}"[:512]
    machine = turn.put(replace(machine, money_down=down))
    words = f"{changed.part}: {changed.reason or 'answers again'}"[:512]
    turn.fault(machine.id, Code.ACCEPTOR_DOWN, words, cleared=not down)
    machine = turn.machine(machine.id)
    if machine.trouble and machine.state is State.CHOOSING:
        leave(turn, machine)
    elif machine.trouble and machine.session is not None and machine.session.vending is not None:
        give_up(turn, machine, changed.reason)
    elif machine.state in AT_REST:
        rest(turn, machine)


def give_up(turn: Turn, machine: MachineState, why: str) -> None:
    """Nobody will say whether anything came out."""
    if machine.session is not None and machine.session.stopping is None:
        _end(turn, machine, Said.UNKNOWN, why)


def leave(turn: Turn, machine: MachineState) -> None:
    """Nothing was chosen, or nothing more is to be."""
    offer = machine.offer
    machine = turn.move(replace(machine, offer=None), Trigger.LEAVE)
    turn.emit(EndOffer(machine.id))
    if offer is not None:
        release_excess(turn, turn.rights(offer.entry.account))
    rest(turn, turn.machine(machine.id))


def tick_choosing(turn: Turn, machine: MachineState) -> None:
    """Let the time to choose run out."""
    if machine.offer is not None and turn.moment.mono_ms >= machine.offer.until_ms:
        leave(turn, machine)


def _begin(turn: Turn, machine: MachineState, offer: Offer, asked: VendAsked) -> None:
    """Journal the session with its whole price, then let the machine give it."""
    moment = turn.moment
    usage = bought_usage(offer.spec, offer.tariff, moment.wall_ms, asked.price_minor)
    session = Session(
        offer.session,
        offer.spec,
        offer.entry,
        offer.tariff,
        moment.stamp,
        moment.mono_ms,
        active_ms=moment.mono_ms,
    )
    charge = charge_for(offer.spec, offer.tariff, usage)
    floor_used = charge > turn.balance(offer.entry).backed_minor
    start = Start(offer.session, offer.entry, offer.spec, offer.tariff, proof=offer.proof)
    journal_start(turn, machine, session, start, floor_used=floor_used)
    until_ms = moment.mono_ms + offer.spec.vend.outcome_ms
    vending = Vending(asked.request, asked.item[:ITEM_LENGTH_MAX], until_ms)
    session = replace(session, usage=usage, charge_minor=charge, vending=vending)
    machine = turn.move(
        replace(machine, offer=None, session=session, notice=None, lost_vend=None), Trigger.PULSE
    )
    checkpoint(turn, machine)
    turn.emit(ApproveVend(machine.id, asked.request, asked.price_minor))


def _end(turn: Turn, machine: MachineState, said: Said, why: str) -> None:
    """End a vend: what is chosen next needs another tap."""
    session = machine.session
    assert session is not None
    assert session.vending is not None
    machine = stop(turn, machine, _ENDS[said], released=said is Said.FAILURE, detail=why)
    turn.emit(EndOffer(machine.id))
    if said is Said.UNKNOWN:
        lost = LostVend(session.vending.request, session.id, session.account, session.vending.item)
        machine = turn.put(replace(machine, lost_vend=lost))
    if turn.may_append:
        settle(turn, machine)

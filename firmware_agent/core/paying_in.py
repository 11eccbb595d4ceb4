"""Coins and notes: credited to the card in front of the machine, at once, online or not.

What came is journalled before anyone is told, so a power cut leaves both or neither, and
totals say how much came in: the hub books it once, however often it hears of it.

Money that comes while nobody's card is there is journalled as held. The next card gets it;
without one in time, or after a power cut, it is journalled as unclaimed, and a person
decides. So money is never lost, and nobody is credited twice.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core.ending import release_excess
from firmware_agent.core.judging import resume_if_paid
from firmware_agent.core.model import ControllerState, MachineState
from firmware_agent.core.money_inputs import CashCame, CashGap
from firmware_agent.core.paying import paying, unit_by_code
from firmware_agent.core.permission import standing_code
from firmware_agent.core.session import AT_REST, State
from firmware_agent.core.turn import Turn
from firmware_agent.errors import IllegalEvent
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import CashHeld, CashTaken, CashUnclaimed
from wire.machines import Cash, Mode


def on_cash(turn: Turn, came: CashCame) -> None:
    """A coin or a note is in the box."""
    if not turn.may_append:
        raise IllegalEvent("money that can't be journalled has to wait")
    machine = turn.machine(came.machine)
    entry = _payer(turn.state, machine, turn.moment.mono_ms)
    if entry is None:
        _hold(turn, machine, came)
        return
    _credit(turn, machine, entry, came)


def come(turn: Turn, machine: MachineState, entry: CardEntry) -> MachineState:
    """A card may pay in here from now on, and gets what was held for the next one.

    A second tap at a machine that only takes money says that its owner is done.
    """
    spec = machine.spec
    if spec is None or not machine.wiring.acceptors:
        return machine
    paid_in = paying(entry, spec.cash.unit)
    if paid_in is None or standing_code(entry) is not None:
        return machine
    purse = machine.purse
    if _is_done(machine, paid_in, turn.moment.mono_ms):
        machine = _close(turn, machine)
        return turn.notice(machine, words="Thank you", then="Ended")
    until_ms = turn.moment.mono_ms + spec.cash.pay_in_ms
    purse = replace(purse, entry=paid_in, until_ms=until_ms)
    machine = turn.put(replace(machine, purse=purse, notice=None))
    if not purse.holding or not turn.may_append:
        return machine
    held = CashCame(machine.id, "", purse.held_minor, purse.holding)
    _credit(turn, machine, paid_in, held, holding=purse.holding)
    machine = turn.machine(machine.id)
    purse = replace(machine.purse, holding="", held_minor=0)
    return turn.put(replace(machine, purse=purse))


def accepts(state: ControllerState, machine: MachineState, acceptor: str = "") -> bool:
    """Whether coins or notes may come in now, by one acceptor or, without a name, by any.

    Only what can be journalled, and no more than the balance may be as far as it is known
    here. What is in the account elsewhere isn't.
    """
    spec = machine.spec
    if spec is None or not machine.wiring.acceptors or state.alarm is not None:
        return False
    if machine.state in AT_REST - {State.FREE} or machine.trouble:
        return False
    most = spec.cash.balance_max_minor
    values = machine.wiring.acceptors
    largest = values[acceptor] if acceptor else min(values.values())
    return most == 0 or _balance(state, machine) + largest <= most


def tick(turn: Turn, machine: MachineState) -> None:
    """Let a card's time and held money run out."""
    purse, mono_ms = machine.purse, turn.moment.mono_ms
    if purse.holding and mono_ms >= purse.held_until_ms and turn.may_append:
        _tell_unclaimed(turn, machine)
        machine = turn.machine(machine.id)
        purse = machine.purse
    if purse.entry is not None and mono_ms >= purse.until_ms:
        _close(turn, machine)


def on_gap(turn: Turn, gap: CashGap) -> None:
    """Coins of unknown worth are in the box: told, and credited to nobody."""
    words = f"{gap.acceptor} counted {gap.events} more than it told: count its box"
    turn.fault(gap.machine, Code.CASH_LOST, words)


def _payer(state: ControllerState, machine: MachineState, mono_ms: int) -> CardEntry | None:
    """Whose money it is that comes now; None: nobody's card is there."""
    purse = machine.purse
    if purse.entry is not None and mono_ms < purse.until_ms:
        return purse.entry
    entry = machine.entry
    if entry is None or machine.spec is None or entry.account not in state.accounts:
        return None
    # Only the account that is in play here: another purse's rights aren't at hand.
    return entry if entry.unit == machine.spec.cash.unit else None


def _credit(
    turn: Turn, machine: MachineState, entry: CardEntry, came: CashCame, holding: str = ""
) -> None:
    rights = turn.rights(entry.account)
    rights = replace(rights, taken_in_minor=rights.taken_in_minor + came.value_minor)
    turn.append(
        CashTaken,
        cash=came.cash,
        machine=machine.id,
        account=entry.account,
        amount_minor=came.value_minor,
        totals=rights.totals,
        card=entry.card,
        acceptor=came.acceptor,
        device_seq=came.device_seq,
        holding=holding,
    )
    turn.put_rights(rights)
    purse = machine.purse
    if purse.entry is not None:
        cash = machine.spec.cash if machine.spec is not None else _UNCONFIGURED
        purse = replace(purse, until_ms=turn.moment.mono_ms + cash.pay_in_ms)
    machine = turn.put(replace(machine, purse=purse))
    unit = unit_by_code(entry.unit, turn.state.tariffs.values())
    turn.notice(machine, words="Credited", amount_minor=came.value_minor, unit=unit)
    for other in tuple(turn.state.machines.values()):
        if other.state is State.PAUSED and other.account == entry.account:
            resume_if_paid(turn, other)


def _hold(turn: Turn, machine: MachineState, came: CashCame) -> None:
    """Nobody's card is there: keep it for the next one. It is a fact also without a price list."""
    purse = machine.purse
    cash = machine.spec.cash if machine.spec is not None else _UNCONFIGURED
    holding = purse.holding or came.cash
    held_minor = purse.held_minor + came.value_minor
    turn.append(
        CashHeld,
        holding=holding,
        machine=machine.id,
        acceptor=came.acceptor,
        device_seq=came.device_seq,
        unit=cash.unit,
        amount_minor=came.value_minor,
        held_minor=held_minor,
    )
    until_ms = turn.moment.mono_ms + cash.hold_ms
    purse = replace(purse, holding=holding, held_minor=held_minor, held_until_ms=until_ms)
    machine = turn.put(replace(machine, purse=purse))


def _tell_unclaimed(turn: Turn, machine: MachineState) -> None:
    purse = machine.purse
    cash = machine.spec.cash if machine.spec is not None else _UNCONFIGURED
    turn.append(
        CashUnclaimed,
        holding=purse.holding,
        machine=machine.id,
        unit=cash.unit,
        amount_minor=purse.held_minor,
    )
    purse = replace(purse, holding="", held_minor=0)
    turn.put(replace(machine, purse=purse))


def _close(turn: Turn, machine: MachineState) -> MachineState:
    """Nobody pays in here any more; what isn't needed here goes to the hub."""
    entry = machine.purse.entry
    machine = turn.put(replace(machine, purse=replace(machine.purse, entry=None)))
    if entry is not None and entry.account in turn.state.accounts:
        release_excess(turn, turn.rights(entry.account))
    return turn.machine(machine.id)


def _is_done(machine: MachineState, entry: CardEntry, mono_ms: int) -> bool:
    purse = machine.purse
    if not machine.is_mode(Mode.REVALUE) or purse.entry is None or mono_ms >= purse.until_ms:
        return False
    return purse.entry.card == entry.card and not purse.holding


def _balance(state: ControllerState, machine: MachineState) -> int:
    """What whoever pays in has, as far as it is known here; without a card what is held."""
    entry = machine.purse.entry or machine.entry
    if entry is None or entry.account not in state.accounts:
        return machine.purse.held_minor
    return state.left_minor(entry) + machine.purse.held_minor


_UNCONFIGURED = Cash()

"""A typed offline code becomes money of the account whose card was tapped there last.

The code itself was read and looked up before (`wire.codes`, `core.used_codes`). It is
journalled before anything is credited, in the commit that marks it as used, so a power
cut leaves both or neither. The totals say how much came in, as with cash.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_agent.core.inputs import CodeTyped
from firmware_agent.core.judging import resume_if_paid
from firmware_agent.core.model import CodeTries, ControllerState, MachineState, Moment, Shown
from firmware_agent.core.paying import paying, unit_by_code, units_of
from firmware_agent.core.permission import standing_code
from firmware_agent.core.session import State
from firmware_agent.core.turn import Turn
from firmware_agent.core.used_codes import Use
from wire.codes import Misread, OfflineCode
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import ClockState, CodeRedeemed

TYPE_WITHIN_MS = 60_000
"""How long after a tap a code is for that card: time to type twenty digits, twice."""
TRIES_MAX = 5
"""Wrong codes in a row before each takes a minute; after a start there is one at once, so
that cutting the power helps nobody."""
TRY_EVERY_MS = 60_000
"""A wrong code a minute: see `wire.codes` for what that makes guessing worth."""

_TRUSTED_CLOCKS = frozenset({ClockState.SYNCED, ClockState.RTC})
_USE_CODES = {Use.USED: Code.CODE_USED, Use.TOO_OLD: Code.CODE_EXPIRED}


def holder(state: ControllerState, machine: MachineState, moment: Moment) -> CardEntry | None:
    """Whose a code is that is typed at a machine now; None: nobody's.

    The card tapped last at its reader a moment ago, otherwise the one that uses it.
    """
    reader = state.readers.get(machine.wiring.reader)
    last = reader.last if reader is not None else None
    if last is not None and moment.mono_ms < last.until_ms:
        return last.entry
    return machine.entry


def units_here(state: ControllerState, entry: CardEntry) -> tuple[str, ...]:
    """Units that a typed code may be of: those of the card, then those of prices here.

    A code of another unit is told from a wrong one only so.
    """
    prices = (tariff.unit.code for tariff in state.tariffs.values())
    return tuple(dict.fromkeys((*units_of(entry), *prices)))


def on_code(turn: Turn, typed: CodeTyped) -> None:
    """Someone typed a code at a machine."""
    machine = turn.machine(typed.machine)
    alarm, entry = turn.state.alarm, typed.entry
    if alarm is not None:
        turn.notice(machine, code=alarm.code)
    elif typed.found is Misread.MISTYPED:
        turn.notice(machine, code=Code.CODE_INVALID)
    elif typed.found is None:
        turn.notice(machine, code=Code.KEY_INVALID)
    elif entry is None:
        turn.notice(machine, words="Tap your card first", then="Then type the code")
    elif not _may_try(turn):
        turn.notice(machine, code=Code.TOO_MANY_REQUESTS)
    elif isinstance(typed.found, Misread):
        tries = turn.state.code_tries
        turn.state = replace(turn.state, code_tries=replace(tries, left=tries.left - 1))
        _refuse(turn, machine, entry, Code.CODE_INVALID)
    else:
        _take(turn, machine, entry, typed)


def _take(turn: Turn, machine: MachineState, entry: CardEntry, typed: CodeTyped) -> None:
    """A genuine code: used before, ended, for another unit, or money."""
    assert isinstance(typed.found, tuple)
    unit, code = typed.found
    paid_in = paying(entry, unit)
    refusal = standing_code(entry) or _USE_CODES.get(typed.use) or _ended(turn, code)
    if refusal is None and paid_in is None:
        refusal = Code.UNIT_MISMATCH
    if refusal is not None or paid_in is None:
        _refuse(turn, machine, entry, refusal or Code.UNIT_MISMATCH)
        return
    turn.bring_rights(typed.rights)
    _credit(turn, machine, paid_in, code)


def _credit(turn: Turn, machine: MachineState, entry: CardEntry, code: OfflineCode) -> None:
    rights = turn.rights(entry.account)
    rights = replace(rights, taken_in_minor=rights.taken_in_minor + code.amount_minor)
    turn.append(
        CodeRedeemed,
        code=code.counter,
        machine=machine.id,
        account=entry.account,
        card=entry.card,
        amount_minor=code.amount_minor,
        totals=rights.totals,
    )
    turn.put_rights(rights)
    turn.state = replace(turn.state, code_tries=CodeTries(TRIES_MAX, turn.moment.mono_ms))
    unit = unit_by_code(entry.unit, turn.state.tariffs.values())
    turn.notice(machine, words="Credited", amount_minor=code.amount_minor, unit=unit)
    for other in tuple(turn.state.machines.values()):
        if other.state is State.PAUSED and other.account == entry.account:
            resume_if_paid(turn, other)


def _may_try(turn: Turn) -> bool:
    """Whether a code may be looked at now; tries come back one by one."""
    tries, now_ms = turn.state.code_tries, turn.moment.mono_ms
    back = (now_ms - tries.since_ms) // TRY_EVERY_MS
    if back:
        left = min(TRIES_MAX, tries.left + back)
        tries = CodeTries(left, tries.since_ms + back * TRY_EVERY_MS)
        turn.state = replace(turn.state, code_tries=tries)
    return tries.left > 0


def _ended(turn: Turn, code: OfflineCode) -> Code | None:
    """A clock that may be wrong ends nobody's code."""
    ends_ms, moment = code.ends_ms, turn.moment
    if ends_ms is None or moment.clock not in _TRUSTED_CLOCKS or moment.wall_ms < ends_ms:
        return None
    return Code.CODE_EXPIRED


def _refuse(turn: Turn, machine: MachineState, entry: CardEntry, code: Code) -> None:
    turn.notice(machine, code=code)
    shown = Shown(entry.card, entry.account)
    turn.record_refusal(machine.wiring.reader, machine.id, code, shown=shown)

"""What people read and see: words and lamps, drawn from the state.

Two lines of twenty characters say what matters; larger displays get more lines. A
refusal always says why, and what to do. Words are named in English and said in the
reader's language (`core.language`).
"""

from __future__ import annotations

from firmware_agent.core.allowance import local_balance
from firmware_agent.core.judging import is_low
from firmware_agent.core.language import ENGLISH, Language
from firmware_agent.core.model import ControllerState, MachineState, Moment, Notice, ReaderState
from firmware_agent.core.modes import find_program, is_free, with_program
from firmware_agent.core.paying import unit_by_code
from firmware_agent.core.paying_in import accepts
from firmware_agent.core.permission import tariff_for
from firmware_agent.core.session import State
from hardware.ports import Signal
from wire.errors import Code
from wire.events import Ended
from wire.machines import PRICE_UNIT, Machine, Mode
from wire.rating import least_minor
from wire.tariff import Measure, Tariff
from wire.usage import total_quantity, total_time_ms

Lines = tuple[str, ...]

WHY: dict[Code, tuple[str, str]] = {
    Code.CARD_UNKNOWN: ("Card not known", "Ask the staff"),
    Code.CARD_BLOCKED: ("Card is blocked", "Ask the staff"),
    Code.CARD_UNPROVED: ("Card not accepted", "Ask the staff"),
    Code.CARD_RANDOM_UID: ("This card has no id", "Use another card"),
    Code.CARDS_SEVERAL: ("Several cards", "Show only one"),
    Code.CARD_REMOVED_EARLY: ("Card gone too soon", "Hold it a moment"),
    Code.ACCOUNT_CLOSED: ("Account is closed", "Ask the staff"),
    Code.PERMISSION_MISSING: ("Not permitted yet", "Ask for the course"),
    Code.PERMISSION_ENDED: ("Permission has ended", "Ask for the course"),
    Code.MACHINE_BUSY: ("In use", "Please wait"),
    Code.MACHINE_LOCKED: ("Locked by the staff", "Ask the staff"),
    Code.MACHINE_OUT_OF_SERVICE: ("Out of service", "Use another one"),
    Code.MACHINE_NOT_CONFIGURED: ("Not set up yet", "Ask the staff"),
    Code.MACHINE_NOT_CHOSEN: ("No machine chosen", "Press, then tap"),
    Code.BALANCE_TOO_LOW: ("Balance too low", "Please top up"),
    Code.BALANCE_TOO_LOW_OFFLINE: ("Balance not known", "Offline: try later"),
    Code.LIMIT_EXCEEDED: ("Limit reached", "Ask the staff"),
    Code.SPENDING_LIMIT: ("Your limit is used", "Ask who pays for it"),
    Code.UNIT_MISMATCH: ("Card can't pay this", "Ask for another unit"),
    Code.CODE_INVALID: ("Code isn't valid", "Check every digit"),
    Code.CODE_USED: ("Code was used", "Each works only once"),
    Code.CODE_EXPIRED: ("Code has expired", "Ask who sold it"),
    Code.KEY_INVALID: ("No codes here yet", "Ask the staff"),
    Code.TOO_MANY_REQUESTS: ("Too many wrong codes", "Wait a minute"),
    Code.DEPOSIT_TOO_LOW: ("Deposit needed", "Ask the staff"),
    Code.OVERRUN_OPEN: ("Open amount", "Please top up"),
    Code.OUTPUT_FAILED: ("Out of order", "Use another one"),
    Code.METER_SILENT: ("Meter not working", "Use another one"),
    Code.DOOR_OPEN: ("Door is open", "Close it first"),
    Code.JOURNAL_UNWRITABLE: ("Out of order", "Storage: call staff"),
    Code.JOURNAL_CORRUPT: ("Out of order", "Storage: call staff"),
    Code.JOURNAL_FORK: ("Out of order", "Records: call staff"),
}
_OTHERWISE = ("Not possible now", "Ask the staff")

_AT_REST = {
    State.LOCKED: Code.MACHINE_LOCKED,
    State.OUT_OF_SERVICE: Code.MACHINE_OUT_OF_SERVICE,
    State.FAULT: Code.OUTPUT_FAILED,
}

_SIGNALS = {
    State.FREE: Signal.READY,
    State.ASKING: Signal.ASKING,
    State.CHOOSING: Signal.READY,
    State.STARTING: Signal.ASKING,
    State.RUNNING: Signal.RUNNING,
    State.PAUSED: Signal.LOW,
    State.STOPPING: Signal.RUNNING,
    State.LOCKED: Signal.OFF,
    State.OUT_OF_SERVICE: Signal.OFF,
    State.FAULT: Signal.FAULT,
}


def machine_screen(
    state: ControllerState, machine: MachineState, moment: Moment, language: Language = ENGLISH
) -> Lines:
    """What a machine's display says."""
    if moment.mono_ms < machine.identify_until_ms:
        return (language.say("This one"), machine.id)
    if machine.notice is not None:
        return notice_lines(machine.notice, language)
    if machine.session is not None:
        return _session_lines(state, machine, moment, language)
    if state.alarm is not None:
        return why_lines(state.alarm.code, language)
    money = money_screen(state, machine, moment, language)
    return money or _resting_lines(state, machine, language)


def money_screen(
    state: ControllerState, machine: MachineState, moment: Moment, language: Language
) -> Lines:
    """What who pays in, or chooses something, reads; nothing while nobody does."""
    if machine.offer is not None:
        funds = language.amount(machine.offer.funds_minor, machine.offer.tariff.unit)
        return (language.say("Choose something"), language.say("{money} left", money=funds))
    return _money_lines(state, machine, moment, language)


def reader_screen(
    state: ControllerState, reader: ReaderState, language: Language = ENGLISH
) -> Lines:
    """What the display at a shared reader says."""
    say = language.say
    if reader.down:
        return (say("Reader not working"), say("Ask the staff"))
    if reader.notice is not None:
        return notice_lines(reader.notice, language)
    if state.alarm is not None:
        return why_lines(state.alarm.code, language)
    if reader.pending is not None:
        return (say("Card read"), say("Press a button"))
    if reader.chosen:
        machine = state.machines.get(reader.chosen)
        return (name_of(machine) if machine is not None else reader.chosen, say("Tap your card"))
    return (say("Press a button,"), say("then tap your card"))


def machine_signal(state: ControllerState, machine: MachineState, moment: Moment) -> Signal:
    """What a machine's lamps say."""
    if moment.mono_ms < machine.identify_until_ms:
        return Signal.ASKING
    if machine.notice is not None and machine.notice.code is not None:
        return Signal.REFUSED
    if state.alarm is not None and machine.session is None:
        return Signal.FAULT
    session = machine.session
    if machine.state is State.RUNNING and session is not None:
        left_minor = left_for(state, machine)
        if is_low(session, left_minor, state.policy.low_percent):
            return Signal.LOW
    return _SIGNALS[machine.state]


def reader_signal(state: ControllerState, reader: ReaderState) -> Signal:
    """What the lamps at a shared reader say."""
    if reader.down or state.alarm is not None:
        return Signal.FAULT
    if reader.notice is not None and reader.notice.code is not None:
        return Signal.REFUSED
    return Signal.ASKING if reader.pending is not None or reader.chosen else Signal.READY


def price_words(state: ControllerState, spec: Machine | None, language: Language = ENGLISH) -> str:
    """A machine's price in a few characters; empty when it is free or not known.

    Goods have prices of their own, at the vending machine.
    """
    if spec is None:
        return ""
    tariff = tariff_for(spec, None, state.tariffs)
    if tariff is None or is_free(spec):
        return ""
    parts = []
    if least_minor(tariff):
        parts.append(language.amount(least_minor(tariff), tariff.unit))
    measures = (tariff.time, tariff.quantity)
    parts += [
        _measure(tariff, m, language) for m in measures if m is not None and m.unit != PRICE_UNIT
    ]
    return " + ".join(parts)


def left_for(state: ControllerState, machine: MachineState) -> int:
    """What the card that uses a machine may still spend here; 0: nobody does."""
    entry = machine.session.entry if machine.session is not None else None
    if entry is None or entry.account not in state.accounts:
        return 0
    rights = state.accounts[entry.account]
    open_minor = state.open_minor(entry.account)
    left_minor = local_balance(rights, entry.floor_minor, open_minor).left_minor
    limit = state.limit_left(entry)
    return left_minor if limit is None else min(left_minor, limit)


def why_lines(code: Code, language: Language) -> Lines:
    """Why something isn't possible, and what to do."""
    return tuple(language.say(text) for text in WHY.get(code, _OTHERWISE))


def notice_lines(notice: Notice, language: Language) -> Lines:
    """What a person is told for a few seconds."""
    amount = language.amount(notice.amount_minor, notice.unit)
    if notice.code is None:
        nothing = language.say(notice.then or "Nothing charged")
        return (language.say(notice.words), amount if notice.amount_minor else nothing)
    why, *what = why_lines(notice.code, language)
    missing = (language.say("{money} missing", money=amount),) if notice.amount_minor else ()
    return (why, *missing, *what)


def name_of(machine: MachineState) -> str:
    """What people call a machine."""
    return machine.spec.name if machine.spec is not None else machine.id


def _session_lines(
    state: ControllerState, machine: MachineState, moment: Moment, language: Language
) -> Lines:
    session, say = machine.session, language.say
    assert session is not None
    if machine.state is State.PAUSED:
        return (say("Balance used up"), say("Top up to go on"))
    if session.finishing is not None:
        is_limit = session.finishing is Ended.LIMIT_REACHED
        return (say("Your limit is used" if is_limit else "Balance used up"), say("Finishing"))
    money = language.amount(session.charge_minor, session.unit)
    if machine.state is not State.RUNNING:
        starts = machine.state is State.STARTING
        return (name_of(machine), say("Starting…" if starts else "Stopping…"))
    if session.spec.mode is Mode.CYCLE:
        left_ms = session.started_ms + session.spec.cycle.duration_ms - moment.mono_ms
        return (
            say("Running {money}", money=money),
            say("{duration} left", duration=language.duration(left_ms)),
        )
    used = language.duration(total_time_ms(session.usage))
    quantity = total_quantity(session.usage)
    if quantity and machine.wiring.meter_unit:
        used = f"{used} {quantity} {machine.wiring.meter_unit}"
    left_minor = left_for(state, machine)
    if is_low(session, left_minor, state.policy.low_percent):
        left = language.amount(max(0, left_minor), session.unit)
        return (f"{money} {used}", say("Low: {money} left", money=left))
    return (f"{money} {used}", say("Tap to stop"))


def _resting_lines(state: ControllerState, machine: MachineState, language: Language) -> Lines:
    if machine.state in _AT_REST:
        lines = why_lines(_AT_REST[machine.state], language)
        reason = machine.spec.out_of_service if machine.spec is not None else ""
        reason = machine.retired or reason
        return (*lines, reason) if machine.state is State.OUT_OF_SERVICE and reason else lines
    if machine.state is State.ASKING:
        return (name_of(machine), language.say("Checking balance"))
    if machine.is_mode(Mode.REVALUE):
        return (name_of(machine), language.say("Tap, then pay in"))
    spec, name = machine.spec, name_of(machine)
    if spec is not None:
        program = find_program(spec, machine.program)
        spec, _ = with_program(spec, machine.program)
        name = program.name if program is not None else name
    price = price_words(state, spec, language)
    return (name, price or language.say("Tap your card"))


def _money_lines(
    state: ControllerState, machine: MachineState, moment: Moment, language: Language
) -> Lines:
    """What who pays in reads."""
    purse = machine.purse
    is_there = purse.entry is not None and moment.mono_ms < purse.until_ms
    if machine.state is not State.FREE or machine.spec is None:
        return ()
    if purse.holding:
        unit = unit_by_code(machine.spec.cash.unit, state.tariffs.values())
        money = language.amount(purse.held_minor, unit)
        return (language.say("{money} paid in", money=money), language.say("Tap your card"))
    if not is_there or purse.entry is None or not machine.is_mode(Mode.REVALUE):
        return ()
    unit = unit_by_code(purse.entry.unit, state.tariffs.values())
    left = language.amount(max(0, state.left_minor(purse.entry)), unit)
    words = "Put money in" if accepts(state, machine) else "No more money here"
    return (language.say(words), language.say("{money} left", money=left))


def _measure(tariff: Tariff, measure: Measure, language: Language) -> str:
    minor = measure.tiers[0].price_micros // tariff.unit.micros_per_minor
    price = language.amount(minor, tariff.unit)
    if measure is tariff.time:
        return f"{price}/{language.per(measure.per)}"
    per = "" if measure.per == 1 else f"{measure.per} "
    return f"{price}/{per}{measure.unit}"

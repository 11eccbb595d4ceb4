"""From the controller's state to what the screen says: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_agent.core.allowance import Rights, local_balance
from firmware_agent.core.display_text import (
    left_for,
    machine_screen,
    money_screen,
    name_of,
    notice_lines,
    price_words,
    why_lines,
)
from firmware_agent.core.ending import may_stop_early
from firmware_agent.core.judging import is_low
from firmware_agent.core.language import Language
from firmware_agent.core.model import (
    ControllerState,
    MachineState,
    Moment,
    Notice,
    ReaderState,
)
from firmware_agent.core.modes import find_program, with_program
from firmware_agent.core.paying import paying, unit_by_code, units_of
from firmware_agent.core.session import State
from firmware_agent.kiosk.board import Snapshot, Tile
from wire.downlink import CardEntry
from wire.errors import Code
from wire.machines import Mode
from wire.usage import total_quantity, total_time_ms


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands at the screen.

    Attributes:
        visit: Counts people.
        reader: Where they tapped.
        entry: Their card.
        rights: Of each account that the card pays from.
    """

    visit: int
    reader: str
    entry: CardEntry
    rights: tuple[Rights, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a screen is about.

    Attributes:
        machines: Ids of the machines that it shows.
        person: Who stands there; None: nobody.
        language: Spoken now.
    """

    machines: tuple[str, ...]
    person: Person | None
    language: Language


_BUSY = {
    State.ASKING: "Checking balance",
    State.CHOOSING: "Choose something",
    State.STARTING: "Starting…",
    State.STOPPING: "Stopping…",
    State.PAUSED: "Paused",
    State.RUNNING: "Running",
}
_AT_REST = {
    State.LOCKED: ("rest", "Locked by the staff"),
    State.OUT_OF_SERVICE: ("rest", "Out of service"),
    State.FAULT: ("fault", "Out of order"),
}


def draw(state: ControllerState, scene: Scene, moment: Moment) -> Snapshot:
    """Draw the screen."""
    shown = [state.machines[name] for name in scene.machines if name in state.machines]
    tone, headline, advice = _headline(state, shown, scene, moment)
    person = scene.person
    return Snapshot(
        language=scene.language.tag,
        tone=tone,
        headline=headline,
        advice=tuple(advice),
        balances=_balances(state, person, scene.language) if person is not None else (),
        visit=person.visit if person is not None else 0,
        is_offline=not state.online,
        can_type=person is not None and bool(typing_place(state, person.reader)),
        tiles=tuple(_tile(state, machine, scene, moment) for machine in shown),
    )


def typing_place(state: ControllerState, reader: str) -> str:
    """Id of a machine at which who tapped at `reader` types a code; empty: none."""
    at = (one.id for one in state.machines.values() if one.wiring.reader == reader)
    return next(at, "")


def _headline(
    state: ControllerState, shown: Sequence[MachineState], scene: Scene, moment: Moment
) -> tuple[str, str, Sequence[str]]:
    """Tone, headline and advice: the most urgent thing wins."""
    language = scene.language
    readers = [one for one in state.readers.values() if _serves(one, shown)]
    told = [*(one.notice for one in shown), *(one.notice for one in readers)]
    notice = _newest([one for one in told if one is not None])
    if notice is not None:
        first, *rest = notice_lines(notice, language)
        return ("bad" if notice.code is not None else "good", first, rest)
    if state.alarm is not None:
        first, *rest = why_lines(state.alarm.code, language)
        return ("bad", first, rest)
    if readers and all(reader.down for reader in readers):
        return ("bad", language.say("Reader not working"), [language.say("Ask the staff")])
    identified = [one for one in shown if moment.mono_ms < one.identify_until_ms]
    if identified:
        return ("ask", *_split(machine_screen(state, identified[0], moment, language)))
    for one in shown:
        lines = money_screen(state, one, moment, language)
        if lines:
            return ("ask", *_split(lines))
    return _invitation(state, shown, readers, scene)


def _invitation(
    state: ControllerState,
    shown: Sequence[MachineState],
    readers: Sequence[ReaderState],
    scene: Scene,
) -> tuple[str, str, Sequence[str]]:
    """What to do next, when nothing is wrong."""
    say = scene.language.say
    chosen = next((one.chosen for one in readers if one.chosen in state.machines), "")
    if chosen:
        name = name_of(state.machines[chosen])
        return ("ask", say("Tap your card"), [say("{machine} is chosen", machine=name)])
    if any(reader.pending is not None for reader in readers):
        return ("ask", say("Choose a machine"), [say("Card read")])
    if any(one.state in {State.ASKING, State.STARTING} for one in shown):
        return ("ask", say("Please wait"), [say("Checking balance")])
    if any(one.wiring.shared for one in shown):
        return ("calm", say("Choose a machine, then tap your card"), ())
    if len(shown) == 1 and shown[0].state is not State.FREE:
        return _at_the_only_one(shown[0], scene)
    return ("calm", say("Tap your card"), ())


def _at_the_only_one(machine: MachineState, scene: Scene) -> tuple[str, str, Sequence[str]]:
    say = scene.language.say
    rest = _AT_REST.get(machine.state)
    if rest is not None:
        code = {
            State.LOCKED: Code.MACHINE_LOCKED,
            State.OUT_OF_SERVICE: Code.MACHINE_OUT_OF_SERVICE,
        }.get(machine.state, Code.OUTPUT_FAILED)
        return ("bad", *_split(why_lines(code, scene.language)))
    if machine.state is State.PAUSED:
        return ("bad", say("Balance used up"), [say("Top up to go on")])
    if _may_stop(machine):
        return ("good", say("Running"), [say("Tap to stop")])
    return ("good", say(_BUSY[machine.state]), ())


def _tile(state: ControllerState, machine: MachineState, scene: Scene, moment: Moment) -> Tile:
    language = scene.language
    reader = state.readers.get(machine.wiring.reader)
    is_shared = machine.wiring.shared
    is_chosen = reader is not None and reader.chosen == machine.id
    if machine.state in _AT_REST:
        shape, status = _AT_REST[machine.state]
        return Tile(machine.id, name_of(machine), shape, language.say(status))
    if machine.state is State.FREE:
        status = language.say("Chosen" if is_chosen else "Free")
        price, program = _price_of(state, machine, language)
        action = "choose" if is_shared or program else ""
        lines = (*program, price)
        return Tile(
            machine.id, name_of(machine), "free", status, lines, action, is_chosen=is_chosen
        )
    lines, low = _use_lines(state, machine, scene, moment)
    action = "stop" if _may_stop(machine) else ""
    status = language.say("Chosen" if is_chosen else _BUSY[machine.state])
    shape = "low" if low or machine.state is State.PAUSED else "busy"
    return Tile(machine.id, name_of(machine), shape, status, lines, action, is_chosen=is_chosen)


def _price_of(
    state: ControllerState, machine: MachineState, language: Language
) -> tuple[str, tuple[str, ...]]:
    """What use of a machine costs, and the name of the program that is chosen."""
    if machine.is_mode(Mode.REVALUE):
        return language.say("Tap, then pay in"), ()
    spec = machine.spec
    if spec is None:
        return language.say("Free of charge"), ()
    program = find_program(spec, machine.program)
    price = price_words(state, with_program(spec, machine.program)[0], language)
    named = (program.name,) if program is not None else ()
    return price or language.say("Free of charge"), named


def _use_lines(
    state: ControllerState, machine: MachineState, scene: Scene, moment: Moment
) -> tuple[tuple[str, ...], bool]:
    """Cost so far, and time or money left; whether it runs low.

    Money left is told to who uses the machine: at a screen of its own, or while their
    card is shown; otherwise only once it runs low.
    """
    session, language = machine.session, scene.language
    if session is None or machine.state not in {State.RUNNING, State.PAUSED}:
        return (), False
    lines = [
        language.say(
            "So far {money}",
            money=language.amount(session.charge_minor, session.unit, grouped=True),
        )
    ]
    if session.spec.mode is Mode.CYCLE:
        left_ms = session.started_ms + session.spec.cycle.duration_ms - moment.mono_ms
        lines.append(language.say("{duration} left", duration=language.duration(left_ms)))
        return tuple(lines), False
    used = language.duration(total_time_ms(session.usage))
    quantity = total_quantity(session.usage)
    if quantity and machine.wiring.meter_unit:
        used = f"{used}, {quantity} {machine.wiring.meter_unit}"
    lines.append(used)
    left_minor = max(0, left_for(state, machine))
    low = is_low(session, left_minor, state.policy.low_percent)
    person = scene.person
    is_theirs = person is not None and person.entry.account == machine.account
    if session.tariff is not None and (low or is_theirs or len(scene.machines) == 1):
        left = language.amount(left_minor, session.unit, grouped=True)
        lines.append(language.say("{money} left", money=left))
    return tuple(lines), low


def _balances(state: ControllerState, person: Person, language: Language) -> tuple[str, ...]:
    """What a card may spend here now, in each of its units; purses without money are left out."""
    held = {rights.account: rights for rights in person.rights} | dict(state.accounts)
    lines = []
    for unit in units_of(person.entry):
        purse = paying(person.entry, unit)
        if purse is None or purse.account not in held:
            continue
        balance = local_balance(
            held[purse.account], purse.floor_minor, state.open_minor(purse.account)
        )
        left_minor = max(0, balance.left_minor)
        limit = state.limit_left(purse)
        if limit is not None:
            left_minor = max(0, min(left_minor, limit))
        if left_minor or unit == person.entry.unit:
            known = unit_by_code(unit, state.tariffs.values())
            lines.append(language.amount(left_minor, known, grouped=True))
    return tuple(lines)


def _may_stop(machine: MachineState) -> bool:
    """Whether its user may end it."""
    session = machine.session
    running = machine.state in {State.RUNNING, State.PAUSED}
    return running and session is not None and may_stop_early(session.spec)


def _serves(reader: ReaderState, shown: Sequence[MachineState]) -> bool:
    return any(machine.wiring.reader == reader.id for machine in shown)


def _newest(notices: Sequence[Notice]) -> Notice | None:
    return max(notices, key=lambda notice: notice.until_ms, default=None)


def _split(lines: Sequence[str]) -> tuple[str, Sequence[str]]:
    return lines[0], lines[1:]

"""Plays a scenario at one controller of a bench that runs, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from simulator.bench.deeds import Form, Seen
from simulator.bench.layout import Part, Table
from simulator.bench.system import BenchSystem
from simulator.errors import HubRefusedError, SimulatorError, TooSlowError
from simulator.scenarios.model import (
    Book,
    Do,
    Journal,
    Pause,
    Scenario,
    See,
    Step,
    Wanted,
)
from simulator.scenarios.reading import builtin
from simulator.system.journals import JournalView
from simulator.waiting import wait_for
from wire.errors import Code
from wire.events import AnyEvent, Boot, MachineFault, UnknownEvent

LOOK_EVERY_S = 0.02
READ_EVERY_S = 0.06
"""The journal is a file: reading it takes longer than a look."""
ASK_EVERY_S = 0.15
"""The hub is asked no oftener."""
GONE_S = 0.12
"""A reader needs two looks to see that a card is gone."""
IDLE_S = 2.5
"""A machine that was told to stop has stopped by then; longer, its controller starts anew."""
SOUND_S = 1.5
"""A part that is as new is found to be so within a second; an output is tried again after
more, and a new start is quicker."""
READY_S = 20.0
NEWS_MAX = 4
"""So many events say what happened; more nobody reads in a line."""
_MS_PER_S = 1_000

_GONE = frozenset({Code.READER_DOWN, Code.OUTPUT_FAILED, Code.ACCEPTOR_DOWN, Code.METER_SILENT})

T = TypeVar("T")


class StepFailedError(SimulatorError):
    """Raised when what a step expects didn't come.

    Args:
        step: Which.
        why: What was seen in its place.
    """

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(f"line {step.line}: {why}")


class Lane:
    """A controller at which one scenario after another is played.

    Args:
        system: The bench.
        table: Its parts.
        controller: Which.
    """

    def __init__(self, system: BenchSystem, table: Table, controller: str) -> None:
        self.system = system
        self.controller = controller
        self._table = table
        plan = next(plan for plan in system.site.controllers if plan.id == controller)
        self.prefix = plan.wired.prefix if plan.wired is not None else ""

    def play(self, scenario: Scenario) -> None:
        """Play a scenario whose people are known, and tidy up after it.

        Raises:
            SimulatorError: What had to follow didn't; says which line and what was seen.
        """
        try:
            _Play(self, scenario).run()
        finally:
            self.tidy()

    def part(self, name: str) -> Part:
        """Find a part."""
        return self._table.find(self.controller, name)

    def tidy(self) -> None:
        """Make everything as new, and end what runs."""
        for part in self._table.controllers[self.controller].values():
            part.place.kind.mend(part.target)
        self.wait_ready()
        for name, part in self._table.controllers[self.controller].items():
            if part.place.kind.name == "machine" and part.see()["relay"] == "closed":
                self.part("hub").do("stop", {"machine": name})
        try:
            wait_for("no session is open", self._is_idle, IDLE_S)
            wait_for("no part is gone", self._is_sound, SOUND_S)
        except TooSlowError:
            self._start_anew()

    def wait_ready(self) -> None:
        """Wait until the agent holds its pins and looks for cards."""
        power = self.part("power")
        wait_for("the controller is ready", lambda: power.see()["ready"] == "yes", READY_S)
        chips = self.system.world.controller(self.controller).readers.values()
        looks = {chip: chip.looks for chip in chips}
        for chip, before in looks.items():
            wait_for("readers look", lambda chip=chip, before=before: chip.looks > before, READY_S)  # type: ignore[misc]  # bound now

    def _is_idle(self) -> bool:
        return not self.system.rigs[self.controller].journal().open_sessions

    def _is_sound(self) -> bool:
        """Whether no part that the next one needs is still found to be gone."""
        faults: dict[tuple[str, int], bool] = {}
        for event in self.system.rigs[self.controller].journal().events:
            if isinstance(event, MachineFault) and event.code in _GONE:
                faults[event.machine, event.code] = event.cleared
            elif isinstance(event, Boot):
                faults.clear()
        return all(faults.values())

    def _start_anew(self) -> None:
        power, rig = self.part("power"), self.system.rigs[self.controller]
        power.do("cut", {})
        before = rig.journal().last_seq
        power.do("restore", {})
        wait_for("it has booted", lambda: _has_booted(rig.journal(), before), READY_S)
        self.wait_ready()
        wait_for("what was open is settled", self._is_idle, READY_S)


def card_name(scenario: Scenario, name: str) -> str:
    """A card's name at the bench: scenarios don't share cards."""
    return f"{scenario.name}.{name}"


def account_name(scenario: Scenario, name: str) -> str:
    """A person's account."""
    return f"{scenario.name}-{name}".replace("_", "-").lower()


class _Play:
    """One scenario being played."""

    def __init__(self, lane: Lane, scenario: Scenario) -> None:
        self._lane = lane
        self._scenario = scenario
        self._rig = lane.system.rigs[lane.controller]
        self._after_seq = self._rig.journal().last_seq
        self._began_ms = time.time_ns() // 1_000_000

    def run(self) -> None:
        for step in self._scenario.steps:
            match step:
                case Do():
                    self._do(step)
                case See():
                    self._see(step)
                case Journal():
                    self._journal(step)
                case Book():
                    self._book(step)
                case Pause():
                    time.sleep(step.pause_ms / _MS_PER_S)

    def _do(self, step: Do) -> None:
        part = self._lane.part(step.part)
        if step.deed == "tap":
            # Whoever comes next waits until the one before has taken the card away.
            wait_for("the reader is empty", lambda: not part.see().get("cards"), READY_S)
            time.sleep(GONE_S)
        try:
            part.do(step.deed, self._form(part, step))
        except SimulatorError as error:
            raise StepFailedError(step, str(error)) from None

    def _form(self, part: Part, step: Do) -> Form:
        """Cards are called otherwise at the bench: each scenario has its own."""
        names = {
            each.name for each in part.place.kind.deed(step.deed).fields if each.kind == "card"
        }
        if part.place.kind.name == "cards":
            names.add("name")
        own = self._scenario
        return {
            name: card_name(own, value) if name in names else value
            for name, value in step.form.items()
        }

    def _see(self, step: See) -> None:
        part = self._lane.part(step.part)

        def look() -> Seen:
            return part.see()[step.name]

        wanted = step.wanted.since(look())
        seen = _until(look, wanted.holds, step.within_ms, LOOK_EVERY_S)
        what = f"{step.name} of {step.part}"
        if not wanted.holds(seen):
            took = f"after {step.within_ms} ms"
            raise StepFailedError(
                step,
                f"{what} is {seen!r}, not {wanted.words()}, {took}; the journal has {self._news()}",
            )
        if not step.for_ms:
            return  # a lamp that blinks was seen
        seen = _until(look, lambda value: not wanted.holds(value), step.for_ms, LOOK_EVERY_S)
        if not wanted.holds(seen):
            raise StepFailedError(step, f"{what} became {seen!r} within {step.for_ms} ms")

    def _journal(self, step: Journal) -> None:
        def count() -> int:
            return len(self._found(step))

        if step.times == 0:
            # What must not happen gets the time to happen.
            seen = _until(count, bool, step.within_ms, READ_EVERY_S)
        else:
            wanted = step.times or 1
            seen = _until(count, lambda found: found >= wanted, step.within_ms, READ_EVERY_S)
        if seen != step.times if step.times is not None else not seen:
            there = self._said(step.kind)
            times = "once or more" if step.times is None else f"{step.times} times"
            told = {name: wanted.words() for name, wanted in step.match.items()}
            raise StepFailedError(
                step, f"{step.kind} {told or ''} should be in the journal {times}; it has {there}"
            )

    def _found(self, step: Journal) -> list[AnyEvent | UnknownEvent]:
        return [
            event
            for event in self._rig.journal().after(self._after_seq)
            if _kind(event) == step.kind
            and all(
                self._expected(name, wanted.how, wanted.value, builtin(getattr(event, name)))
                for name, wanted in step.match.items()
            )
        ]

    def _expected(self, name: str, how: str, value: Seen, seen: Seen) -> bool:
        if name == "machine" and value:
            value = f"{self._lane.prefix}{value}"
        elif name == "account" and value:
            value = account_name(self._scenario, str(value))
        elif name == "code" and isinstance(value, str):
            value = int(Code[value])
        return Wanted(how, value).holds(seen)

    def _news(self) -> str:
        """What the journal has since the scenario began, for people."""
        news = self._rig.journal().after(self._after_seq)
        told = [_brief(event) for event in news if _kind(event) != "session_progress"]
        return "; ".join(told[-NEWS_MAX:]) or "nothing new"

    def _said(self, kind: str) -> str:
        """What the journal has instead, for people."""
        news = self._rig.journal().after(self._after_seq)
        same = [event for event in news if _kind(event) == kind]
        return "; ".join(_brief(event) for event in same[-NEWS_MAX:]) or self._news()

    def _book(self, step: Book) -> None:
        seen = _until(lambda: self._ask(step), step.wanted.holds, step.within_ms, ASK_EVERY_S)
        if not step.wanted.holds(seen):
            raise StepFailedError(
                step, f"{step.what} of {step.of} at the hub is {seen!r}, not {step.wanted.words()}"
            )

    def _ask(self, step: Book) -> int:
        api = self._lane.system.api
        if step.what == "alarm":
            return sum(
                alarm["code"] == int(Code[step.of]) and alarm["last_ms"] >= self._began_ms
                for alarm in api.pages("/alarms")
                if alarm["controller"] == self._lane.controller
            )
        if step.what == "charged":
            machine = f"{self._lane.prefix}{step.of}"
            sessions = [
                event.session
                for event in self._rig.journal().started()
                if event.machine == machine and event.seq > self._after_seq
            ]
            if not sessions:
                return -1
            try:
                return int(api.get(f"/sessions/{sessions[-1]}").get("charge_minor") or 0)
            except HubRefusedError:
                return -1  # it doesn't know it yet
        balance = api.get(f"/accounts/{account_name(self._scenario, step.of)}/balance")
        if step.what == "wallet":
            # What stands ready at a machine is still theirs.
            return int(balance["wallet_minor"]) + int(balance["held_minor"])
        return int(balance[f"{step.what}_minor"])


def _until(
    look: Callable[[], T], is_enough: Callable[[T], object], within_ms: int, every_s: float
) -> T:
    """Look until it's enough or the time is up; gives what was seen last."""
    until = time.monotonic() + within_ms / _MS_PER_S
    while True:
        seen = look()
        if is_enough(seen) or time.monotonic() >= until:
            return seen
        time.sleep(every_s)


def _has_booted(journal: JournalView, after_seq: int) -> bool:
    return any(isinstance(event, Boot) for event in journal.after(after_seq))


def _kind(event: AnyEvent | UnknownEvent) -> str:
    return str(event.__struct_config__.tag or "unknown")


def _brief(event: AnyEvent | UnknownEvent) -> str:
    skipped = {"seq", "at", "epoch", "controller", "totals", "started", "ended", "tariff_version"}
    told = (
        f"{name}={builtin(getattr(event, name))}"
        for name in event.__struct_fields__
        if name not in skipped and getattr(event, name) not in ("", 0, None)
    )
    return f"{_kind(event)} {' '.join(told)}"

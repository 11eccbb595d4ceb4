"""`standpipe-sim scenario`: sets benches up, plays scenarios side by side, says how they went."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from queue import Empty, Queue

import msgspec

from simulator.bench.bench_file import load_bench
from simulator.bench.cards import BenchCard
from simulator.bench.keyed_cards import KEYED, keyed_card
from simulator.bench.layout import Table
from simulator.bench.system import BenchSystem
from simulator.errors import SimulatorError
from simulator.parts.tags import Tag, make_tag
from simulator.scenarios.model import Person, Scenario
from simulator.scenarios.play import Lane, account_name, card_name
from simulator.scenarios.reading import paths_of, read_all

LANES = 4
"""Controllers side by side: scenarios mostly wait."""
FOB_UID_BYTES = 4
BOOK = "the hub's book"
"""In the place of a scenario's name, when what all of them left there doesn't add up."""
NXP = b"\x04"

Tell = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario went.

    Attributes:
        name: Its name.
        outcome: "passed", "failed" or "skipped".
        reason: Why it failed or was skipped; empty: it passed.
        seconds: How long it took; 0: it wasn't played.
    """

    name: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0


def run_scenarios(names: tuple[str, ...], *, lanes: int, as_json: bool) -> int:
    """Play scenarios, by name or path; none: all that ship.

    Returns:
        The exit code: 0 when none failed.

    Raises:
        SimulatorError: A file is wrong, or a bench doesn't start.
    """
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", file=sys.stderr, flush=True)

    outcomes = play_all(read_all(paths_of(names)), tell, lanes)
    if as_json:
        print(msgspec.json.encode(outcomes).decode())
    else:
        print(in_words(outcomes))
    return 1 if any(each.outcome == "failed" for each in outcomes) else 0


def list_scenarios() -> str:
    """Say which scenarios ship, a line each.

    Raises:
        ScenarioFaultsError: One of them is wrong.
    """
    found = read_all(paths_of(()))
    width = max((len(each.name) for each in found), default=0)
    return "\n".join(f"{each.name:{width}}  {each.about}" for each in found)


def play_all(
    scenarios: tuple[Scenario, ...], tell: Tell = lambda _: None, lanes: int = LANES
) -> tuple[Outcome, ...]:
    """Play scenarios, those of a bench side by side.

    Raises:
        SimulatorError: A bench doesn't start.
    """
    done = {each.name: skipped for each in scenarios if (skipped := _skip(each)) is not None}
    benches: dict[str, list[Scenario]] = {}
    for each in scenarios:
        if each.name not in done:
            benches.setdefault(each.bench, []).append(each)
    progress = _Progress(tell, len(scenarios))
    for outcome in done.values():
        progress(outcome)
    for folder, played in benches.items():
        tell(f"setting up the bench {Path(folder).name}")
        for outcome in _play_bench(Path(folder), played, lanes, progress):
            done[outcome.name] = outcome
    names = [*(each.name for each in scenarios), *({BOOK} & done.keys())]
    return tuple(done[name] for name in names)


def in_words(outcomes: tuple[Outcome, ...]) -> str:
    """Say how it went."""
    counts = {
        word: sum(each.outcome == word for each in outcomes)
        for word in ("passed", "failed", "skipped")
    }
    lines = [f"{each.outcome:8} {each.name}: {each.reason}" for each in outcomes if each.reason]
    return "\n".join([*lines, ", ".join(f"{number} {word}" for word, number in counts.items())])


class _Progress:
    """Says each outcome as it comes."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell = tell
        self._total = total
        self._numbers = count(1)

    def __call__(self, outcome: Outcome) -> None:
        number = next(self._numbers)
        why = f": {outcome.reason}" if outcome.reason else ""
        took = f" ({outcome.seconds:.1f} s)" if outcome.seconds else ""
        self._tell(f"{number}/{self._total} {outcome.outcome} {outcome.name}{took}{why}")


def _skip(scenario: Scenario) -> Outcome | None:
    missing = [name for name in scenario.needs if shutil.which(name) is None]
    if not missing:
        return None
    reason = f"{', '.join(missing)} isn't installed"
    return Outcome(name=scenario.name, outcome="skipped", reason=reason)


def _play_bench(
    folder: Path, scenarios: list[Scenario], lanes: int, progress: _Progress
) -> list[Outcome]:
    several = max(1, min(lanes, len(scenarios)))
    names = ("bench",) if several == 1 else tuple(f"lane-{n}" for n in range(1, several + 1))
    with tempfile.TemporaryDirectory(prefix="standpipe-", ignore_cleanup_errors=True) as data:
        system = BenchSystem(load_bench(folder), Path(data), names)
        try:
            system.start()
            _admit_all(system, scenarios)
            table = Table(system)
            waiting: Queue[Scenario] = Queue()
            for each in scenarios:
                waiting.put(each)
            with ThreadPoolExecutor(several) as crew:
                lanes_played = [
                    crew.submit(_play_lane, Lane(system, table, name), waiting, progress)
                    for name in names
                ]
                outcomes = [outcome for lane in lanes_played for outcome in lane.result()]
            return [*outcomes, *_book(system, progress)]
        finally:
            system.stop()


def _book(system: BenchSystem, progress: _Progress) -> list[Outcome]:
    """Whatever was played, the hub's whole book must add up."""
    faults = system.hub.faults()
    if not faults:
        return []
    outcome = Outcome(name=BOOK, outcome="failed", reason="; ".join(map(str, faults)))
    progress(outcome)
    return [outcome]


def _play_lane(lane: Lane, waiting: Queue[Scenario], progress: _Progress) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while True:
        try:
            scenario = waiting.get_nowait()
        except Empty:
            return outcomes
        began = time.monotonic()
        reason = ""
        try:
            lane.play(scenario)
        except SimulatorError as error:
            reason = str(error)
        outcome = Outcome(
            name=scenario.name,
            outcome="failed" if reason else "passed",
            reason=reason,
            seconds=round(time.monotonic() - began, 3),
        )
        outcomes.append(outcome)
        progress(outcome)


def _admit_all(system: BenchSystem, scenarios: Iterable[Scenario]) -> None:
    """Open everybody's account before anything is played: lists are told once."""
    people = [(each, person) for each in scenarios for person in each.people]
    with ThreadPoolExecutor(4) as crew:
        list(crew.map(lambda args: _admit(system, *args), _numbered(people)))
    system.wait_listed()


def _numbered(
    people: list[tuple[Scenario, Person]],
) -> Iterable[tuple[int, Scenario, Person]]:
    return ((number, scenario, person) for number, (scenario, person) in enumerate(people, 1))


def _admit(system: BenchSystem, number: int, scenario: Scenario, person: Person) -> None:
    level = KEYED.get(person.card, 0)
    tag = _tag(number, person)
    card = BenchCard(card_name(scenario, person.name), person.name, tag, level=level)
    if person.paid_minor is None:
        system.box.add(card)
        return
    system.admit(
        card,
        account_name(scenario, person.name),
        paid_minor=person.paid_minor,
        permissions=person.permissions,
    )


def _tag(number: int, person: Person) -> Tag:
    length = FOB_UID_BYTES if person.card == "uid" else 7
    uid = NXP + number.to_bytes(length - 1, "big")
    if person.card in KEYED:
        return keyed_card(person.card, uid, random.Random(number))
    return make_tag(person.card, uid, random.Random(number))

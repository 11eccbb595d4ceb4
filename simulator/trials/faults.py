"""What goes wrong in a trial, and when: drawn ahead, each fault from a stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from simulator.trials.town import NUMBER_MAX

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
STRENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that goes wrong.

    Attributes:
        fault: Its name.
        number: How many of its name came before.
        at_ms: When it begins, after the beginning of the run.
        lasts_ms: For how long; what is broken for good is mended by then.
        target: A number that says where, when it begins.
        strength: How bad it is, 1 to `STRENGTH_MAX`.
    """

    fault: str
    number: int
    at_ms: int
    lasts_ms: int
    target: int
    strength: int


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a fault comes, and for how long.

    Attributes:
        gap_ms: From the end of one to the beginning of the next, on average.
        lasts_ms_min: Shortest.
        lasts_ms_max: Longest.
    """

    gap_ms: int
    lasts_ms_min: int
    lasts_ms_max: int


HABITS: dict[str, Habit] = {
    "loss": Habit(30 * MINUTE_MS, MINUTE_MS, 40 * MINUTE_MS),
    "duplication": Habit(30 * MINUTE_MS, MINUTE_MS, 40 * MINUTE_MS),
    "delay": Habit(30 * MINUTE_MS, MINUTE_MS, 40 * MINUTE_MS),
    "reordering": Habit(30 * MINUTE_MS, MINUTE_MS, 40 * MINUTE_MS),
    "partition": Habit(30 * MINUTE_MS, MINUTE_MS, 60 * MINUTE_MS),
    "broker_restart": Habit(90 * MINUTE_MS, 5 * SECOND_MS, 5 * MINUTE_MS),
    "hub_crash": Habit(40 * MINUTE_MS, 5 * SECOND_MS, 20 * MINUTE_MS),
    "agent_crash": Habit(40 * MINUTE_MS, SECOND_MS, 10 * MINUTE_MS),
    "power_cut": Habit(30 * MINUTE_MS, 5 * SECOND_MS, 20 * MINUTE_MS),
    "disk_full": Habit(90 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS),
    "torn_page": Habit(3 * HOUR_MS, 5 * SECOND_MS, 10 * MINUTE_MS),
    "flipped_bit": Habit(3 * HOUR_MS, 5 * SECOND_MS, 10 * MINUTE_MS),
    "lost_tail": Habit(3 * HOUR_MS, 5 * SECOND_MS, 10 * MINUTE_MS),
    "restored_image": Habit(3 * HOUR_MS, 30 * SECOND_MS, 30 * MINUTE_MS),
    "cloned_image": Habit(4 * HOUR_MS, 5 * MINUTE_MS, 60 * MINUTE_MS),
    "clock_jump": Habit(60 * MINUTE_MS, MINUTE_MS, 30 * MINUTE_MS),
    "clock_drift": Habit(60 * MINUTE_MS, 5 * MINUTE_MS, 60 * MINUTE_MS),
    "no_rtc": Habit(90 * MINUTE_MS, 5 * SECOND_MS, 20 * MINUTE_MS),
    "reader": Habit(60 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS),
    "meter": Habit(60 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS),
    "relay": Habit(60 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS),
    "feedback": Habit(60 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS),
    "cloned_card": Habit(60 * MINUTE_MS, MINUTE_MS, 30 * MINUTE_MS),
}
"""Every fault. Gaps are such that each comes in most runs of four hours, and that a
controller is whole and reachable for about half of the time."""


def draw_faults(
    stream: Callable[[str], Random], names: frozenset[str], until_ms: int
) -> tuple[Occurrence, ...]:
    """Everything that goes wrong before `until_ms`, in the order in which it begins.

    Leaving a name out, or ending earlier, changes nothing about what else comes.

    Args:
        stream: Gives the stream of a name.
        names: Which faults there are.
        until_ms: When everything is mended.
    """
    found = [
        occurrence
        for name, habit in HABITS.items()
        if name in names
        for occurrence in _draw(name, habit, stream(f"fault/{name}"), until_ms)
    ]
    places = {name: place for place, name in enumerate(HABITS)}
    return tuple(sorted(found, key=lambda one: (one.at_ms, places[one.fault], one.number)))


def _draw(name: str, habit: Habit, stream: Random, until_ms: int) -> Iterator[Occurrence]:
    number, at_ms = 0, stream.randint(0, 2 * habit.gap_ms)
    while at_ms < until_ms:
        lasts_ms = stream.randint(habit.lasts_ms_min, habit.lasts_ms_max)
        target, strength = stream.randrange(NUMBER_MAX), stream.randint(1, STRENGTH_MAX)
        yield Occurrence(name, number, at_ms, lasts_ms, target, strength)
        number, at_ms = number + 1, at_ms + lasts_ms + stream.randint(1, 2 * habit.gap_ms)

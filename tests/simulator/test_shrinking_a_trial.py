"""Shrinking keeps what a failure needs, drops the rest, and knows when to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.errors import SetupError
from simulator.trials.options import ACTORS, FAULTS, Options
from simulator.trials.shrink import TICKS_MIN, shrink
from simulator.trials.words import choose, command_of

WHOLE = Options(seed=56)


def test_only_what_a_failure_needs_is_left():
    def fails(options):
        return {"loss", "hub_crash"} <= options.faults and options.controllers >= 2

    shrunk = shrink(WHOLE, fails, trials_max=10_000)

    assert shrunk.is_least
    assert shrunk.options.faults == {"loss", "hub_crash"}
    assert shrunk.options.actors == frozenset()
    assert shrunk.options.controllers == 2
    assert shrunk.options.ticks < 2 * TICKS_MIN
    assert shrunk.options.seed == 56


def test_it_ends_when_its_trials_are_used_up_with_the_smallest_found():
    asked = []

    def fails(options):
        asked.append(options)
        return "meter" in options.faults

    shrunk = shrink(WHOLE, fails, trials_max=7)

    assert len(asked) == shrunk.trials == 7
    assert not shrunk.is_least
    assert len(set(asked)) == 7
    assert "meter" in shrunk.options.faults


def test_a_failure_that_needs_everything_stays_as_it_is():
    shrunk = shrink(WHOLE, lambda _: False, trials_max=10_000)

    assert shrunk.options == WHOLE
    assert shrunk.is_least


@pytest.mark.parametrize(
    "options",
    [
        WHOLE,
        replace(WHOLE, ticks=30, controllers=1),
        replace(WHOLE, faults=frozenset({"loss"})),
        replace(WHOLE, faults=frozenset(FAULTS) - {"loss", "meter"}),
        replace(WHOLE, faults=frozenset(), actors=frozenset({"people"})),
        replace(WHOLE, actors=frozenset()),
    ],
    ids=["whole", "short", "one fault", "all but two", "no faults", "nobody"],
)
def test_a_command_says_the_same_as_the_options(options):
    words = command_of(options).split()[2:]
    given = dict.fromkeys(("--only", "--without"), ())
    numbers = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name in given:
            given[name] = (*given[name], value)
        else:
            numbers[name.removeprefix("--").replace("-", "_")] = int(value)

    chosen = choose(given["--only"], given["--without"])

    assert Options(**numbers, **chosen) == options


def test_an_unknown_fault_is_named_with_those_that_there_are():
    with pytest.raises(SetupError, match="rain") as caught:
        choose(["rain"], [])

    assert all(name in str(caught.value) for name in (*FAULTS, *ACTORS))

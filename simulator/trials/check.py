"""`standpipe-sim check`: runs trials, and says what came of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from simulator.trials.campaign import Campaign, run_many
from simulator.trials.coverage import table
from simulator.trials.options import Options
from simulator.trials.progress import Progress
from simulator.trials.shrink import TRIALS_MAX, Shrunk, shrink
from simulator.trials.story import tell, tell_breach, tell_money
from simulator.trials.trial import Outcome, run_trial
from simulator.trials.words import command_of

BREACHES_SHOWN_MAX = 20
"""One fault of the program often breaks many rules at once; the first ones tell most."""
FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is asked for.

    Attributes:
        options: Of the trial, or of the first of several.
        runs: How many, of consecutive seeds.
        workers: Processes for several; 0: one for each processor.
        replay: Run it twice, and compare.
        explain: Tell its story.
        shrinks: Look for a smaller trial that fails, too.
        as_json: Print one object instead of words.
    """

    options: Options
    runs: int = 1
    workers: int = 0
    replay: bool = False
    explain: bool = False
    shrinks: bool = True
    as_json: bool = False


def check(asked: Check) -> int:
    """Run what is asked for and print what came of it; returns the exit code."""
    if asked.runs > 1:
        return _check_many(asked)
    outcome = run_trial(asked.options)
    again = run_trial(asked.options) if asked.replay else outcome
    shrunk = _shrink(asked, outcome) if outcome.is_failure else None
    differs = "" if again.digest == outcome.digest else first_difference(outcome, again)
    if asked.as_json:
        _print_json(outcome_as_dict(outcome, shrunk) | {"replay_differs": differs})
    else:
        for line in _report(asked, outcome, shrunk, differs):
            print(line)
    return FAILED if outcome.is_failure or differs else 0


def first_difference(one: Outcome, other: Outcome) -> str:
    """Where two runs of the same options part."""
    for place, (left, right) in enumerate(zip(one.facts, other.facts, strict=False)):
        if left != right:
            return f"fact {place}: {left} and then {right}"
    if len(one.facts) != len(other.facts):
        return f"{len(one.facts)} facts and then {len(other.facts)}"
    return "the facts are the same, the databases aren't"


def outcome_as_dict(outcome: Outcome, shrunk: Shrunk | None = None) -> dict[str, Any]:
    """An outcome for programs."""
    found: dict[str, Any] = {
        "seed": outcome.options.seed,
        "digest": outcome.digest,
        "failed": outcome.is_failure,
        "way": outcome.way,
        "breaches": [
            {"invariant": breach.invariant.value, "words": breach.words, "at_ms": breach.at_ms}
            for breach in outcome.breaches
        ],
        "unsettled": list(outcome.unsettled),
        "error": outcome.error,
        "command": command_of(outcome.options),
        "coverage": outcome.coverage.as_dict(),
    }
    if shrunk is not None:
        found["smallest"] = command_of(shrunk.options)
    return found


def _check_many(asked: Check) -> int:
    progress = Progress(asked.runs, "seeds")

    def done(found: Campaign) -> None:
        progress.advance("one failed" if found.failed is not None else "")

    try:
        found = run_many(asked.options, asked.runs, asked.workers, done)
    finally:
        progress.close()
    shrunk = _shrink(asked, found.failed) if found.failed is not None else None
    if asked.as_json:
        _print_json(
            {
                "runs": found.runs,
                "failed": None if found.failed is None else outcome_as_dict(found.failed, shrunk),
                "controller_hours": found.hours,
                "coverage": found.coverage.as_dict(),
            }
        )
    else:
        print(f"{found.runs:,} trials held, {found.hours:,.0f} controller-hours")
        if found.failed is not None:
            print("\n".join(_failure(found.failed, shrunk)))
        print("\n".join(table(found.coverage)))
    return 0 if found.failed is None else FAILED


def _report(asked: Check, outcome: Outcome, shrunk: Shrunk | None, differs: str) -> Iterator[str]:
    if asked.explain:
        yield from tell(outcome.facts, outcome.breaches)
        yield from tell_money(outcome.moved, outcome.kept)
    if outcome.is_failure:
        yield from _failure(outcome, shrunk)
    else:
        yield f"seed {outcome.options.seed} held: digest {outcome.digest}"
    if asked.replay:
        yield f"the second run differs: {differs}" if differs else "the second run is the same"
    if not asked.explain:
        yield from table(outcome.coverage)


def _failure(outcome: Outcome, shrunk: Shrunk | None) -> Iterator[str]:
    yield f"seed {outcome.options.seed} failed: {outcome.way}"
    yield from (f"  {tell_breach(one)}" for one in outcome.breaches[:BREACHES_SHOWN_MAX])
    more = len(outcome.breaches) - BREACHES_SHOWN_MAX
    if more > 0:
        yield f"  and {more} more"
    yield from (f"  not settled in the end: {words}" for words in outcome.unsettled)
    if outcome.error:
        yield outcome.error
    yield f"repeat it:   {command_of(outcome.options)} --explain"
    if shrunk is not None and shrunk.options != outcome.options:
        whole = "" if shrunk.is_least else ", and there was no time to look for a smaller one"
        yield f"smaller:     {command_of(shrunk.options)} --explain"
        yield f"             (found in {shrunk.trials} trials{whole})"


def _shrink(asked: Check, outcome: Outcome) -> Shrunk | None:
    if not asked.shrinks:
        return None
    progress = Progress(TRIALS_MAX, "trials at most to find a smaller one")
    try:
        return shrink(outcome.options, _fails_alike(outcome, progress.advance))
    finally:
        progress.close()


def _fails_alike(outcome: Outcome, tried: Callable[[], None]) -> Callable[[Options], bool]:
    def fails(options: Options) -> bool:
        ways = run_trial(replace(options)).ways
        tried()
        return outcome.way in ways

    return fails


def _print_json(found: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")

"""Finds a smaller trial that fails in the same way: less to read for whoever looks for the fault.

Pure: the caller runs the trials. What is random is drawn by name, so that taking one
fault or actor away leaves the others as they were; a trial that fails without something
didn't need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from simulator.trials.options import Options

TRIALS_MAX = 60
"""As many trials as a minute or two has room for. What is found until then is kept."""
TICKS_MIN = 5
"""Below this nothing has time to happen."""

Fails = Callable[[Options], bool]
"""Runs a trial and says whether it fails in the way that is looked for."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What came of it.

    Attributes:
        options: The smallest trial found that fails.
        trials: How many were run.
        is_least: Whether nothing more can be taken away; else there was no time to try.
    """

    options: Options
    trials: int
    is_least: bool


def shrink(options: Options, fails: Fails, trials_max: int = TRIALS_MAX) -> Shrunk:
    """Take away what isn't needed for a failure: faults, actors, ticks, controllers, accounts.

    Args:
        options: Of a trial that fails.
        fails: Runs another.
        trials_max: After so many it ends with what it has.
    """
    best, trials = options, 0
    tried = {options}
    while True:
        for smaller in candidates(best):
            if smaller in tried:
                continue
            if trials >= trials_max:
                return Shrunk(best, trials, is_least=False)
            tried.add(smaller)
            trials += 1
            if fails(smaller):
                best = smaller
                break
        else:
            return Shrunk(best, trials, is_least=True)


def candidates(options: Options) -> Iterator[Options]:
    """Smaller trials, those first that would save most."""
    for faults in _fewer(options.faults):
        yield replace(options, faults=faults)
    yield from _shorter(options)
    for actors in _fewer(options.actors):
        yield replace(options, actors=actors)
    for name in ("controllers", "accounts", "machines"):
        count = getattr(options, name)
        for fewer in sorted({1, count // 2, count - 1}):
            if 1 <= fewer < count:
                yield replace(options, **{name: fewer})


def _shorter(options: Options) -> Iterator[Options]:
    ticks = options.ticks
    for fewer in sorted({ticks // 4, ticks // 2, ticks * 3 // 4, ticks * 7 // 8}):
        if TICKS_MIN <= fewer < ticks:
            yield replace(options, ticks=fewer)


def _fewer(names: frozenset[str]) -> Iterator[frozenset[str]]:
    """None at all, each half, then all but one; in the order of names."""
    ordered = sorted(names)
    if not ordered:
        return
    yield frozenset()
    half = len(ordered) // 2
    if half > 1:
        yield frozenset(ordered[:half])
        yield frozenset(ordered[half:])
    if len(ordered) > 1:
        for name in ordered:
            yield names - {name}

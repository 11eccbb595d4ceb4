"""Many trials, several at a time, until the first that fails.

Each runs in a process of its own kind, told only its options, so that what one leaves
behind can't change another. The lowest seed that fails is reported, whoever ends first.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice

from simulator.trials.coverage import Coverage
from simulator.trials.options import Options
from simulator.trials.trial import Outcome, run_trial

WAITING_PER_WORKER = 2
"""Trials handed to a worker ahead: none has to wait, and few run in vain after a failure."""
TRIALS_PER_WORKER = 500
"""A worker ends after so many and a new one begins: what trials leak can't add up."""


@dataclass(slots=True)
class Campaign:
    """What came of many trials.

    Attributes:
        runs: How many ended well.
        failed: The one with the lowest seed that didn't; None: all did.
        coverage: What they reached together.
        hours: Controller-hours of virtual time.
    """

    runs: int = 0
    failed: Outcome | None = None
    coverage: Coverage = field(default_factory=Coverage)
    hours: float = 0.0


def run_many(
    options: Options, runs: int, workers: int, done: Callable[[Campaign], None]
) -> Campaign:
    """Run trials of consecutive seeds, beginning with that of `options`.

    Args:
        options: Of all of them, but for the seed.
        runs: How many.
        workers: Processes; 0: one for each processor.
        done: Called after each trial.
    """
    found = Campaign()
    todo = (replace(options, seed=options.seed + number) for number in range(runs))
    for outcome in _outcomes(todo, workers or os.cpu_count() or 1, found):
        found.coverage.add(outcome.coverage)
        found.hours += outcome.hours
        if not outcome.is_failure:
            found.runs += 1
        elif found.failed is None or outcome.options.seed < found.failed.options.seed:
            found.failed = outcome
        done(found)
    return found


def _outcomes(todo: Iterator[Options], workers: int, found: Campaign) -> Iterator[Outcome]:
    if workers == 1:
        for options in todo:
            yield _run(options)
            if found.failed is not None:
                break
        return
    # Forking would take over threads and open files of whoever asks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, max_tasks_per_child=TRIALS_PER_WORKER
    ) as pool:
        seeds: dict[Future[Outcome], int] = {}
        for options in islice(todo, workers * WAITING_PER_WORKER):
            seeds[pool.submit(_run, options)] = options.seed
        while seeds:
            ready, _ = wait(seeds, return_when=FIRST_COMPLETED)
            for future in ready:
                seeds.pop(future)
                yield future.result()
            if found.failed is None:
                for options in islice(todo, len(ready)):
                    seeds[pool.submit(_run, options)] = options.seed
                continue
            for future in [one for one, seed in seeds.items() if _is_idle(one, seed, found)]:
                del seeds[future]


def _is_idle(future: Future[Outcome], seed: int, found: Campaign) -> bool:
    """Whether a trial needn't be waited for: a lower seed has failed already."""
    if found.failed is None or seed < found.failed.options.seed:
        return False
    future.cancel()
    return True


def _run(options: Options) -> Outcome:
    """Run one trial; facts stay behind, whoever wants them repeats it."""
    return replace(run_trial(options), facts=())

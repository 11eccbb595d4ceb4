"""`simulate`: how much virtual time a second of wall time holds, with faults and without."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from simulator.benchmarks.rows import Row, Say, make_row
from simulator.errors import SimulatorError
from simulator.trials.campaign import run_many
from simulator.trials.options import Options
from simulator.trials.trial import run_trial

SEEDS = 10
"""Trials of four hours and four controllers each; two seeds can differ by half."""
SEEDS_AT_ONCE = 40
"""So many that starting the processes is a small part of it."""
_NS_PER_S = 1_000_000_000


def measure(say: Say) -> list[Row]:
    """Measure in one process, beside the same demand without faults; then in several."""
    whole = Options(seed=1)
    say(f"  {SEEDS} trials with faults, and without, one after the other")
    hours = calm_hours = 0.0
    took_ns = calm_ns = 0
    for seed in range(1, SEEDS + 1):
        options = replace(whole, seed=seed)
        more_hours, more_ns = _timed(options)
        hours, took_ns = hours + more_hours, took_ns + more_ns
        more_hours, more_ns = _timed(replace(options, faults=frozenset()))
        calm_hours, calm_ns = calm_hours + more_hours, calm_ns + more_ns
    workers = os.cpu_count() or 1
    say(f"  {SEEDS_AT_ONCE} trials in {workers} processes")
    began_ns = time.monotonic_ns()
    many = run_many(whole, SEEDS_AT_ONCE, workers, lambda _: None)
    many_ns = time.monotonic_ns() - began_ns
    if many.failed is not None:
        raise SimulatorError(f"seed {many.failed.options.seed} failed: run `standpipe-sim check`")
    return [
        make_row(
            "simulate",
            hours * _NS_PER_S / took_ns,
            "controller-hours/s",
            peer=calm_hours * _NS_PER_S / calm_ns,
            peer_is="the same demand without faults",
            trials=SEEDS,
            sessions_per_hour=whole.sessions_per_hour,
        ),
        make_row(
            "simulate/all-processors",
            many.hours * _NS_PER_S / many_ns,
            "controller-hours/s",
            trials=SEEDS_AT_ONCE,
            processes=workers,
        ),
    ]


def _timed(options: Options) -> tuple[float, int]:
    """Controller-hours of a trial, and what they took."""
    began_ns = time.monotonic_ns()
    outcome = run_trial(options)
    if outcome.is_failure:
        raise SimulatorError(f"seed {options.seed} failed: run `standpipe-sim check`")
    return outcome.hours, time.monotonic_ns() - began_ns

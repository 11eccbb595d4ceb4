"""The benchmarks by name, loaded only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simulator.benchmarks.rows import Row, Say
from simulator.errors import SetupError, SimulatorError

Measure = Callable[[Say], list[Row]]
"""Runs one benchmark, bounded in time."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark.

    Attributes:
        name: How to ask for it.
        words: What it measures, for people.
        where: `module:function` of its `Measure`.
    """

    name: str
    words: str
    where: str


BENCHMARKS = (
    Benchmark("tap", "card in the field until the output is set, for each level", "tap:measure"),
    Benchmark("ledger", "transfers from 1,000 waiters at once", "ledger:measure_many"),
    Benchmark(
        "ledger-single", "transfers from one waiter after the other", "ledger:measure_single"
    ),
    Benchmark("ledger-pg", "the same on PostgreSQL", "ledger:measure_many_pg"),
    Benchmark(
        "ledger-single-pg", "one waiter after the other, on PostgreSQL", "ledger:measure_single_pg"
    ),
    Benchmark("ledger-pg-two", "two hubs on one PostgreSQL database", "ledger:measure_two_pg"),
    Benchmark("ledger-hot", "everybody pays one machine", "ledger:measure_hot"),
    Benchmark(
        "ledger-growth", "a transfer in a small and in a large book", "ledger_growth:measure"
    ),
    Benchmark(
        "statement-pages", "the first and a deep page of lines", "ledger_growth:measure_pages"
    ),
    Benchmark("ingest", "journal events from MQTT to committed", "ingest:measure_ingest"),
    Benchmark(
        "ingest-pg", "the same on PostgreSQL, by one hub and by two", "ingest:measure_ingest_pg"
    ),
    Benchmark(
        "catch-up", "one controller's 10,000 events after an outage", "ingest:measure_catch_up"
    ),
    Benchmark("fleet", "wants of 10,000 connected controllers, 200 taps/s", "fleet:measure"),
    Benchmark("agent-memory", "a controller with 100,000 cards", "agent_memory:measure"),
    Benchmark("driver-rest", "drivers while nobody is there", "driver_rest:measure"),
    Benchmark("simulate", "virtual hours of controllers under faults", "simulate:measure"),
)


def choose(names: Iterable[str]) -> tuple[Benchmark, ...]:
    """Look benchmarks up; no names: all.

    Raises:
        SetupError: There is no such benchmark.
    """
    wanted = tuple(names)
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    for name in wanted:
        if name not in known:
            raise SetupError(f"there is no benchmark {name!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted) or BENCHMARKS


def run(benchmarks: Iterable[Benchmark], say: Say) -> tuple[list[Row], list[str]]:
    """Run benchmarks one after the other.

    Returns:
        The rows of those that ran, and the names of those that couldn't.
    """
    rows: list[Row] = []
    failed: list[str] = []
    for benchmark in benchmarks:
        say(f"{benchmark.name}: {benchmark.words}")
        try:
            rows += _load(benchmark)(say)
        except SimulatorError as error:
            say(f"  it couldn't run: {error}")
            failed.append(benchmark.name)
    return rows, failed


def _load(benchmark: Benchmark) -> Measure:
    module, _, function = benchmark.where.partition(":")
    measure: Measure = getattr(importlib.import_module(f"simulator.benchmarks.{module}"), function)
    return measure

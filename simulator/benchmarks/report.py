"""Runs benchmarks and prints their rows, for people or for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from simulator.benchmarks.registry import choose, run
from simulator.benchmarks.rows import Row, say_to_stderr
from simulator.errors import SimulatorError


def run_and_print(names: Sequence[str], *, as_json: bool) -> None:
    """Run the benchmarks of these names, or all; progress goes to stderr.

    Raises:
        SimulatorError: There is no such benchmark, or one couldn't run.
    """
    rows, failed = run(choose(names), say_to_stderr)
    print(msgspec.json.encode(rows).decode() if as_json else format_table(rows))
    if failed:
        raise SimulatorError(f"{', '.join(failed)} couldn't run; the reason is above")


def format_table(rows: Sequence[Row]) -> str:
    """Lay rows out for people, one line each and its detail below."""
    cells = [("what", "value", "unit", "peer", "ratio")]
    for row in rows:
        peer = "" if row.peer is None else _figure(row.peer)
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append((row.name, _figure(row.value), row.unit, peer, ratio))
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    lines: list[str] = []
    for number, line in enumerate(cells):
        name, value, unit, peer, ratio = line
        text = f"{name:<{widths[0]}}  {value:>{widths[1]}}  {unit:<{widths[2]}}"
        lines.append(f"{text}  {peer:>{widths[3]}}  {ratio:>{widths[4]}}".rstrip())
        if number > 0 and rows[number - 1].detail:
            said = ", ".join(f"{key} {value}" for key, value in rows[number - 1].detail.items())
            lines.append(f"    {said}")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3f}"

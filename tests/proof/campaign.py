"""Plants each bug of `mutations.py` in a copy, and counts the seeds the simulator needs.

    python -m tests.proof.campaign                  all of them, 200 seeds each at most
    python -m tests.proof.campaign --only "lost target" --seeds 20
    python -m tests.proof.campaign --write          and put the table into docs/proof.md

What was found is kept in `tests/data/trials/bugs.json`; asked again it goes on from there,
and tries anew only bugs that changed. After a change of trials, `--check` tries each at its
seed and looks again for those that aren't found there; `--anew` forgets all.
It ends with 1 when a bug isn't found.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.proof.mutations import MUTATIONS, Mutation

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "proof.md"
RECORD = ROOT / "tests" / "data" / "trials" / "bugs.json"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
PACKAGES = ("wire", "hardware", "firmware_agent", "hub", "simulator")
SEEDS_MAX = 200
"""As many as `.ci/run` tries on the right source."""
SEEDS_AT_ONCE = 10
"""What was tried is kept after so many."""
SIZE = ("--ticks", "60", "--controllers", "2", "--sessions-per-hour", "8")
"""A busy hour: more happens in a second of a processor than in half a day."""
RUN_S_MAX = 1_800
"""For `SEEDS_AT_ONCE`: a hundred times what they take, for bugs that keep an agent busy."""
HELD, FOUND = 0, 1
"""Exit codes of `check`; any other is an error of ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a bug.

    Attributes:
        bug: Its name.
        mark: Of what was planted and how trials were asked for (`Mutation.mark`).
        tried: How many seeds were tried, from the first.
        seeds: How many trials it took; None: it wasn't found.
        way: Which invariant it broke, or how the program failed.
    """

    bug: str
    mark: str
    tried: int = 0
    seeds: int | None = None
    way: str = ""


def find(bug: Mutation, known: Finding, seeds_max: int = SEEDS_MAX, workers: int = 0) -> Finding:
    """Plant a bug and look for it a while, from where it was left.

    Raises:
        AssertionError: Its place isn't there exactly once, or the simulator didn't run.
    """
    last = min(seeds_max, known.tried + SEEDS_AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        plant(bug, place)
        seed = known.tried + 1
        while seed <= last:
            found = first_failure(place, bug.options, (seed, last), workers)
            if found is None:
                break
            # A seed that fails without the bug, too, would prove nothing.
            if first_failure(ROOT, bug.options, (found["seed"], found["seed"]), 1) is None:
                return replace(known, tried=found["seed"], seeds=found["seed"], way=found["way"])
            seed = found["seed"] + 1
    return replace(known, tried=last)


def fails_at(bug: Mutation, seed: int) -> bool:
    """Whether a seed fails with a bug and holds without it."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        plant(bug, place)
        is_found = first_failure(place, bug.options, (seed, seed), 1) is not None
        return is_found and first_failure(ROOT, bug.options, (seed, seed), 1) is None


def first_failure(
    place: pathlib.Path, options: tuple[str, ...], seeds: tuple[int, int], workers: int
) -> dict[str, Any] | None:
    """The first of some seeds that fails on the source in a place; None: all hold."""
    first, last = seeds
    if first == last:
        done = run_check(place, ("--seed", str(first), *options), workers)
        alone: dict[str, Any] = printed_by(done)
        return alone if alone["failed"] else None
    words = ("--seed", str(first), "--runs", str(last - first + 1), *options)
    found: dict[str, Any] | None = printed_by(run_check(place, words, workers))["failed"]
    return found


def printed_by(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `check` printed for programs."""
    assert done.returncode in (HELD, FOUND), done.stderr[-2_000:]
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def plant(bug: Mutation, place: pathlib.Path) -> None:
    """Lay the source out in another place, with copies of the packages to be changed."""
    changed = {edit.path.partition("/")[0] for edit in bug.edits}
    for package in PACKAGES:
        if package in changed:
            # With what is compiled already: only what is changed is compiled anew.
            shutil.copytree(ROOT / package, place / package)
        else:
            (place / package).symlink_to(ROOT / package)
    for edit in bug.edits:
        path = place / edit.path
        source = path.read_text()
        assert source.count(edit.right) == 1, f"{edit.path} has changed: plant {bug.name} anew"
        path.write_text(source.replace(edit.right, edit.wrong))


def run_check(
    place: pathlib.Path, options: tuple[str, ...], workers: int
) -> subprocess.CompletedProcess[str]:
    """Run trials of the source in a place."""
    code = "from simulator.cli import main; main()"
    words = ["check", "--json", "--no-shrink", "--workers", str(workers), *SIZE]
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words, *options],
        cwd=place,
        # The copy comes before the installed package.
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )


def recorded() -> dict[str, Finding]:
    """What is known of each bug that is still planted in the same way, by name."""
    kept = json.loads(RECORD.read_text()) if RECORD.exists() else []
    known = {one["bug"]: Finding(**one) for one in kept}
    return {
        bug.name: known[bug.name]
        for bug in MUTATIONS
        if bug.name in known and known[bug.name].mark == bug.mark
    }


def keep(known: dict[str, Finding]) -> None:
    """Keep what is known, in the order of the bugs."""
    found = [asdict(known[bug.name]) for bug in MUTATIONS if bug.name in known]
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(found, indent=1) + "\n")


def table_of(known: dict[str, Finding]) -> str:
    """The table of the page."""
    lines = ["| planted bug | seeds needed | what gave it away |", "| --- | --: | --- |"]
    for one in (known[bug.name] for bug in MUTATIONS if bug.name in known):
        seeds = f"not in {one.tried}" if one.seeds is None else str(one.seeds)
        lines.append(f"| {one.bug} | {seeds} | {one.way} |")
    return "\n".join(lines)


def write_table(table: str) -> None:
    """Put a table into the page, in the place of the one that is there."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="a bug's name, or a part")
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--anew", action="store_true", help="forget what was found before")
    parser.add_argument("--check", action="store_true", help="try each again at its seed first")
    parser.add_argument("--write", action="store_true", help="put the table into docs/proof.md")
    asked = parser.parse_args()
    chosen = [bug for bug in MUTATIONS if not asked.only or any(n in bug.name for n in asked.only)]
    known = recorded()
    for number, bug in enumerate(chosen, 1):
        finding = known.get(bug.name, Finding(bug.name, bug.mark))
        is_gone = asked.check and finding.seeds is not None and not fails_at(bug, finding.seeds)
        if asked.anew or is_gone:
            finding = Finding(bug.name, bug.mark)
        while finding.seeds is None and finding.tried < asked.seeds:
            finding = find(bug, finding, asked.seeds, asked.workers)
            keep(recorded() | {bug.name: finding})
        seeds = f"not in {finding.tried}" if finding.seeds is None else f"seed {finding.seeds}"
        sys.stderr.write(f"{number} of {len(chosen)}: {bug.name}: {seeds}: {finding.way}\n")
    known = recorded()
    sys.stdout.write(f"{table_of(known)}\n")
    if asked.write:
        write_table(table_of(known))
    return int(any(bug.name not in known or known[bug.name].seeds is None for bug in chosen))


if __name__ == "__main__":
    sys.exit(main())

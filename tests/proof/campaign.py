"""Plants each bug of `mutations.py` in a copy, and counts the seeds the simulator needs.

    python -m tests.proof.campaign                  all of them, 200 seeds each at most
    python -m tests.proof.campaign --only "lost target" --seeds 20
    python -m tests.proof.campaign --write          and put the table into docs/proof.md

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
from dataclasses import dataclass
from typing import Any

from tests.proof.mutations import MUTATIONS, Mutation

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "proof.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
PACKAGES = ("wire", "hardware", "firmware_agent", "hub", "simulator")
SEEDS_MAX = 200
"""As many as `.ci/run` tries on the right source."""
SIZE = ("--ticks", "60", "--controllers", "2", "--sessions-per-hour", "8")
"""A busy hour: more happens in a second of a processor than in half a day."""
RUN_S_MAX = 3_600
HELD, FOUND = 0, 1
"""Exit codes of `check`; any other is an error of ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a bug.

    Attributes:
        bug: Its name.
        seeds: How many trials it took; None: it wasn't found.
        way: Which invariant it broke, or how the program failed.
        words: What was said.
    """

    bug: str
    seeds: int | None
    way: str = ""
    words: str = ""


def find(bug: Mutation, seeds_max: int = SEEDS_MAX, workers: int = 0) -> Finding:
    """Plant a bug and look for it.

    Raises:
        AssertionError: Its place isn't there exactly once, or the simulator didn't run.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        plant(bug, place)
        seed = 1
        while seed <= seeds_max:
            found = first_failure(place, bug.options, (seed, seeds_max), workers)
            if found is None:
                break
            # A seed that fails without the bug, too, would prove nothing.
            if first_failure(ROOT, bug.options, (found["seed"], found["seed"]), 1) is None:
                breaches = found["breaches"]
                words = breaches[0]["words"] if breaches else str(found["unsettled"])
                return Finding(bug.name, found["seed"], found["way"], words)
            seed = found["seed"] + 1
    return Finding(bug.name, None)


def first_failure(
    place: pathlib.Path, options: tuple[str, ...], seeds: tuple[int, int], workers: int
) -> dict[str, Any] | None:
    """The first of some seeds that fails on the source in a place; None: all hold."""
    first, last = seeds
    # Two at least, so that what is printed is about several.
    words = ("--seed", str(first), "--runs", str(max(2, last - first + 1)), *options)
    done = run_check(place, words, workers)
    assert done.returncode in (HELD, FOUND), done.stderr[-2_000:]
    found: dict[str, Any] | None = json.loads(done.stdout)["failed"]
    return found if found is not None and found["seed"] <= last else None


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


def table_of(findings: list[Finding]) -> str:
    """The table of a page."""
    lines = ["| planted bug | seeds needed | what gave it away |", "| --- | --: | --- |"]
    for one in findings:
        seeds = "not found" if one.seeds is None else str(one.seeds)
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
    parser.add_argument("--write", action="store_true", help="put the table into docs/proof.md")
    asked = parser.parse_args()
    chosen = [bug for bug in MUTATIONS if not asked.only or any(n in bug.name for n in asked.only)]
    findings: list[Finding] = []
    for number, bug in enumerate(chosen, 1):
        finding = find(bug, asked.seeds, asked.workers)
        findings.append(finding)
        seeds = "not found" if finding.seeds is None else f"seed {finding.seeds}"
        words = f"{number} of {len(chosen)}: {bug.name}: {seeds}"
        sys.stderr.write(f"{words}: {finding.way}: {finding.words}\n")
    table = table_of(findings)
    sys.stdout.write(f"{table}\n")
    if asked.write:
        write_table(table)
    return int(any(finding.seeds is None for finding in findings))


if __name__ == "__main__":
    sys.exit(main())

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

from tests.proof.mutations import MUTATIONS, Mutation

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "proof.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
PACKAGES = ("wire", "hardware", "firmware_agent", "hub", "simulator")
SEEDS_MAX = 200
"""As many as `.ci/run` tries on the right source."""
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
        done = run_check(place, bug.options, seeds_max, workers)
    assert done.returncode in (HELD, FOUND), done.stderr[-2_000:]
    found = json.loads(done.stdout)["failed"]
    if found is None:
        return Finding(bug.name, None)
    breaches = found["breaches"]
    words = breaches[0]["words"] if breaches else found["error"].strip().splitlines()[-1]
    return Finding(bug.name, found["seed"], found["way"], words)


def plant(bug: Mutation, place: pathlib.Path) -> None:
    """Lay the source out in another place, with copies of the packages to be changed."""
    changed = {edit.path.partition("/")[0] for edit in bug.edits}
    for package in PACKAGES:
        if package in changed:
            shutil.copytree(ROOT / package, place / package, ignore=_caches)
        else:
            (place / package).symlink_to(ROOT / package)
    for edit in bug.edits:
        path = place / edit.path
        source = path.read_text()
        assert source.count(edit.right) == 1, f"{edit.path} has changed: plant {bug.name} anew"
        path.write_text(source.replace(edit.right, edit.wrong))


def run_check(
    place: pathlib.Path, options: tuple[str, ...], seeds: int, workers: int
) -> subprocess.CompletedProcess[str]:
    """Run trials of the source in another place."""
    code = "from simulator.cli import main; main()"
    words = ["check", "--json", "--no-shrink", "--runs", str(seeds), "--workers", str(workers)]
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words, *options],
        cwd=place,
        # The copy comes before the installed package.
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
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


def _caches(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


if __name__ == "__main__":
    sys.exit(main())

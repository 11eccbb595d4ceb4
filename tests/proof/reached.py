"""Runs trials of several shapes, and keeps what they reached together.

    python -m tests.proof.reached

Under "not yet" is what none of them reached though `coverage.UNREACHED` has no reason. It
ends with 1 at the first trial that fails.
"""

from __future__ import annotations

import json
import pathlib
import sys

from simulator.trials.campaign import run_many
from simulator.trials.coverage import GROUPS, Coverage, missing
from simulator.trials.options import Options

RECORD = pathlib.Path(__file__).parents[1] / "data" / "trials" / "reached.json"
SHAPES = (
    (Options(seed=1, ticks=30, controllers=2, sessions_per_hour=8), 200),
    (Options(seed=1, ticks=120), 20),
    (Options(seed=1, accounts=3, controllers=2, sessions_per_hour=12), 20),
)
"""First trial of each shape, and how many seeds: busy half hours, whole evenings, few people."""


def main() -> int:
    """Run them all and write the record; returns the exit code."""
    found = Coverage()
    for options, runs in SHAPES:
        campaign = run_many(options, runs, 1, lambda _: None)
        if campaign.failed is not None:
            sys.stderr.write(f"{campaign.failed.options} failed: {campaign.failed.ways}\n")
            return 1
        found.add(campaign.coverage)
    reached = {
        group: sorted(name for name, count in found.as_dict()[group].items() if count)
        for group in GROUPS
    }
    record = {"reached": reached, "not yet": missing(found)}
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

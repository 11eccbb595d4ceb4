"""The seeds that must hold with every change, in parts that several processes can share.

`STANDPIPE_TRIAL_SEEDS` says how many; a night has 10,000 (`make check-night`).
"""

from __future__ import annotations

import os
from dataclasses import replace

from simulator.trials.campaign import Campaign, run_many
from simulator.trials.options import Options
from simulator.trials.words import command_of

SEEDS_DAILY = 100
SEEDS = int(os.environ.get("STANDPIPE_TRIAL_SEEDS", str(SEEDS_DAILY)))
PARTS = 8
"""As many as several processes share well."""
BUSY = Options(seed=1, ticks=30, controllers=2, sessions_per_hour=8)
"""Half an hour in which much happens: more seeds find more than longer ones do."""


def run_part(part: int) -> Campaign:
    """Run the seeds of a part, 1 to `PARTS`, one after the other."""
    first, last = (number * SEEDS // PARTS for number in (part - 1, part))
    return run_many(replace(BUSY, seed=1 + first), last - first, 1, lambda _: None)


def demand_that_all_hold(campaign: Campaign) -> None:
    """Nothing was broken; else say how to see it again."""
    failed = campaign.failed
    assert failed is None, (
        f"{command_of(failed.options)}: {failed.ways} {failed.breaches[:3]} {failed.unsettled}"
    )

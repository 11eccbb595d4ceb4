"""Part of the seeds that must hold with every change; see `seeds.py`."""

from __future__ import annotations

from tests.proof.seeds import demand_that_all_hold, run_part


def test_no_seed_of_the_fourth_part_breaks_anything():
    demand_that_all_hold(run_part(4))

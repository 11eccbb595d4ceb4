"""The seeds that must hold with every change, all but the first part of them.

A class for each part: pytest shares classes among its processes (`--dist loadscope`). The
first part is in `test_trials.py`, which also looks at what it reached.
"""

from __future__ import annotations

from tests.proof.seeds import PARTS, demand_that_all_hold, run_part


class Part:
    """One part of the seeds."""

    number = 0

    def test_no_seed_breaks_anything(self):
        demand_that_all_hold(run_part(self.number))


class TestSecond(Part):
    number = 2


class TestThird(Part):
    number = 3


class TestFourth(Part):
    number = 4


class TestFifth(Part):
    number = 5


class TestSixth(Part):
    number = 6


class TestSeventh(Part):
    number = 7


class TestEighth(Part):
    number = 8


def test_every_part_is_run():
    run = sorted(part.number for part in Part.__subclasses__())

    assert run == list(range(2, PARTS + 1))

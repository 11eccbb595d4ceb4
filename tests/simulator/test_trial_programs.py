"""Other programs in a trial: they hold money, take it, give it back, and forget some."""

from __future__ import annotations

import pytest

from simulator.trials.options import Options
from simulator.trials.scenario import Play
from simulator.trials.world import World

DAY = Options(
    seed=3,
    ticks=12 * 60,
    controllers=1,
    accounts=4,
    sessions_per_hour=0,
    faults=frozenset(),
    actors=frozenset({"programs"}),
)


@pytest.fixture(scope="module")
def day():
    with World(DAY) as world:
        left = Play(world).run()
        facts = [dict(fact.what) for fact in world.witness.facts if fact.kind == "staff_answered"]
        held = world.hub.run(
            lambda tx: tx.connection.exec_driver_sql(
                "SELECT count(*) FROM usages WHERE ended_ms IS NULL"
            ).scalar()
        )
        yield left, facts, held


def test_holds_are_taken_from_raised_and_given_back(day):
    left, facts, _ = day

    done = {what["action"].rstrip("0123456789") for what in facts if what["outcome"] == "done"}

    assert left == ()
    assert {"hold", "raise", "capture", "release", "charge"} <= done


def test_more_than_is_held_is_refused(day):
    _, facts, _ = day

    refused = [what for what in facts if what["outcome"] == "refused"]

    assert any(what["action"].startswith("capture") for what in refused)


def test_a_hold_that_was_forgotten_stays(day):
    _, _, held = day

    assert held > 0

"""A trial from its first phase to its last, played on a small world."""

from __future__ import annotations

import pytest

from simulator.trials.options import ACTORS, FAULTS, TICK_MS, Options
from simulator.trials.scenario import play
from simulator.trials.world import World

MINUTES = 15


def played(**options):
    with World(Options(controllers=2, accounts=4, **options)) as world:
        left = play(world)
        return left, tuple(world.witness.facts)


@pytest.fixture(scope="module")
def whole():
    """A little of everything."""
    return played(seed=11, ticks=MINUTES, sessions_per_hour=6)


def test_it_ends_with_all_mended_and_together_again(whole):
    left, facts = whole
    phases = [dict(fact.what)["name"] for fact in facts if fact.kind == "phase"]
    assert phases == ["faults", "healing", "settled"]
    assert left == ()


def test_nobody_new_comes_and_nothing_breaks_once_it_heals(whole):
    _, facts = whole
    healing_ms = next(fact.at_ms for fact in facts if dict(fact.what).get("name") == "healing")
    assert healing_ms == MINUTES * TICK_MS
    assert all(fact.at_ms <= healing_ms for fact in facts if fact.kind in ("fault", "cut"))
    assert any(fact.kind == "fault" for fact in facts)
    assert any(fact.kind == "tapped" for fact in facts)


def test_every_request_is_answered_in_the_end(whole):
    _, facts = whole
    last = {}
    for fact in facts:
        if fact.kind == "staff_answered":
            last[dict(fact.what)["id"]] = dict(fact.what)["outcome"]
    assert len(last) > 4
    assert set(last.values()) <= {"done", "refused"}


def test_without_actors_and_faults_nothing_happens_but_the_first_payments():
    left, facts = played(seed=11, ticks=1, faults=frozenset(), actors=frozenset())
    assert left == ()
    assert {fact.kind for fact in facts} <= {
        "started",
        "phase",
        "staff_asked",
        "staff_answered",
        "cash_in",
    }
    assert {fact.who for fact in facts if fact.kind == "staff_asked"} == {"settling"}


def test_each_takes_part_only_when_asked_to():
    assert set(ACTORS) == {"people", "roamers", "staff", "pricing", "clumsy", "programs"}
    assert len(FAULTS) == len(set(FAULTS))
    _, facts = played(
        seed=11, ticks=10, sessions_per_hour=6, faults=frozenset(), actors=frozenset({"people"})
    )
    assert {fact.who for fact in facts if fact.kind == "staff_asked"} <= {"settling", "people"}
    assert any(fact.kind == "tapped" for fact in facts)

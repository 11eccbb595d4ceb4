"""Every scenario that ships is played, and passes."""

from __future__ import annotations

import pytest

from simulator.scenarios.reading import paths_of, read_all
from simulator.scenarios.run import BOOK, Outcome, play_all

SCENARIOS = read_all(paths_of(()))


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All of them, played side by side: they mostly wait."""
    return {outcome.name: outcome for outcome in play_all(SCENARIOS)}


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_a_scenario_that_ships_passes(outcomes, name):
    outcome = outcomes[name]
    if outcome.outcome == "skipped":
        pytest.skip(outcome.reason)

    assert outcome.outcome == "passed", outcome.reason


def test_what_all_of_them_left_in_the_hub_s_book_adds_up(outcomes):
    assert BOOK not in outcomes


def test_every_scenario_says_what_it_shows():
    for scenario in SCENARIOS:
        assert len(scenario.about) > 20
        assert not scenario.about.endswith(".")

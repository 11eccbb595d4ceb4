"""What a trial draws is a function of seed and options, and its parts don't disturb each other."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from random import Random

from simulator.trials.draws import arrivals, one_of, weighed
from simulator.trials.faults import HABITS, HOUR_MS, draw_faults
from simulator.trials.staff import OFFICES
from simulator.trials.town import Billed, draw_town

ALL = frozenset(HABITS)


def streams(seed: int):
    return lambda name: Random(hashlib.sha256(f"{seed}/{name}".encode()).digest())


def test_a_longer_run_begins_as_the_shorter_one_did():
    short = list(arrivals(Random(5), 60_000, HOUR_MS))
    long = list(arrivals(Random(5), 60_000, 4 * HOUR_MS))
    assert short == [at_ms for at_ms in long if at_ms < HOUR_MS]
    assert short != long


def test_things_come_as_often_as_said():
    found = list(arrivals(Random(7), 60_000, 1_000 * HOUR_MS))
    assert 59_000 <= 1_000 * HOUR_MS // len(found) <= 61_000


def test_weights_are_kept_and_one_draw_is_taken():
    stream, other = Random(3), Random(3)
    drawn = [weighed(stream, (("a", 75), ("b", 25))) for _ in range(4_000)]
    assert 2_850 <= drawn.count("a") <= 3_150
    for _ in range(4_000):
        other.randrange(100)
    assert stream.random() == other.random()


def test_nothing_is_chosen_from_nothing():
    assert one_of((), 17) is None
    assert one_of(("a", "b", "c"), 17) == "c"


def test_the_same_seed_gives_the_same_faults_and_another_others():
    assert draw_faults(streams(1), ALL, 4 * HOUR_MS) == draw_faults(streams(1), ALL, 4 * HOUR_MS)
    assert draw_faults(streams(1), ALL, 4 * HOUR_MS) != draw_faults(streams(2), ALL, 4 * HOUR_MS)


def test_leaving_a_fault_out_changes_no_other():
    everything = draw_faults(streams(1), ALL, 24 * HOUR_MS)
    for left_out in HABITS:
        others = draw_faults(streams(1), ALL - {left_out}, 24 * HOUR_MS)
        assert others == tuple(one for one in everything if one.fault != left_out)


def test_a_shorter_run_has_the_first_faults_of_the_longer_one():
    short = draw_faults(streams(4), ALL, HOUR_MS)
    long = draw_faults(streams(4), ALL, 8 * HOUR_MS)
    assert short == tuple(one for one in long if one.at_ms < HOUR_MS)


def test_a_fault_has_ended_before_the_same_begins_again():
    for name in HABITS:
        found = draw_faults(streams(9), frozenset({name}), 100 * HOUR_MS)
        assert len(found) > 10
        for one, following in pairwise(found):
            assert one.at_ms + one.lasts_ms < following.at_ms


def test_every_fault_comes_within_some_runs_of_four_hours():
    seen = {one.fault for seed in range(10) for one in draw_faults(streams(seed), ALL, 4 * HOUR_MS)}
    assert seen == ALL


def test_a_larger_town_has_all_of_a_smaller_one():
    assert draw_town(streams(1), 12, "washer")[:5] == draw_town(streams(1), 5, "washer")


def test_a_town_has_all_kinds_of_people():
    town = [house for seed in range(4) for house in draw_town(streams(seed), 12, "washer")]
    assert {house.billed for house in town} == set(Billed)
    assert {card.level for house in town for card in house.cards} == {0, 1, 2}
    assert {len(house.cards) for house in town} == {1, 2, 3}
    assert any(house.gift_minor and house.gift_kinds for house in town)
    uids = [card.uid for house in town for card in house.cards]
    assert len(set(uids)) == len(uids)


def test_nobody_at_a_desk_shares_a_name_with_another():
    names = [f"{who}-{kind}" for who, acts in OFFICES.items() for kind in acts]
    assert len(set(names)) == len(names)

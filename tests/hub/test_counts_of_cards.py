"""Counts of cards, as controllers report them: copies and missing reports are seen."""

from __future__ import annotations

import random

import pytest
from desk import card_of

from hub.errors import InputError
from hub.people import cards, taps
from hub.people.tap_rules import CLOCK_SLACK_MS, UNREPORTED_MAX, Tap, contradicting
from hub.people.taps import TAPS_KEPT_MAX
from wire.errors import Code
from wire.events import CardRefused
from wire.proof import Proof

HOUR_MS = 3_600_000


@pytest.fixture
def two(desk):
    """Two controllers that ann's card is used at."""
    first = desk.add_controller("pi-1", "washer")
    second = desk.add_controller("pi-2", "dryer")
    desk.add_account("ann", 2_000)
    for one in (first, second):
        one.boot()
        one.wall_ms = 1_800_000_000_000
    return first, second


def tap(controller, counter, *, method="sun", version=1, after_ms=0):
    controller.wall_ms += after_ms
    proof = Proof(method=method, level=1, key_version=version, counter=counter)
    controller.append(
        CardRefused, machine="washer", card=card_of("ann"), code=Code.MACHINE_BUSY, proof=proof
    )


def card_id(desk) -> str:
    ((name,),) = desk.rows("SELECT id FROM cards")
    return name


def kept(desk) -> list[int]:
    with desk.store.read() as connection:
        return [one.counter for one in taps.taps_of(connection, card_id(desk))]


def test_counts_that_rise_are_kept_and_say_nothing(desk, two):
    first, second = two
    for count in (3, 5, 6):
        tap(first, count, after_ms=HOUR_MS)
    second.wall_ms = first.wall_ms
    tap(second, 8, after_ms=HOUR_MS)

    desk.journal(first)
    desk.journal(second)

    assert desk.alarm_codes() == []
    assert kept(desk) == [8, 6, 5, 3]


def test_reports_that_come_late_are_no_copy(desk, two):
    away, there = two
    tap(away, 3)
    there.wall_ms += HOUR_MS
    tap(there, 5)

    desk.journal(there)
    desk.journal(away)

    assert desk.alarm_codes() == []


def test_one_count_at_two_controllers_is_a_copy(desk, two):
    first, second = two
    tap(first, 7)
    tap(second, 7)

    desk.journal(first)
    desk.journal(second)

    assert desk.alarm_codes() == [Code.CARD_CLONED]
    ((detail, subject),) = desk.rows("SELECT detail, subject FROM alarms")
    assert subject == card_id(desk)
    assert "pi-1" in detail
    assert "pi-2" in detail


def test_a_count_that_falls_within_one_journal_is_a_copy(desk, two):
    first, _ = two
    tap(first, 7)
    tap(first, 6)

    desk.journal(first)

    assert desk.alarm_codes() == [Code.CARD_CLONED]


def test_a_count_that_falls_from_one_controller_to_another_is_a_copy(desk, two):
    first, second = two
    tap(first, 7)
    tap(second, 6, after_ms=HOUR_MS)

    desk.journal(first)
    desk.journal(second)

    assert desk.alarm_codes() == [Code.CARD_CLONED]


def test_clocks_that_differ_a_little_make_no_copy(desk, two):
    first, second = two
    tap(first, 7)
    tap(second, 6, after_ms=CLOCK_SLACK_MS)

    desk.journal(first)
    desk.journal(second)

    assert desk.alarm_codes() == []


def test_a_method_whose_count_stands_still_makes_no_copy(desk, two):
    first, _ = two
    tap(first, 7, method="ev2")
    tap(first, 7, method="ev2")

    desk.journal(first)

    assert desk.alarm_codes() == []


def test_reports_that_are_missing_are_told_until_they_come(desk, two):
    first, second = two
    tap(first, 1)
    tap(second, 2 + UNREPORTED_MAX // 2)
    first.wall_ms += HOUR_MS
    tap(first, 2 + UNREPORTED_MAX)

    desk.journal(first)
    assert desk.alarm_codes() == [Code.CARD_TAPS_MISSING]

    desk.journal(second)
    assert desk.alarm_codes() == []


def test_a_new_key_counts_anew_and_the_hub_knows_its_version(desk, two):
    first, _ = two
    tap(first, 900, version=1)
    tap(first, 1, version=2)

    desk.journal(first)

    assert desk.alarm_codes() == []
    assert desk.rows("SELECT key_version FROM cards") == [(2,)]


def test_counts_from_before_a_card_was_keyed_anew_are_left_out(desk, two):
    first, _ = two
    desk.run(lambda tx: cards.keep_keyed(tx, card_id(desk), 1, 1))
    ((keyed_ms,),) = desk.rows("SELECT keyed_ms FROM cards")
    first.wall_ms = keyed_ms + HOUR_MS
    tap(first, 1)
    first.wall_ms = keyed_ms - HOUR_MS
    tap(first, 901)

    desk.journal(first)

    assert kept(desk) == [1]
    assert desk.alarm_codes() == []


def test_a_level_and_a_key_version_fit_each_other(desk, two):
    with pytest.raises(InputError, match="level 0 has key version 0"):
        desk.run(lambda tx: cards.keep_keyed(tx, card_id(desk), 0, 1))
    with pytest.raises(InputError, match="level 0 has key version 0"):
        desk.run(lambda tx: cards.keep_keyed(tx, card_id(desk), 1, 0))


def test_of_each_card_the_newest_counts_are_kept(desk, two):
    first, _ = two
    for count in range(TAPS_KEPT_MAX + 5):
        tap(first, count + 1, after_ms=1_000)

    desk.journal(first)

    assert kept(desk) == list(range(TAPS_KEPT_MAX + 5, 5, -1))


@pytest.mark.parametrize("seed", range(40))
def test_an_honest_card_is_never_called_a_copy_in_whatever_order_reports_come(seed):
    rng = random.Random(seed)
    reports, wall_ms, seqs = [], 0, {}
    for count in range(1, 30):
        wall_ms += rng.choice((0, 1_000, HOUR_MS))
        place = rng.choice("abc")
        seqs[place] = seqs.get(place, 0) + 1
        wrong_ms = rng.randint(-CLOCK_SLACK_MS // 2, CLOCK_SLACK_MS // 2)
        reports.append(
            Tap(
                key_version=1,
                counter=count,
                method="sun",
                controller=place,
                epoch="e",
                seq=seqs[place],
                wall_ms=wall_ms + wrong_ms,
                is_synced=rng.random() < 0.8,
            )
        )
    copied = rng.choice(reports)
    rng.shuffle(reports)

    known: list[Tap] = []
    for report in reports:
        assert contradicting(known, report) is None
        known.append(report)

    used_again = Tap(**{name: getattr(copied, name) for name in Tap.__slots__} | {"seq": 99})
    assert contradicting(known, used_again) is not None

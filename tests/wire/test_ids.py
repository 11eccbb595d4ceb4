"""Ids and references."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from wire.clock import ManualClock
from wire.ids import CountingIds, card_ref, format_id, is_name, is_random_uid

RANDOM = st.binary(min_size=10, max_size=10)


@given(st.integers(0, 2**48 - 1), RANDOM, st.integers(0, 2**48 - 1), RANDOM)
def test_ids_sort_by_the_time_they_were_made_and_never_collide(ms, random, later, other):
    one, two = format_id("ses", ms, random), format_id("ses", later, other)

    assert re.fullmatch(r"ses_[0-9a-z]{26}", one)
    assert (one == two) == ((ms, random) == (later, other))
    if ms < later:
        assert one < two


def test_an_id_needs_its_randomness():
    with pytest.raises(ValueError, match="10 random bytes"):
        format_id("ses", 0, b"short")


def test_counting_ids_repeat_in_a_new_run():
    one, other = CountingIds(), CountingIds()

    first = one.new("a")

    assert first == other.new("a")
    assert first != one.new("a")


def test_a_card_reference_tells_neither_uid_nor_operator():
    uid = bytes.fromhex("04a1b2c3d4e5f6")

    reference = card_ref(b"salt of one", uid)

    assert re.fullmatch(r"[0-9a-f]{32}", reference)
    assert uid.hex() not in reference
    assert reference != card_ref(b"salt of two", uid)


@pytest.mark.parametrize(
    ("uid", "random"), [("08123456", True), ("04123456", False), ("08123456789abc", False)]
)
def test_only_single_size_uids_that_begin_with_08_are_random(uid, random):
    assert is_random_uid(bytes.fromhex(uid)) is random


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("washer-1", True),
        ("a", True),
        ("", False),
        ("A", False),
        ("a/b", False),
        ("+", False),
        ("a" * 65, False),
        ("-a", False),
    ],
)
def test_names_fit_topics(text, fits):
    assert is_name(text) is fits


def test_a_manual_clock_moves_only_forward_but_its_wall_can_jump():
    clock = ManualClock(1_000)
    clock.advance(5)
    clock.jump_wall(-500)

    assert (clock.now().wall_ms, clock.now().mono_ms) == (505, 5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)

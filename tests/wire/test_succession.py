"""Who believes one key of the hub believes the next only by that key's own signature."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, strategies as st

from wire.errors import DecodeError
from wire.ids import is_name
from wire.keys import HUB, Signer
from wire.succession import (
    EVERY_CONTROLLER,
    LINKS_MAX,
    follow,
    hand_over,
    key_mark,
    write_succession,
)

KEYS = [Signer(bytes([number]) * 32, HUB) for number in range(1, 6)]
LINKS = tuple(
    hand_over(before, after.public, number, 0)
    for number, (before, after) in enumerate(itertools.pairwise(KEYS), 2)
)
THIEF = Signer(b"t" * 32, HUB)


@given(st.integers(0, 4))
def test_whoever_missed_any_number_of_keys_is_led_to_the_newest(held):
    found = follow(write_succession(LINKS), KEYS[held].public)

    assert found == tuple(key.public for key in KEYS[held + 1 :])


@given(st.integers(0, 4), st.permutations(LINKS), st.integers(0, 4))
def test_no_order_and_no_gap_leads_anywhere_else(held, links, count):
    found = follow(write_succession(tuple(links[:count])), KEYS[held].public)

    assert found == tuple(key.public for key in KEYS[held + 1 :])[: len(found)]


def test_a_key_that_another_signed_is_not_believed():
    forged = hand_over(THIEF, THIEF.public, 2, 0)

    assert follow(write_succession((forged,)), KEYS[0].public) == ()
    assert follow(write_succession((forged, *LINKS)), KEYS[0].public)[-1] == KEYS[-1].public


def test_an_old_link_does_not_lead_back():
    assert follow(write_succession(LINKS[:2]), KEYS[3].public) == ()


@pytest.mark.parametrize("payload", [b"", b"{", b'{"links":[1]}', b'{"links":[{}]}', b"[]"])
def test_rubbish_is_none(payload):
    with pytest.raises(DecodeError):
        follow(payload, KEYS[0].public)


def test_a_link_to_what_is_no_key_is_refused():
    with pytest.raises(DecodeError):
        follow(write_succession((hand_over(KEYS[0], "no key", 2, 0),)), KEYS[0].public)


def test_there_is_a_most_of_links():
    many = write_succession(LINKS[:1] * (LINKS_MAX + 5))
    too_many = msgspec.json.encode({"links": [msgspec.Raw(LINKS[0])] * (LINKS_MAX + 1)})

    assert follow(many, KEYS[0].public) == (KEYS[1].public,)
    with pytest.raises(DecodeError):
        follow(too_many, KEYS[0].public)


def test_no_controller_has_the_name_of_all_and_marks_differ():
    assert not is_name(EVERY_CONTROLLER)
    assert len({key_mark(key.public) for key in KEYS}) == len(KEYS)

"""What lies on a reader, from one look after the other."""

from __future__ import annotations

from hypothesis import given, strategies as st

from hardware.readers.field import EMPTY, MISSES_GONE, Change, Occupancy, observe

A, B, RANDOM = b"\x04aaaaaa", b"\x04bbbbbb", b"\x08rrr"

looks = st.lists(
    st.lists(st.sampled_from([A, B, RANDOM, b"\x08sss"]), max_size=3).map(tuple), max_size=40
)


def changes(*seen):
    field, found = EMPTY, []
    for uids in seen:
        field, change = observe(field, uids)
        found.append(change)
    return found


@given(looks)
def test_every_card_or_crowd_ends_with_one_gone_and_only_then_comes_the_next(seen):
    told = [change for change in changes(*seen) if change is not Change.NOTHING]
    for before, after in zip([Change.GONE, *told], told, strict=False):
        allowed = {
            Change.GONE: {Change.CARD, Change.SEVERAL},
            Change.CARD: {Change.GONE, Change.SEVERAL},
            Change.SEVERAL: {Change.GONE},
        }
        assert after in allowed[before]


@given(looks)
def test_enough_empty_looks_always_end_in_an_empty_field(seen):
    field = EMPTY
    for uids in (*seen, *[()] * MISSES_GONE):
        field, _ = observe(field, uids)
    assert field == EMPTY


@given(looks)
def test_a_card_is_only_named_when_it_lay_alone_on_an_empty_field(seen):
    field = EMPTY
    for uids in seen:
        before = field
        field, change = observe(field, uids)
        if change is Change.CARD:
            assert before.occupancy is Occupancy.EMPTY
            assert set(uids) == {field.uid}


def test_one_failed_look_changes_nothing():
    assert changes((A,), (), (A,), (), (A,)) == [Change.CARD] + [Change.NOTHING] * 4


def test_another_card_in_place_of_the_first_is_a_second_card():
    assert changes((A,), (B,), (B,), (), ()) == [
        Change.CARD,
        Change.SEVERAL,
        Change.NOTHING,
        Change.NOTHING,
        Change.GONE,
    ]


def test_the_same_card_answering_twice_is_one():
    assert changes((A, A)) == [Change.CARD]


def test_a_random_uid_beside_a_fixed_one_is_two_cards():
    assert changes((A,), (RANDOM,)) == [Change.CARD, Change.SEVERAL]

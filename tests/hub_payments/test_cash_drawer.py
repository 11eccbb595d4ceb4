"""A drawer's arithmetic: whatever is counted, book and drawer agree afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hub.errors import ConflictError, InputError
from hub.ledger.apply import Balance, State, apply
from hub.ledger.items import Booked, Item, Leg
from hub.payments.drawer import closing_legs, count_denominations, open_drawer, opening_legs
from hub.payments.shift_records import STEPS, ShiftState, Step, next_state

CASH = "EUR:cash/bar"
SAFE = "EUR:clearing/safe"
SUSPENSE = "EUR:suspense/"
COUNTS = st.integers(0, 10**6)


def booked(state: State, legs: tuple[Leg, ...]) -> dict[str, int]:
    if legs:
        item = Item(id="x", unit="EUR", kind="shift", legs=legs)
        assert isinstance(apply(state, item), Booked)
    return {code: one.minor for code, one in state.balances.items()}


@given(
    before=st.integers(-(10**6), 10**6),
    counted=COUNTS,
    from_safe=st.none() | st.integers(-(10**6), 10**6),
    is_first=st.booleans(),
)
def test_after_an_opening_the_book_holds_what_was_counted(
    *, before: int, counted: int, from_safe: int | None, is_first: bool
) -> None:
    opened = open_drawer(before, counted, from_safe, is_first=is_first)

    now = booked(State({CASH: Balance(-before)}), opening_legs("bar", "EUR", opened))

    assert -now[CASH] == counted
    assert now.get(SAFE, 0) == opened.from_safe_minor
    assert now.get(SUSPENSE, 0) == opened.difference_minor
    assert from_safe is None or opened.from_safe_minor == from_safe


@given(before=COUNTS, counted=COUNTS)
def test_a_later_opening_never_hides_that_something_is_missing(before: int, counted: int) -> None:
    later = open_drawer(before, counted, None, is_first=False)
    first = open_drawer(before, counted, None, is_first=True)

    assert later.difference_minor == min(0, counted - before)
    assert first.difference_minor == 0


@given(expected=st.integers(-(10**6), 10**6), counted=COUNTS, share=st.integers(0, 100))
def test_after_a_close_the_book_holds_what_was_left(
    expected: int, counted: int, share: int
) -> None:
    left = counted * share // 100
    legs = closing_legs(
        "bar", "EUR", difference_minor=counted - expected, to_safe_minor=counted - left
    )

    now = booked(State({CASH: Balance(-expected)}), legs)

    assert -now[CASH] == left
    assert -now.get(SAFE, 0) == counted - left
    assert now.get(SUSPENSE, 0) == counted - expected


def test_a_coin_box_that_nobody_counted_holds_what_the_book_says() -> None:
    opened = open_drawer(740, None, None, is_first=True)

    assert (opened.float_minor, opened.from_safe_minor, opened.difference_minor) == (740, 0, 0)


@given(st.dictionaries(st.integers(1, 50_000), st.integers(0, 1_000), max_size=15))
def test_denominations_add_up(pieces: dict[int, int]) -> None:
    assert count_denominations(list(pieces.items())) == sum(v * n for v, n in pieces.items())


@pytest.mark.parametrize(
    "denominations",
    [
        [(0, 1)],
        [(-5, 1)],
        [(5, -1)],
        [(5, 10**7)],
        [(5, 1), (5, 2)],
        [(10**15, 2)],
        [(value, 1) for value in range(1, 40)],
    ],
)
def test_denominations_that_cannot_be_are_refused(denominations: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError):
        count_denominations(denominations)


def test_a_shift_goes_round_and_nothing_else_is_allowed() -> None:
    allowed = {
        (ShiftState.CLOSED, Step.OPEN, ShiftState.OPEN),
        (ShiftState.OPEN, Step.COUNT, ShiftState.COUNTING),
        (ShiftState.COUNTING, Step.RESUME, ShiftState.OPEN),
        (ShiftState.COUNTING, Step.CLOSE, ShiftState.CLOSED),
    }

    assert {(state, step, to) for (state, step), to in STEPS.items()} == allowed
    for state in ShiftState:
        for step in Step:
            if (state, step) not in STEPS:
                with pytest.raises(ConflictError, match="Nothing changed"):
                    next_state("bar", state, step)

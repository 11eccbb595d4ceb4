"""Amounts: exact, bounded, rounded in one way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from wire.errors import AmountError
from wire.money import (
    AMOUNT_MINOR_MAX,
    EUR,
    div_half_up,
    format_amount,
    known_unit,
    micros_to_minor,
    parse_amount,
)

UNITS = st.sampled_from(["EUR", "JPY", "KWD", "PTS"]).map(known_unit)
MINOR = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)


@given(UNITS, MINOR)
def test_what_is_written_reads_back(unit, minor):
    text = format_amount(minor, unit).replace(unit.symbol or f" {unit.code}", "")

    assert parse_amount(text, unit) == minor


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_rounding_is_to_the_nearest_and_halves_go_away_from_zero(numerator, denominator):
    rounded = div_half_up(numerator, denominator)

    off = rounded - Fraction(numerator, denominator)
    assert abs(off) <= Fraction(1, 2)
    if abs(off) == Fraction(1, 2):
        assert abs(rounded) > abs(Fraction(numerator, denominator))


@given(st.integers(0, 10**12), st.integers(0, 10**12), UNITS)
def test_rounding_keeps_order(one, other, unit):
    low, high = sorted((one, other))

    assert micros_to_minor(low, 7, unit) <= micros_to_minor(high, 7, unit)


@pytest.mark.parametrize(
    "text", ["", "1,50", "1.505", "1e3", "--1", "NaN", "1.", ".5", "9" * 18, "\u0661"]
)
def test_what_is_no_amount_is_refused_in_words(text):
    with pytest.raises(AmountError, match=r"amount|finer"):
        parse_amount(text, EUR)


def test_an_unknown_unit_names_the_known_ones():
    with pytest.raises(AmountError, match="EUR"):
        known_unit("XXX")


def test_amounts_read_as_people_write_them():
    assert format_amount(-80, EUR) == "-€0.80"
    assert format_amount(3, known_unit("JPY")) == "¥3"
    assert format_amount(1500, known_unit("KWD")) == "1.500 KWD"

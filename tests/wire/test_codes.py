"""Offline codes: what was written reads the same, and nothing else reads at all."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given, strategies as st

from wire.codes import (
    AMOUNTS_MINOR,
    CODE_DIGITS,
    COUNTERS,
    FIRST_YEAR,
    YEARS,
    Misread,
    OfflineCode,
    end_of_year_ms,
    read_code,
    write_code,
)

VECTORS = pathlib.Path(__file__).parents[1] / "data" / "golden" / "codes.json"
KEY = bytes(range(32))
HERE = "wash-1"

codes = st.builds(
    OfflineCode,
    counter=st.integers(1, COUNTERS - 1),
    amount_minor=st.sampled_from(AMOUNTS_MINOR),
    last_year=st.just(0) | st.integers(FIRST_YEAR, FIRST_YEAR + YEARS - 1),
)


def digits_of(code: OfflineCode, unit: str = "EUR") -> str:
    return write_code(KEY, HERE, unit, code).replace(" ", "")


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda one: one["code"])
def test_a_code_of_any_earlier_version_still_reads_as_it_did(vector):
    key, code = bytes.fromhex(vector["key"]), OfflineCode(**vector["says"])

    assert read_code(key, vector["controller"], [vector["unit"]], vector["code"]) == (
        vector["unit"],
        code,
    )
    assert write_code(key, vector["controller"], vector["unit"], code) == vector["code"]


@given(codes, st.sampled_from(["EUR", "PTS", "JPY"]))
def test_what_is_written_is_read(code, unit):
    text = write_code(KEY, HERE, unit, code)

    assert len(text) == CODE_DIGITS + 4
    assert read_code(KEY, HERE, ["EUR", "PTS", "JPY"], text) == (unit, code)


@pytest.mark.parametrize("between", ["", "-", "  ", ". ", "\N{NO-BREAK SPACE}"])
def test_it_does_not_matter_what_people_put_between_the_groups(between):
    code = OfflineCode(7, 2_000, 2027)
    text = write_code(KEY, HERE, "EUR", code).replace(" ", between)

    assert read_code(KEY, HERE, ["EUR"], f" {text} ") == ("EUR", code)


@given(codes, st.integers(0, CODE_DIGITS - 1), st.integers(1, 9))
def test_a_wrong_digit_is_found(code, place, off):
    digits = digits_of(code)
    wrong = str((int(digits[place]) + off) % 10)

    assert read_code(KEY, HERE, ["EUR"], digits[:place] + wrong + digits[place + 1 :]) is (
        Misread.MISTYPED
    )


@given(codes, st.integers(0, CODE_DIGITS - 2))
def test_two_neighbours_that_changed_places_are_found(code, place):
    digits = digits_of(code)
    first, second = digits[place], digits[place + 1]
    swapped = digits[:place] + second + first + digits[place + 2 :]

    if first != second:
        assert read_code(KEY, HERE, ["EUR"], swapped) is Misread.MISTYPED


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1",
        "0" * 19,
        "0" * 21,
        "x" * 20,
        "\N{ARABIC-INDIC DIGIT ONE}" * 20,
        "9" * 500,
        "1234 5678",
    ],
)
def test_what_has_not_the_shape_of_a_code_is_mistyped(typed):
    assert read_code(KEY, HERE, ["EUR"], typed) is Misread.MISTYPED


@given(codes, st.binary(min_size=32, max_size=32))
def test_a_code_of_another_key_controller_or_unit_is_not_genuine(code, other):
    if other != KEY:
        assert read_code(other, HERE, ["EUR"], digits_of(code)) is Misread.NOT_GENUINE
    assert read_code(KEY, "wash-2", ["EUR"], digits_of(code)) is Misread.NOT_GENUINE
    assert read_code(KEY, HERE, ["PTS", "JPY"], digits_of(code)) is Misread.NOT_GENUINE
    assert read_code(KEY, HERE, [], digits_of(code)) is Misread.NOT_GENUINE


@given(st.integers(0, 10**19 - 1))
def test_digits_with_a_right_check_digit_are_still_no_code(number):
    forged = f"{number:019d}"
    read = {read_code(KEY, HERE, ["EUR"], f"{forged}{check}") for check in range(10)}

    # One of the ten has the right check digit; one in 2**40 numbers would be genuine.
    assert read == {Misread.MISTYPED, Misread.NOT_GENUINE}


@pytest.mark.parametrize(
    ("counter", "amount_minor", "last_year"),
    [
        (0, 100, 0),
        (COUNTERS, 100, 0),
        (1, 0, 0),
        (1, -100, 0),
        (1, 123, 0),
        (1, 200_000, 0),
        (1, 100, FIRST_YEAR - 1),
        (1, 100, FIRST_YEAR + YEARS),
    ],
)
def test_what_a_code_cannot_say_is_refused_before_it_is_written(counter, amount_minor, last_year):
    with pytest.raises(ValueError, match="a code"):
        OfflineCode(counter, amount_minor, last_year)


def test_a_year_ends_when_the_next_one_begins():
    assert end_of_year_ms(1970) == 365 * 86_400_000
    assert OfflineCode(1, 100, 2027).ends_ms == 1_830_297_600_000
    assert OfflineCode(1, 100).ends_ms is None

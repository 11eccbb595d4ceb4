"""Codes survive people: any mistake of one symbol, or of two swapped, is found."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hub.payments.voucher_codes import ALPHABET, ENTROPY_BYTES, hash_code, make_code, read_code

SECRET = b"s" * 32
ENTROPY = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(ENTROPY)
def test_a_code_is_read_however_it_is_typed(entropy: bytes) -> None:
    code = make_code(entropy)

    sloppy = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "

    assert len(code) == 19
    assert read_code(sloppy) == read_code(code) == code.replace("-", "")
    assert hash_code(SECRET, sloppy) == hash_code(SECRET, code)


@given(ENTROPY, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_one_wrong_symbol_is_found(entropy: bytes, place: int, symbol: str) -> None:
    code = make_code(entropy).replace("-", "")
    wrong = code[:place] + symbol + code[place + 1 :]

    assert (read_code(wrong) is None) == (wrong != code)
    assert (hash_code(SECRET, wrong) == hash_code(SECRET, code)) == (wrong == code)


@given(ENTROPY, st.integers(0, 14))
def test_two_swapped_symbols_are_found(entropy: bytes, place: int) -> None:
    code = make_code(entropy).replace("-", "")
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]

    assert (read_code(swapped) is None) == (swapped != code)


@given(st.text(max_size=80))
def test_any_text_is_a_code_or_none_and_has_a_hash(text: str) -> None:
    assert read_code(text) is None or len(read_code(text) or "") == 16
    assert len(hash_code(SECRET, text)) == 64


@given(ENTROPY, ENTROPY)
def test_different_bits_make_different_codes(one: bytes, other: bytes) -> None:
    used = (1 << 75) - 1
    same = int.from_bytes(one, "big") & used == int.from_bytes(other, "big") & used

    assert (make_code(one) == make_code(other)) == same


def test_a_hash_says_nothing_without_the_key() -> None:
    code = make_code(bytes(ENTROPY_BYTES))

    assert hash_code(SECRET, code) != hash_code(b"t" * 32, code)
    with pytest.raises(ValueError, match="random bytes"):
        make_code(b"short")

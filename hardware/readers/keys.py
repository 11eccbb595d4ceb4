"""What a keyboard-wedge reader types, as a UID. Pure.

Such a reader types the number that it was built to type, and Enter. Which bytes that
number is, differs from maker to maker, so the configuration says it.
"""

from __future__ import annotations

from hardware.errors import SpecError

TYPED_MAX = 24
"""A UID of 10 bytes is 20 hexadecimal or 25 decimal digits; decimal readers type 4 or 7
bytes, 17 digits at most."""

FORMS = ("hex", "hex_reversed", "decimal", "decimal_reversed")
"""In which a UID is typed. Reversed: its last byte comes first. A decimal number is read
as the UID's bytes with the most significant one first."""

_UID_LENGTHS = (4, 7, 10)
_HEX = frozenset("0123456789abcdefABCDEF")
_SHORT, _LONG = 4, 7


def check_form(form: str) -> None:
    """Refuse a form that there isn't.

    Raises:
        SpecError: It isn't one of `FORMS`.
    """
    if form not in FORMS:
        raise SpecError(f"form is {form!r}; write {' or '.join(FORMS)}")


def uid_of(typed: str, form: str) -> bytes:
    """Read a UID; empty when this isn't one.

    Args:
        typed: What came before Enter.
        form: One of `FORMS`.
    """
    uid = _of_hex(typed) if form.startswith("hex") else _of_decimal(typed)
    return uid[::-1] if form.endswith("_reversed") else uid


def _of_hex(typed: str) -> bytes:
    if len(typed) // 2 not in _UID_LENGTHS or len(typed) % 2 or not _HEX.issuperset(typed):
        return b""
    return bytes.fromhex(typed)


def _of_decimal(typed: str) -> bytes:
    if not typed.isascii() or not typed.isdigit() or len(typed) > TYPED_MAX:
        return b""
    number = int(typed)
    if number == 0:
        return b""
    for length in (_SHORT, _LONG):
        if number < 1 << 8 * length:
            return number.to_bytes(length)
    return b""

"""Money: whole minor units of a named unit; prices in whole micros.

`minor` is the unit's smallest part (cent, yen, point). `micros` is a millionth
of the major unit. The only rounding of the house is `micros_to_minor`.
"""

from __future__ import annotations

import re

import msgspec

from wire.errors import AmountError

MICROS_PER_MAJOR = 1_000_000
EXPONENT_MAX = 6
"""A micro is the finest price, so a minor unit can't be finer."""

AMOUNT_MINOR_MAX = 10**15
"""No single amount is larger. A sum of a thousand of them still fits SQL's 64 bits."""

PPM = 1_000_000
_AMOUNT = re.compile(r"([+-]?)(\d{1,18})(?:\.(\d{1,6}))?", re.ASCII)


class Unit(msgspec.Struct, frozen=True):
    """What an amount counts.

    Attributes:
        code: 3 to 8 capital letters or digits: `EUR`, `JPY`, `PTS`.
        exponent: Decimal places of the minor unit, 0 to 6: EUR 2, JPY 0.
        symbol: What people read before the figure; the code when empty.
    """

    code: str
    exponent: int = 2
    symbol: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z][A-Z0-9]{2,7}", self.code):
            raise AmountError(f"unit {self.code!r}: use 3 to 8 capital letters, like EUR")
        if not 0 <= self.exponent <= EXPONENT_MAX:
            raise AmountError(f"unit {self.code}: exponent must be 0 to {EXPONENT_MAX}")

    @property
    def minor_per_major(self) -> int:
        """How many minor units make one major unit."""
        return int(10**self.exponent)

    @property
    def micros_per_minor(self) -> int:
        """How many micros make one minor unit."""
        return MICROS_PER_MAJOR // self.minor_per_major


EUR = Unit("EUR", 2, "€")
_KNOWN = {
    unit.code: unit
    for unit in (
        EUR,
        Unit("USD", 2, "$"),
        Unit("GBP", 2, "£"),
        Unit("CHF", 2),
        Unit("SEK", 2),
        Unit("CNY", 2, "¥"),
        Unit("JPY", 0, "¥"),
        Unit("KWD", 3),
        Unit("PTS", 0),
    )
}


def known_unit(code: str) -> Unit:
    """Look a unit up by its code.

    Raises:
        AmountError: The code is none that ships; the operator must declare it.
    """
    try:
        return _KNOWN[code]
    except KeyError:
        raise AmountError(
            f"unit {code!r} is not known here: use one of {', '.join(sorted(_KNOWN))}"
        ) from None


def known_units() -> tuple[Unit, ...]:
    """All units that ship, in the order of codes."""
    return tuple(_KNOWN[code] for code in sorted(_KNOWN))


def div_half_up(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest whole, halves away from zero.

    The house's one rounding rule (commercial rounding, DIN 1333). `denominator` > 0.
    """
    if denominator <= 0:
        raise AmountError("a denominator must be more than 0")
    quotient, remainder = divmod(abs(numerator), denominator)
    rounded = quotient + (2 * remainder >= denominator)
    return rounded if numerator >= 0 else -rounded


def micros_to_minor(micros_numerator: int, denominator: int, unit: Unit) -> int:
    """Round `micros_numerator / denominator` micros to minor units, half up."""
    return div_half_up(micros_numerator, denominator * unit.micros_per_minor)


def tax_within(gross_minor: int, rate_ppm: int) -> int:
    """Tax contained in a gross amount, half up: gross * rate / (1 + rate).

    Args:
        gross_minor: Amount with tax, ≥ 0.
        rate_ppm: Tax rate in parts per million: 19 % is 190,000.
    """
    return div_half_up(gross_minor * rate_ppm, PPM + rate_ppm)


def parse_amount(text: str, unit: Unit) -> int:
    """Read a typed amount of major units ("12.50") as minor units.

    Raises:
        AmountError: Not a decimal number, finer than the unit, or too large.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise AmountError(f"{text!r} is not an amount: write it like 12.50")
    sign, whole, fraction = match[1], match[2], (match[3] or "")
    if len(fraction.rstrip("0")) > unit.exponent:
        raise AmountError(f"{text!r} is finer than {unit.code} allows: {unit.exponent} decimals")
    decimals = fraction[: unit.exponent].ljust(unit.exponent, "0")
    minor = int(whole) * unit.minor_per_major + int(decimals or 0)
    if minor > AMOUNT_MINOR_MAX:
        raise AmountError(f"{text!r} is larger than any amount here")
    return -minor if sign == "-" else minor


def format_amount(minor: int, unit: Unit) -> str:
    """Write minor units for people: `€12.50`, `-€0.80`, `40 PTS`."""
    whole, fraction = divmod(abs(minor), unit.minor_per_major)
    digits = f"{whole}.{fraction:0{unit.exponent}d}" if unit.exponent else f"{whole}"
    sign = "-" if minor < 0 else ""
    return f"{sign}{unit.symbol}{digits}" if unit.symbol else f"{sign}{digits} {unit.code}"

"""What a movement costs: a fixed part and a share, rounded half up. Pure."""

from __future__ import annotations

from hub.errors import InputError
from hub.payments.rules import FEE_PPM_MAX, Fee
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX, PPM, Unit, div_half_up, format_amount


def fee_minor(fee: Fee, amount_minor: int) -> int:
    """The fee on an amount, in minor units, ≥ 0."""
    return fee.fixed_minor + div_half_up(amount_minor * fee.ppm, PPM)


def check_fee(fee: Fee) -> None:
    """Check that a fee can be taken.

    Raises:
        InputError: It is out of range.
    """
    if not 0 <= fee.fixed_minor <= AMOUNT_MINOR_MAX or not 0 <= fee.ppm <= FEE_PPM_MAX:
        raise InputError(
            f"a fee is 0 to {AMOUNT_MINOR_MAX} and 0 to {FEE_PPM_MAX} ppm", Code.AMOUNT_INVALID
        )


def fee_words(fee: Fee, unit: Unit) -> str:
    """A fee for people: `€0.50 and 2.5 %`; empty: there is none."""
    parts = []
    if fee.fixed_minor:
        parts.append(format_amount(fee.fixed_minor, unit))
    if fee.ppm:
        whole, rest = divmod(fee.ppm, PPM // 100)
        digits = f"{whole}.{rest:04}".rstrip("0").rstrip(".")
        parts.append(f"{digits} %")
    return " and ".join(parts)


def span_words(span_ms: int) -> str:
    """A stretch of time for people, rounded to nothing: `14 days`, `36 hours`."""
    for name, unit_ms in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)):
        count, rest = divmod(span_ms, unit_ms)
        if count and not rest:
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"{span_ms} milliseconds"

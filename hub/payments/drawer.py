"""Arithmetic of a cash drawer: what moves when a shift opens and closes. Pure.

A till's account in the book is negative by the cash that is in it. What is counted and
isn't booked goes to `suspense`, more or less, so that it is seen and never lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.items import Leg, Move
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

SAFE = "safe"
"""Where cash rests between shifts: `clearing/safe`."""
DENOMINATIONS_MAX = 32
"""The euro has 15 coins and notes."""
PIECES_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A drawer at the start of a shift, in minor units.

    Attributes:
        float_minor: Counted in it.
        from_safe_minor: Of that, put in from the safe; below 0: went to the safe.
        difference_minor: Counted more than the book and the safe explain.
    """

    float_minor: int
    from_safe_minor: int
    difference_minor: int


def open_drawer(
    booked_minor: int, float_minor: int | None, from_safe_minor: int | None, *, is_first: bool
) -> Opened:
    """Work out an opening.

    Args:
        booked_minor: Cash in it by the book.
        float_minor: Counted; None: nobody looked, as in a coin box.
        from_safe_minor: Put in from the safe; None: what the count needs, but never what
            would hide that something is missing. At its first shift a till is given to
            the book as it is, so the safe takes the whole difference.
        is_first: Whether it never had a shift.

    Raises:
        InputError: A count is out of range.
    """
    if float_minor is None:
        return Opened(float_minor=booked_minor, from_safe_minor=0, difference_minor=0)
    check_count(float_minor)
    missing = float_minor - booked_minor
    if from_safe_minor is None:
        from_safe_minor = missing if is_first else max(0, missing)
    if abs(from_safe_minor) > AMOUNT_MINOR_MAX:
        raise InputError(f"the safe gives at most {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    return Opened(
        float_minor=float_minor,
        from_safe_minor=from_safe_minor,
        difference_minor=missing - from_safe_minor,
    )


def opening_legs(till: str, unit: str, opened: Opened) -> tuple[Leg, ...]:
    """What the book moves at an opening; empty: nothing."""
    cash = chart.cash(till, unit)
    return (
        *_into(cash, chart.clearing(SAFE, unit), opened.from_safe_minor),
        *_into(cash, chart.house("suspense", unit), opened.difference_minor),
    )


def closing_legs(
    till: str, unit: str, *, difference_minor: int, to_safe_minor: int
) -> tuple[Leg, ...]:
    """What the book moves at a close; empty: nothing.

    Args:
        till: Which.
        unit: Unit of its cash.
        difference_minor: Counted more than expected.
        to_safe_minor: Taken out of the drawer, ≥ 0.
    """
    cash = chart.cash(till, unit)
    return (
        *_into(cash, chart.house("suspense", unit), difference_minor),
        *_into(cash, chart.clearing(SAFE, unit), -to_safe_minor),
    )


def count_denominations(denominations: Sequence[tuple[int, int]]) -> int:
    """Sum of counted coins and notes.

    Args:
        denominations: Value in minor units and number of pieces, each value once.

    Raises:
        InputError: A value or a number is out of range, or a value comes twice.
    """
    if len(denominations) > DENOMINATIONS_MAX:
        raise InputError(f"at most {DENOMINATIONS_MAX} denominations")
    if len({value for value, _ in denominations}) != len(denominations):
        raise InputError("a denomination is listed twice: add its pieces up")
    if not all(
        1 <= value <= AMOUNT_MINOR_MAX and 0 <= pieces <= PIECES_MAX
        for value, pieces in denominations
    ):
        raise InputError(
            f"a denomination is worth 1 or more, and counted 0 to {PIECES_MAX} times",
            Code.AMOUNT_INVALID,
        )
    total = sum(value * pieces for value, pieces in denominations)
    check_count(total)
    return total


def check_count(minor: int) -> None:
    """Check a counted sum.

    Raises:
        InputError: It is out of range.
    """
    if not 0 <= minor <= AMOUNT_MINOR_MAX:
        raise InputError(f"a count is 0 to {AMOUNT_MINOR_MAX} minor units", Code.AMOUNT_INVALID)


def _into(cash: str, other: str, minor: int) -> tuple[Leg, ...]:
    """Put cash into a drawer, or take it out when `minor` is below 0."""
    if minor > 0:
        return (Move(cash, other, minor),)
    return (Move(other, cash, -minor),) if minor < 0 else ()

"""Spending limits: what a member may still spend, from sums of days. Pure.

A limit is for a day, a week or a month, of one machine kind or of all together. What
counts is what was charged less what was given back, and what is held or granted and
not charged yet, each in the period in which its use began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from hub.errors import InputError
from hub.people.periods import (
    Period,
    day_at,
    first_day,
    next_first_day,
    number_of,
    period_bounds,
)
from wire.errors import Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

LIMITS_MAX = 24
"""Three periods for each of eight machine kinds: more than anyone can explain."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a member may spend in a period.

    Attributes:
        period: How long it holds.
        kind: Machine kind that it is for; empty: all kinds together.
        amount_minor: How much, in the account's unit; 0: nothing.
    """

    period: Period
    kind: str = ""
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Used:
    """What was spent, or is held, of one local day and machine kind."""

    day: int
    kind: str
    minor: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands.

    Attributes:
        limit: The limit.
        used_minor: What counts against it in the period that runs.
        ends_ms: When the next period begins, and the limit is fresh.
    """

    limit: Limit
    used_minor: int
    ends_ms: int

    @property
    def left_minor(self) -> int:
        """What may still be spent, ≥ 0."""
        return max(0, self.limit.amount_minor - self.used_minor)


def check_limits(limits: Sequence[Limit]) -> None:
    """Check limits that a person decided.

    Raises:
        InputError: Too many, two for the same, or one that is out of range.
    """
    if len(limits) > LIMITS_MAX:
        raise InputError(f"a member has at most {LIMITS_MAX} limits")
    if len({(limit.period, limit.kind) for limit in limits}) < len(limits):
        raise InputError("two limits for the same period and kind: keep one of them")
    for limit in limits:
        if limit.kind and not is_name(limit.kind):
            raise InputError("a machine kind is lower case letters, digits and _ . -")
        if not 0 <= limit.amount_minor <= AMOUNT_MINOR_MAX:
            raise InputError(f"a limit is 0 to {AMOUNT_MINOR_MAX} minor units", Code.AMOUNT_INVALID)


def standings(
    limits: Iterable[Limit], used: Sequence[Used], now_ms: int, tz: str
) -> tuple[Standing, ...]:
    """How limits stand at a moment, in their order.

    Args:
        limits: The limits.
        used: What counts, from `first_day_needed` on; several of one day add up.
        now_ms: Wall time.
        tz: Time zone by which the member's days are read.
    """
    today = day_at(now_ms, tz)
    found = []
    for limit in limits:
        first = first_day(today, limit.period)
        days = range(number_of(first), number_of(next_first_day(first, limit.period)))
        minor = sum(one.minor for one in used if one.day in days and limit.kind in ("", one.kind))
        found.append(Standing(limit, minor, period_bounds(now_ms, limit.period, tz)[1]))
    return tuple(found)


def first_day_needed(now_ms: int, tz: str) -> int:
    """The earliest local day that any limit looks back to."""
    today = day_at(now_ms, tz)
    return number_of(min(first_day(today, period) for period in Period))


def left_minor(found: Iterable[Standing], kind: str | None) -> int | None:
    """The least that is left over limits, ≥ 0; None: no limit applies.

    Args:
        found: How the limits stand.
        kind: Of the machine; None: only limits for all kinds together count.
    """
    applying = [one for one in found if not one.limit.kind or one.limit.kind == kind]
    return min((one.left_minor for one in applying), default=None)

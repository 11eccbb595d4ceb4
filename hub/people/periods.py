"""Days, weeks and months as a place's calendar has them. Pure.

A period is named by its local days, and a day begins at the first moment that the
place's clocks show its date, so a day of 23 or 25 hours is one day. Where clocks went
back over midnight, a date began twice: the first time counts, and nothing falls
between two periods.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from wire.usage import zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
DAYS_REMEMBERED_MAX = 4_096


class Period(StrEnum):
    """How long a limit holds before it is fresh again."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def period_bounds(now_ms: int, period: Period, tz: str) -> tuple[int, int]:
    """The period that a wall time lies in: when it begins, and when the next one does.

    A week begins on Monday (ISO 8601), a month on its first.

    Args:
        now_ms: Wall time, of the years 2 to 9998.
        period: Which.
        tz: IANA name of the time zone.

    Raises:
        TariffError: No such zone.
        OverflowError: A time beyond those years.
    """
    first = first_day(day_at(now_ms, tz), period)
    return begins_ms(first, tz), begins_ms(next_first_day(first, period), tz)


def day_at(now_ms: int, tz: str) -> date:
    """The local day that a wall time counts in.

    Raises:
        TariffError: No such zone.
        OverflowError: As `period_bounds`.
    """
    local = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone(tz)).date()
    # A date that began twice: what came between belongs to the day that had begun.
    following = local + _DAY
    return following if begins_ms(following, tz) <= now_ms else local


def first_day(day: date, period: Period) -> date:
    """The first day of a day's period."""
    if period is Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period is Period.MONTH else day


def next_first_day(first: date, period: Period) -> date:
    """The first day of the period that follows the one with this first day."""
    if period is Period.WEEK:
        return first + timedelta(days=7)
    if period is Period.MONTH:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first + _DAY


def number_of(day: date) -> int:
    """A day as a number that sorts and can be read: 20260131."""
    return day.year * 10_000 + day.month * 100 + day.day


@lru_cache(maxsize=DAYS_REMEMBERED_MAX)
def begins_ms(day: date, tz: str) -> int:
    """When clocks show a date first. A midnight that is skipped is the moment of the skip."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone(tz), fold=0)
    return (midnight.astimezone(UTC) - _EPOCH) // _MS

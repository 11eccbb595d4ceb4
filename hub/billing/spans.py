"""Whole periods of a plan, parts of them, and what a part costs. Pure, in local days.

Periods are counted from an anchor day. Months and years keep the anchor's day where the
month has it, and else end at the month's last: from 31 January on, the next begin on
28 February, 31 March, 30 April.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from wire.money import div_half_up

MONTHS_PER_YEAR = 12
DAYS_PER_WEEK = 7


class Every(StrEnum):
    """How long a plan's price holds."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Anchor(StrEnum):
    """From which day whole periods are counted."""

    START = "start"
    """From the subscription's first day: its first period is a whole one."""
    CALENDAR = "calendar"
    """From Mondays, firsts of months, and New Year."""


class Proration(StrEnum):
    """What a part of a period costs."""

    NONE = "none"
    """As much as the whole."""
    DAILY = "daily"
    """Its share by days."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `start` up to, not with, `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.end - self.start).days


def anchor_day(start: date, every: Every, anchor: Anchor) -> date:
    """The day from which a subscription's whole periods are counted."""
    if anchor is Anchor.START or every is Every.DAY:
        return start
    if every is Every.WEEK:
        return start - timedelta(days=start.weekday())
    return start.replace(day=1) if every is Every.MONTH else start.replace(month=1, day=1)


def whole_span(day: date, every: Every, anchor: date) -> Span:
    """The whole period that a day lies in.

    Args:
        day: Not before the anchor.
        every: How long a period is.
        anchor: Where the first one begins.

    Raises:
        OverflowError: A day beyond the year 9999.
    """
    if every in (Every.DAY, Every.WEEK):
        length = 1 if every is Every.DAY else DAYS_PER_WEEK
        start = day - timedelta(days=(day - anchor).days % length)
        return Span(start, start + timedelta(days=length))
    step = 1 if every is Every.MONTH else MONTHS_PER_YEAR
    months = (day.year - anchor.year) * MONTHS_PER_YEAR + day.month - anchor.month
    count = months // step
    if _after_months(anchor, count * step) > day:
        count -= 1
    return Span(_after_months(anchor, count * step), _after_months(anchor, (count + 1) * step))


def next_span(start: date, ends: date | None, every: Every, anchor: date) -> tuple[Span, Span]:
    """What to charge from a day on: the span, and the whole period that it is of.

    Args:
        start: First day that isn't charged yet.
        ends: First day that isn't paid any more, after `start`; None: none yet.
        every: How long a period is.
        anchor: Where the first one begins.
    """
    whole = whole_span(start, every, anchor)
    end = whole.end if ends is None else min(whole.end, ends)
    return Span(start, end), whole


def price_of(part: Span, whole: Span, price_minor: int, proration: Proration) -> int:
    """What a part of a period costs: parts of one period sum to its price exactly.

    Each part is a difference of two shares counted from the period's first day, so it
    doesn't matter into how many parts the period is cut.
    """
    if proration is Proration.NONE:
        return price_minor
    upto = div_half_up(price_minor * (part.end - whole.start).days, whole.days)
    return upto - div_half_up(price_minor * (part.start - whole.start).days, whole.days)


def _after_months(anchor: date, months: int) -> date:
    index = anchor.year * MONTHS_PER_YEAR + anchor.month - 1 + months
    year, month = index // MONTHS_PER_YEAR, index % MONTHS_PER_YEAR + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))

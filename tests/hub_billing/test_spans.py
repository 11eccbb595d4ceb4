"""Periods of plans and parts of them, over all calendars that there are."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from hub.billing.spans import (
    Anchor,
    Every,
    Proration,
    Span,
    anchor_day,
    next_span,
    price_of,
    whole_span,
)

days = st.dates(date(1999, 12, 25), date(2104, 3, 5))
everies = st.sampled_from(Every)
DAY = timedelta(days=1)


@given(anchor=days, every=everies, ahead=st.integers(0, 4_000))
def test_a_day_lies_in_its_period_and_periods_follow_each_other(anchor, every, ahead):
    day = anchor + timedelta(days=ahead)

    span = whole_span(day, every, anchor)

    assert span.start <= day < span.end
    assert anchor <= span.start
    assert whole_span(span.start, every, anchor) == span
    assert whole_span(span.end, every, anchor).start == span.end
    assert whole_span(span.end - DAY, every, anchor) == span


@given(
    anchor=days,
    every=everies,
    price=st.integers(1, 10**9),
    cuts=st.sets(st.integers(1, 400), max_size=8),
)
def test_parts_of_a_period_sum_to_its_price(anchor, every, price, cuts):
    whole = whole_span(anchor, every, anchor)
    edges = sorted(
        {whole.start, whole.end} | {whole.start + cut * DAY for cut in cuts if cut < whole.days}
    )
    parts = [Span(a, b) for a, b in itertools.pairwise(edges)]

    prices = [price_of(part, whole, price, Proration.DAILY) for part in parts]

    assert sum(prices) == price
    # Half up at both edges: a part is off its exact share by one at most.
    for part, cost in zip(parts, prices, strict=True):
        assert abs(cost * whole.days - price * part.days) <= whole.days


@given(start=days, every=everies, anchor=st.sampled_from(Anchor), pieces=st.integers(1, 30))
def test_what_is_charged_covers_every_day_once(start, every, anchor, pieces):
    base = anchor_day(start, every, anchor)
    day = start
    for _ in range(pieces):
        part, whole = next_span(day, None, every, base)
        assert part.start == day
        assert whole.start <= part.start < part.end == whole.end
        day = part.end


@given(start=days, every=everies, length=st.integers(1, 800), price=st.integers(1, 10**6))
def test_a_subscription_never_costs_more_than_whole_periods(start, every, length, price):
    ends = start + timedelta(days=length)
    base = anchor_day(start, every, Anchor.CALENDAR)
    day, cost, wholes = start, 0, 0
    while day < ends:
        part, whole = next_span(day, ends, every, base)
        cost += price_of(part, whole, price, Proration.DAILY)
        wholes += 1
        day = part.end
    assert day == ends
    assert cost <= wholes * price


@pytest.mark.parametrize(
    ("anchor", "day", "start", "end"),
    [
        ("2026-01-31", "2026-02-10", "2026-01-31", "2026-02-28"),
        ("2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("2024-01-31", "2024-02-29", "2024-02-29", "2024-03-31"),
        ("2026-01-31", "2026-04-29", "2026-03-31", "2026-04-30"),
        ("2026-01-31", "2026-12-31", "2026-12-31", "2027-01-31"),
        ("2026-01-15", "2026-03-14", "2026-02-15", "2026-03-15"),
    ],
)
def test_months_end_where_the_month_does(anchor, day, start, end):
    found = whole_span(date.fromisoformat(day), Every.MONTH, date.fromisoformat(anchor))

    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


def test_a_year_from_the_29th_of_february():
    leap = date(2024, 2, 29)

    first = whole_span(leap, Every.YEAR, leap)
    fourth = whole_span(date(2027, 6, 1), Every.YEAR, leap)

    assert (first.end, first.days) == (date(2025, 2, 28), 365)
    assert (fourth.start, fourth.end) == (date(2027, 2, 28), date(2028, 2, 29))


@pytest.mark.parametrize(
    ("every", "anchored"),
    [
        (Every.DAY, "2026-07-15"),
        (Every.WEEK, "2026-07-13"),
        (Every.MONTH, "2026-07-01"),
        (Every.YEAR, "2026-01-01"),
    ],
)
def test_the_calendars_anchor(every, anchored):
    day = date(2026, 7, 15)

    assert anchor_day(day, every, Anchor.CALENDAR).isoformat() == anchored
    assert anchor_day(day, every, Anchor.START) == day


def test_half_a_month_costs_half_of_it_half_up():
    whole = whole_span(date(2026, 4, 1), Every.MONTH, date(2026, 4, 1))
    half = Span(date(2026, 4, 16), date(2026, 5, 1))

    assert price_of(half, whole, 1_001, Proration.DAILY) == 500  # 1,001 - 501
    assert price_of(half, whole, 1_001, Proration.NONE) == 1_001

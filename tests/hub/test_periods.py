"""Days, weeks and months follow the place's calendar, whatever its clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st

from hub.errors import InputError
from hub.people.limits import Limit, Used, check_limits, left_minor, standings
from hub.people.periods import Period, day_at, number_of, period_bounds
from wire.errors import TariffError
from wire.usage import zone

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # clocks change at midnight
    "America/Havana",
    "America/St_Johns",  # until 2011 a minute after midnight: a date began twice
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # left a whole day out in 2011
)
moments = st.integers(0, 2_400_000_000_000)
places = st.sampled_from(ZONES)
periods = st.sampled_from(list(Period))


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000


def local(wall_ms: int, tz: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms)).astimezone(zone(tz))


@given(moments, periods, places)
@example(ms(2010, 11, 7, 2, 30, 30), Period.DAY, "America/St_Johns")
@example(ms(2010, 11, 7, 3, 0), Period.DAY, "America/St_Johns")
@example(ms(2011, 12, 30, 9, 59), Period.DAY, "Pacific/Apia")
@example(ms(2011, 12, 30, 10, 0), Period.MONTH, "Pacific/Apia")
def test_every_moment_lies_in_exactly_one_period(now_ms, period, tz):
    start_ms, end_ms = period_bounds(now_ms, period, tz)

    assert start_ms <= now_ms < end_ms
    assert period_bounds(start_ms, period, tz) == (start_ms, end_ms)
    assert period_bounds(end_ms - 1, period, tz) == (start_ms, end_ms)
    assert period_bounds(end_ms, period, tz)[0] == end_ms


@given(moments, periods, places)
def test_a_period_begins_when_clocks_first_show_its_date(now_ms, period, tz):
    start_ms, _ = period_bounds(now_ms, period, tz)
    begin = local(start_ms, tz)
    before = local(start_ms - 1, tz)

    assert before.date() < begin.date()
    if tz != "Pacific/Apia":
        assert period is not Period.WEEK or begin.weekday() == 0
        assert period is not Period.MONTH or begin.day == 1


@given(moments, places)
def test_weeks_and_months_are_made_of_whole_days(now_ms, tz):
    for period in (Period.WEEK, Period.MONTH):
        start_ms, end_ms = period_bounds(now_ms, period, tz)
        at_ms, days = start_ms, 0
        while at_ms < end_ms:
            at_ms, days = period_bounds(at_ms, Period.DAY, tz)[1], days + 1
        assert at_ms == end_ms
        assert days in ((6, 7) if period is Period.WEEK else range(28, 32)) or tz == "Pacific/Apia"


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)],
)
def test_a_day_when_clocks_change_has_its_hours(day, hours):
    start_ms, end_ms = period_bounds(ms(*day, 12), Period.DAY, "Europe/Berlin")

    assert end_ms - start_ms == hours * HOUR_MS
    assert local(start_ms, "Europe/Berlin").hour == 0


def test_a_midnight_that_is_skipped_is_the_moment_of_the_skip():
    start_ms, _ = period_bounds(ms(2024, 9, 8, 12), Period.DAY, "America/Santiago")

    assert start_ms == ms(2024, 9, 8, 4)
    assert local(start_ms, "America/Santiago").hour == 1


def test_a_zone_that_is_not_known_is_refused():
    with pytest.raises(TariffError, match="Nowhere"):
        period_bounds(0, Period.DAY, "Nowhere/Town")


@given(
    moments,
    places,
    st.lists(
        st.tuples(st.integers(-40 * DAY_MS, 40 * DAY_MS), st.sampled_from("ab"), st.integers(0, 99))
    ),
    st.lists(st.tuples(periods, st.sampled_from(["", "a", "b"]), st.integers(0, 300)), max_size=5),
)
def test_a_limit_counts_what_lies_between_the_bounds_of_its_period(now_ms, tz, uses, rules):
    now_ms += 41 * DAY_MS
    used = [Used(number_of(day_at(now_ms + at, tz)), kind, minor) for at, kind, minor in uses]
    limits = [Limit(period=period, kind=kind, amount_minor=most) for period, kind, most in rules]

    found = standings(limits, used, now_ms, tz)

    left = []
    for one in found:
        start_ms, end_ms = period_bounds(now_ms, one.limit.period, tz)
        expected = sum(
            minor
            for at, kind, minor in uses
            if start_ms <= now_ms + at < end_ms and one.limit.kind in ("", kind)
        )
        assert (one.used_minor, one.ends_ms) == (expected, end_ms)
        if one.limit.kind in ("", "a"):
            left.append(max(0, one.limit.amount_minor - expected))
    assert left_minor(found, "a") == (min(left) if left else None)


def limit(minor: int, kind: str = "") -> Limit:
    return Limit(period=Period.DAY, kind=kind, amount_minor=minor)


@pytest.mark.parametrize(
    "limits",
    [
        (limit(-1),),
        (limit(10**15 + 1),),
        (limit(1), limit(2)),
        (limit(1, "No Kind"),),
        tuple(limit(1, f"k{n}") for n in range(25)),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(InputError):
        check_limits(limits)

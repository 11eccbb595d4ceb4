"""When jobs are due: never twice for one due time, once after a long stop, by local days."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from hub.jobs.schedule import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    Daily,
    Due,
    Every,
    failed,
    first_due,
    is_due,
    looked_at,
    next_due,
    succeeded,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")

times = st.integers(946_684_800_000, 4_102_444_800_000)  # 2000 to 2100
schedules = st.one_of(
    st.builds(Every, st.sampled_from([60_000, HOUR_MS, 7 * HOUR_MS])),
    st.builds(Daily, st.integers(0, 1_439), st.sampled_from(ZONES)),
)


def longest_gap(schedule):
    return schedule.interval_ms if isinstance(schedule, Every) else DAY_MS + 2 * HOUR_MS


@given(schedule=schedules, now=times)
def test_the_next_due_time_is_later_and_not_far(schedule, now):
    following = next_due(schedule, now)

    assert now < following <= now + longest_gap(schedule)
    assert next_due(schedule, following - 1) == following  # a grid: it doesn't depend on now


@given(
    schedule=schedules,
    start=times,
    looks=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 5 * 60_000), st.integers(0, 40 * DAY_MS)), st.booleans()
        ),
        max_size=40,
    ),
)
def test_it_runs_once_for_a_due_time_and_once_after_a_long_stop(schedule, start, looks):
    due = first_due(schedule, start)
    now, worked = start, []
    for wait, works in looks:
        now += wait
        due = looked_at(due, schedule, now)
        if not is_due(due, now):
            assert due.try_ms > now
            continue
        if not works:
            before = due
            due = failed(due, now)
            assert due.due_ms == before.due_ms
            assert now < due.try_ms <= now + BACKOFF_MS_MAX
            continue
        worked.append(due.due_ms)
        due = succeeded(due, schedule, now)
        assert due.due_ms > now  # whatever was missed: once
        assert not is_due(due, now)
        assert due.failures == 0
    assert worked == sorted(set(worked))


@given(schedule=schedules, start=times, ahead=st.integers(DAY_MS, 4_000 * DAY_MS))
def test_a_clock_that_was_ahead_doesnt_stop_a_job_till_then(schedule, start, ahead):
    due = succeeded(first_due(schedule, start), schedule, start + ahead)

    assert looked_at(due, schedule, start).try_ms <= start + longest_gap(schedule)


def test_a_schedule_that_changed_to_earlier_holds_at_once():
    now = DAY_MS + 10 * HOUR_MS
    due = succeeded(Due(due_ms=0, try_ms=0), Daily(3 * 60, "UTC"), now)
    assert due.due_ms == 2 * DAY_MS + 3 * HOUR_MS

    assert looked_at(due, Daily(22 * 60, "UTC"), now).due_ms == DAY_MS + 22 * HOUR_MS


def test_failures_wait_longer_each_time_up_to_an_hour():
    due, waits = Due(due_ms=5, try_ms=5), []
    for _ in range(9):
        due = failed(due, 1_000)
        waits.append(due.try_ms - 1_000)

    assert waits[:3] == [BACKOFF_MS_MIN, 2 * BACKOFF_MS_MIN, 4 * BACKOFF_MS_MIN]
    assert waits[-1] == BACKOFF_MS_MAX
    assert due.due_ms == 5


@pytest.mark.parametrize(
    ("day", "utc_hours"),
    [
        ("2026-03-28", 1.5),  # 02:30 in winter
        ("2026-03-29", 1.5),  # clocks skip 02:00 to 03:00: it is 03:30
        ("2026-03-30", 0.5),
        ("2026-10-25", 0.5),  # 02:30 comes twice: the first
        ("2026-10-26", 1.5),
    ],
)
def test_each_local_day_has_one_moment(day, utc_hours):
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    begins = int(midnight.timestamp()) * 1_000
    schedule = Daily(150, "Europe/Berlin")

    moment = next_due(schedule, begins - 1)

    expected = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1_000
    assert moment == int(expected + utc_hours * HOUR_MS)


@settings(max_examples=20)
@given(start=times, zone=st.sampled_from(ZONES), minute=st.integers(0, 1_439))
def test_a_year_has_as_many_moments_as_days(start, zone, minute):
    schedule, now, count = Daily(minute, zone), start, 0
    while (now := next_due(schedule, now)) <= start + 365 * DAY_MS:
        count += 1

    assert count in (364, 365, 366)

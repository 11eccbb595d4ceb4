"""When a job is due. Pure: what was due, and the time, give what is due next.

Due times lie on a grid that doesn't depend on when a job ran, so restarts neither shift
nor repeat them. A hub that was off for long runs each job once, and goes on from then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from hub.people.periods import day_at
from wire.usage import zone

BACKOFF_MS_MIN = 60_000
BACKOFF_MS_MAX = 3_600_000
"""A job that fails all day is tried once an hour: a person has an alarm to look at."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class Every:
    """At whole multiples of an interval since 1970.

    Attributes:
        interval_ms: How far apart, > 0.
    """

    interval_ms: int


@dataclass(frozen=True, slots=True)
class Daily:
    """Once each local day.

    A time that clocks skip is as much later; of one that comes twice it is the first.

    Attributes:
        minute: Of the local day, 0 to 1,439.
        timezone: IANA name.
    """

    minute: int
    timezone: str


Schedule = Every | Daily


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due of a job.

    Attributes:
        due_ms: The due time that it wasn't run for yet.
        try_ms: When to run it: then, or later after a failure.
        failures: How often it failed since it last worked.
    """

    due_ms: int
    try_ms: int
    failures: int = 0


def next_due(schedule: Schedule, after_ms: int) -> int:
    """The first due time after a moment.

    Raises:
        TariffError: The time zone isn't known.
    """
    if isinstance(schedule, Every):
        return (after_ms // schedule.interval_ms + 1) * schedule.interval_ms
    today = day_at(after_ms, schedule.timezone)
    # From yesterday on: where clocks were set back over midnight, days overlap.
    moments = (_moment(today + offset * _DAY, schedule) for offset in range(-1, 4))
    return min(moment for moment in moments if moment > after_ms)


def first_due(schedule: Schedule, now_ms: int) -> Due:
    """What is due of a job that never ran: one that runs often is due now."""
    due_ms = now_ms if isinstance(schedule, Every) else next_due(schedule, now_ms)
    return Due(due_ms=due_ms, try_ms=due_ms)


def looked_at(due: Due, schedule: Schedule, now_ms: int) -> Due:
    """What is due when someone looks: sooner than it was, if the schedule changed so.

    The same when a clock that was ahead was set right: the job doesn't wait till then.
    """
    if due.try_ms <= now_ms:
        return due
    if due.failures:
        latest = now_ms + BACKOFF_MS_MAX
        return due if due.try_ms <= latest else replace(due, try_ms=latest)
    sooner = next_due(schedule, now_ms)
    return due if due.due_ms <= sooner else Due(due_ms=sooner, try_ms=sooner)


def is_due(due: Due, now_ms: int) -> bool:
    """Whether to run it now."""
    return due.try_ms <= now_ms


def succeeded(due: Due, schedule: Schedule, now_ms: int) -> Due:
    """What is due after it ran: the next time to come, whatever was missed before."""
    following = next_due(schedule, max(now_ms, due.due_ms))
    return Due(due_ms=following, try_ms=following)


def failed(due: Due, now_ms: int) -> Due:
    """What is due after it failed: the same, a while later, each time twice as long."""
    wait = min(BACKOFF_MS_MIN << min(due.failures, 10), BACKOFF_MS_MAX)
    return replace(due, try_ms=now_ms + wait, failures=due.failures + 1)


def _moment(day: date, schedule: Daily) -> int:
    local = datetime(
        day.year,
        day.month,
        day.day,
        schedule.minute // _MINUTES_PER_HOUR,
        schedule.minute % _MINUTES_PER_HOUR,
        tzinfo=zone(schedule.timezone),
        fold=0,
    )
    return (local.astimezone(UTC) - _EPOCH) // _MS

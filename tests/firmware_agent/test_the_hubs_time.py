"""Time by the hub: learned from messages that may be late, repeated or out of order."""

from __future__ import annotations

from hypothesis import given, strategies as st

from firmware_agent.core.hub_time import STEP_MS, TRUSTED_MS, at_start, learn, step_between
from wire.clock import Instant
from wire.events import ClockState

DAY_MS = 86_400_000


def test_before_the_hub_speaks_time_at_least_does_not_go_back():
    now = Instant(1_000, 5)

    assert at_start(now, 9_000, rtc=False).wall_ms(now) == 9_000
    assert at_start(now, 0, rtc=False).wall_ms(now) == 1_000
    assert at_start(now, 9_000, rtc=True).wall_ms(now) == 1_000
    assert at_start(now, 0, rtc=True).state is ClockState.RTC


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 30_000)), min_size=1, max_size=40))
def test_delays_never_set_the_clock_ahead_and_the_quickest_message_counts(messages):
    known, hub_ms, mono_ms = at_start(Instant(0, 0), 0, rtc=False), DAY_MS, 0
    least_delay_ms = 10**9
    for gap_ms, delay_ms in messages:
        hub_ms, mono_ms = hub_ms + gap_ms, mono_ms + gap_ms
        before = known
        known = learn(known, hub_ms - delay_ms, Instant(0, mono_ms))
        if known != before:
            least_delay_ms = min(least_delay_ms, delay_ms)
    now = Instant(0, mono_ms)

    assert known.wall_ms(now) <= hub_ms
    if mono_ms < TRUSTED_MS:
        assert known.wall_ms(now) >= hub_ms - min(least_delay_ms, messages[0][1])


def test_setting_the_own_clock_changes_nothing_once_the_hub_spoke():
    known = learn(at_start(Instant(0, 0), 0, rtc=False), DAY_MS, Instant(0, 100))

    assert known.wall_ms(Instant(5 * DAY_MS, 200)) == DAY_MS + 100


def test_a_late_message_does_not_set_the_clock_back():
    known = learn(at_start(Instant(0, 0), 0, rtc=False), DAY_MS, Instant(0, 100))
    late = learn(known, DAY_MS + 1, Instant(0, 300_000))

    assert late.wall_ms(Instant(0, 300_000)) == DAY_MS + 299_900


def test_a_repeated_message_says_nothing_even_after_a_long_time():
    known = learn(at_start(Instant(0, 0), 0, rtc=False), DAY_MS, Instant(0, 100))

    assert learn(known, DAY_MS, Instant(0, 10 * TRUSTED_MS)) is known


def test_only_a_wrong_clock_is_worth_a_line():
    before = at_start(Instant(DAY_MS, 0), 0, rtc=False)
    now = Instant(DAY_MS, 0)

    assert step_between(before, learn(before, DAY_MS + STEP_MS - 1, now), now) == 0
    assert step_between(before, learn(before, DAY_MS + STEP_MS, now), now) == STEP_MS
    assert step_between(before, learn(before, 1, now), now) == 1 - DAY_MS

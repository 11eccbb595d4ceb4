"""From readings to usage: nothing is charged twice, nothing negative, nothing by slicing."""

from __future__ import annotations

from hypothesis import given, strategies as st

from firmware_agent.core.metering import Bounds, Track, add_step, need_to_start, read_on
from firmware_agent.core.modes import charge_for
from hardware.ports import Quality, Reading
from tests.firmware_agent.rig import MACHINES, PER_KWH, PER_MINUTE, WASH
from wire.usage import NOTHING, total_quantity, total_time_ms

STEPS = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.integers(-500, 500),
        st.sampled_from(Quality),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(STEPS)
def test_usage_is_the_sum_of_what_meters_rose(steps):
    track, usage = Track(), NOTHING
    on_ms, total, lost, mono_ms = 0, 10_000, 0, 0
    expected, last_usable, first_on_ms = 0, None, None
    for time_ms, rise, quality, newly_lost in steps:
        on_ms, total, lost, mono_ms = on_ms + time_ms, total + rise, lost + newly_lost, mono_ms + 9
        first_on_ms = on_ms if first_on_ms is None else first_on_ms
        step = read_on(track, on_ms, Reading(total, quality, lost), mono_ms)
        usage, track = add_step(PER_KWH, usage, step, mono_ms), step.track
        if quality is Quality.OK:
            expected += max(0, total - last_usable) if last_usable is not None else 0
            assert step.went_backwards == max(0, (last_usable or total) - total)
            last_usable = total

    assert total_quantity(usage) == expected
    assert total_time_ms(usage) == (on_ms - first_on_ms if steps else 0)
    assert 0 <= track.units_lost <= lost


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=40), st.data())
def test_how_readings_are_sliced_does_not_change_the_charge(rises, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(rises), max_size=len(rises)))
    totals, total = [0], 0
    for rise in rises:
        total += rise
        totals.append(total)
    few = [0, *(t for t, keep in zip(totals[1:], kept, strict=True) if keep), totals[-1]]

    assert charge_of(totals) == charge_of(few)


def charge_of(totals):
    track, usage = Track(), NOTHING
    for mono_ms, total in enumerate(totals):
        step = read_on(track, 0, Reading(total, Quality.OK, 0), mono_ms)
        usage, track = add_step(PER_KWH, usage, step, mono_ms), step.track
    return charge_for(MACHINES[2], PER_KWH, usage)


def test_a_start_needs_what_any_use_costs():
    assert need_to_start(MACHINES[0], PER_MINUTE, 0) == 1
    assert need_to_start(MACHINES[1], WASH, 0) == 250
    assert need_to_start(MACHINES[0], None, 0) == 0


BOUNDED = Bounds(per_hour_max=3_600, wraps_at=65_536)


@given(st.lists(st.tuples(st.integers(0, 600_000), st.integers(0, 65_535)), max_size=40))
def test_no_totals_whatever_charge_more_than_a_meter_can_count(readings):
    track, mono_ms, counted, first_ms = Track(), 0, 0, None
    for pause_ms, total in readings:
        mono_ms += pause_ms
        first_ms = mono_ms if first_ms is None else first_ms
        step = read_on(track, 0, Reading(total, Quality.OK, 0), mono_ms, BOUNDED)
        assert 0 <= step.quantity <= BOUNDED.most(pause_ms)
        assert (step.quantity > 0) + (step.went_backwards > 0) + (step.jumped > 0) <= 1
        counted, track = counted + step.quantity, step.track
        assert track.total == total

    assert counted <= sum(BOUNDED.most(pause_ms) for pause_ms, _ in readings)


@given(st.integers(0, 65_535), st.lists(st.integers(0, 60), max_size=200))
def test_a_register_that_wraps_loses_nothing(start, rises):
    track = read_on(Track(), 0, Reading(start, Quality.OK, 0), 0, BOUNDED).track
    total, counted = start, 0
    for mono_ms, rise in enumerate(rises, start=1):
        total = (total + rise) % 65_536
        step = read_on(track, 0, Reading(total, Quality.OK, 0), mono_ms, BOUNDED)
        assert not step.went_backwards
        counted, track = counted + step.quantity, step.track

    assert counted == sum(rises)


def test_a_fall_is_a_wrap_only_where_the_file_says_so():
    track = Track(total=65_530)

    assert read_on(track, 0, Reading(4, Quality.OK, 0), 0, BOUNDED).quantity == 10
    assert read_on(track, 0, Reading(4, Quality.OK, 0), 0).went_backwards == 65_526
    # The old meter stood at the middle: another one was put in its place.
    assert read_on(Track(total=30_000), 0, Reading(4, Quality.OK, 0), 0, BOUNDED).quantity == 0

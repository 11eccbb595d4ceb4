"""The model machine: how time is cut never changes what it used."""

from __future__ import annotations

from hypothesis import given, strategies as st

from simulator.parts.plant import Plant, PlantSpec, advance, is_running, jam, switch

specs = st.builds(
    PlantSpec,
    pulses_per_hour=st.integers(0, 10_000_000),
    spin_up_ms=st.integers(0, 5_000),
    cycle_ms=st.none() | st.integers(1, 100_000),
)


@given(specs, st.lists(st.integers(0, 10_000), max_size=20))
def test_slices_of_time_add_up(spec, slices):
    started = switch(spec, Plant(), closed=True)
    sliced = started
    for elapsed_ms in slices:
        sliced = advance(spec, sliced, elapsed_ms)
    assert sliced == advance(spec, started, sum(slices))


@given(specs, st.integers(0, 10_000_000))
def test_pulses_are_the_loaded_time_times_the_rate_rounded_down(spec, elapsed_ms):
    plant = advance(spec, switch(spec, Plant(), closed=True), elapsed_ms)
    run_ms = elapsed_ms if spec.cycle_ms is None else min(elapsed_ms, spec.cycle_ms)
    assert plant.pulses == max(0, run_ms - spec.spin_up_ms) * spec.pulses_per_hour // 3_600_000


@given(specs, st.integers(0, 100_000))
def test_nothing_is_used_before_the_relay_closes_or_while_it_is_jammed(spec, elapsed_ms):
    assert advance(spec, Plant(), elapsed_ms).pulses == 0
    jammed = switch(spec, jam(Plant(), jammed=True), closed=True)
    plant = advance(spec, jammed, elapsed_ms)
    assert plant.pulses == 0
    assert not is_running(spec, plant)


def test_a_held_machine_gives_feedback_after_spinning_up_and_stops_with_the_relay():
    spec = PlantSpec(3_600, spin_up_ms=100)
    plant = advance(spec, switch(spec, Plant(), closed=True), 99)
    assert not is_running(spec, plant)
    plant = advance(spec, plant, 1)
    assert is_running(spec, plant)
    assert not is_running(spec, switch(spec, plant, closed=False))


def test_a_cycle_machine_runs_its_length_after_a_short_pulse():
    spec = PlantSpec(3_600, cycle_ms=5_000)
    plant = advance(spec, switch(spec, Plant(), closed=True), 200)
    plant = switch(spec, plant, closed=False)
    assert is_running(spec, plant)
    plant = advance(spec, plant, 4_799)
    assert is_running(spec, plant)
    plant = advance(spec, plant, 1)
    assert not is_running(spec, plant)
    assert plant.pulses == 5

"""Meters: whole units, honest about silence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hardware.errors import SpecError
from hardware.factory import open_meter, open_output
from hardware.ports import LEASE_MS_MAX, Quality, Reading
from hardware.specs import MeterSpec, OutputSpec
from wire.clock import ManualClock


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    pulses=st.lists(st.integers(1, 50), max_size=6),
    numerator=st.integers(1, 1000),
    denominator=st.integers(1, 1000),
)
def test_every_pulse_counts_and_the_ratio_is_exact(clock, pins, pulses, numerator, denominator):
    spec = MeterSpec(unit="Wh", pin=5, units_numerator=numerator, units_denominator=denominator)
    meter = open_meter(spec, clock)
    pin = pins.pin("GPIO5")
    count = 0
    for lot in pulses:
        for _ in range(lot):
            pin.drive_low()
            pin.drive_high()
        count += lot
        assert meter.read() == Reading(count * numerator // denominator, Quality.OK, 0)
    meter.close()


def test_a_pulse_under_way_counts_once(clock, pins):
    meter = open_meter(MeterSpec(unit="pulse", pin=5), clock)
    pin = pins.pin("GPIO5")
    pin.drive_low()
    pin.drive_low()
    assert meter.read().total == 1
    pin.drive_high()
    assert meter.read().total == 1
    meter.close()


def test_a_counter_goes_on_where_the_kernel_is(clock, tmp_path):
    count = tmp_path / "count"
    count.write_text("800\n")
    meter = open_meter(
        MeterSpec(
            unit="Wh",
            driver="counter",
            path=str(count),
            units_numerator=5,
            units_denominator=4,
        ),
        clock,
    )
    assert meter.read() == Reading(1000, Quality.OK, 0)
    count.write_text("802\n")
    assert meter.read().total == 1002
    assert meter.survives_restart


def test_a_counter_that_falls_is_passed_on(clock, tmp_path):
    count = tmp_path / "count"
    count.write_text("800\n")
    meter = open_meter(MeterSpec(unit="pulse", driver="counter", path=str(count)), clock)
    meter.read()
    count.write_text("3\n")
    assert meter.read() == Reading(3, Quality.OK, 0)


def test_a_counter_that_is_gone_is_silent_and_keeps_its_last_total(clock, tmp_path):
    count = tmp_path / "count"
    meter = open_meter(MeterSpec(unit="pulse", driver="counter", path=str(count)), clock)
    assert meter.read() == Reading(0, Quality.SILENT, 0)
    count.write_text("7\n")
    meter.read()
    count.unlink()
    assert meter.read() == Reading(7, Quality.SILENT, 0)


@pytest.mark.parametrize("text", ["", "seven", "-3", "1.5", "9" * 40, "\x00\xff"])
def test_what_is_no_count_is_unknown(clock, tmp_path, text):
    count = tmp_path / "count"
    count.write_text(text)
    meter = open_meter(MeterSpec(unit="pulse", driver="counter", path=str(count)), clock)
    assert meter.read().quality is Quality.UNKNOWN


def test_a_counter_that_stands_still_is_started(clock, tmp_path):
    (tmp_path / "count").write_text("0\n")
    (tmp_path / "enable").write_text("0\n")
    open_meter(MeterSpec(unit="pulse", driver="counter", path=str(tmp_path / "count")), clock)
    assert (tmp_path / "enable").read_text() == "1"


def test_running_time_is_whole_seconds_rounded_down(clock, pins):
    clock = ManualClock()
    output = open_output(OutputSpec(pin=17), clock)
    meter = open_meter(MeterSpec(unit="s", driver="runtime"), clock, output)
    output.set_on(LEASE_MS_MAX)
    clock.advance(2_999)
    assert meter.read() == Reading(2, Quality.OK, 0)
    clock.advance(1)
    assert meter.read().total == 3
    output.close()


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (MeterSpec(unit="Wh", driver="modbuz"), "'counter', 'runtime', 'modbus'"),
        (MeterSpec(unit="Wh", driver="pulse"), "`pin`"),
        (MeterSpec(unit="Wh", driver="counter"), "`path`"),
        (MeterSpec(unit="s", driver="runtime"), "output"),
        (MeterSpec(unit="Wh", pin=99), "pin 99"),
        (MeterSpec(unit="Wh", pin=5, units_denominator=0), "units_denominator"),
    ],
)
def test_a_spec_that_cannot_be_met_says_what_is_missing(clock, spec, word):
    with pytest.raises(SpecError, match=word):
        open_meter(spec, clock)

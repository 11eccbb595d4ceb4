"""A relay falls off unless somebody keeps it on."""

from __future__ import annotations

import time

import pytest

from hardware.errors import PartError
from hardware.factory import open_output
from hardware.ports import LEASE_MS_MAX
from hardware.specs import OutputSpec
from wire.clock import ManualClock


def states(pin):
    return [state.state for state in pin.states]


def test_an_active_high_relay_never_blinks_when_it_is_opened(pins, clock):
    output = open_output(OutputSpec(pin=17), clock)
    assert states(pins.pin("GPIO17")) == [False]
    assert not output.is_on
    output.close()
    assert True not in states(pins.pin("GPIO17"))


@pytest.mark.parametrize("active_high", [True, False])
def test_the_pin_follows_the_output(pins, clock, active_high):
    output = open_output(OutputSpec(pin=17, active_high=active_high), clock)
    pin = pins.pin("GPIO17")
    assert pin.state is not active_high
    output.set_on(LEASE_MS_MAX)
    assert pin.state is active_high
    output.set_off()
    assert pin.state is not active_high
    output.close()


def test_it_falls_off_by_itself_when_the_lease_ends(pins, clock, eventually):
    output = open_output(OutputSpec(pin=17), clock)
    started = time.monotonic()
    output.set_on(lease_ms=80)
    assert output.is_on
    eventually(lambda: not output.is_on)
    assert time.monotonic() - started >= 0.08
    assert pins.pin("GPIO17").state is False
    output.close()


def test_renewing_keeps_it_on_without_a_blink(pins, clock, eventually):
    output = open_output(OutputSpec(pin=17), clock)
    output.set_on(lease_ms=60)
    for _ in range(3):
        output.set_on(LEASE_MS_MAX)
    time.sleep(0.12)
    assert output.is_on
    # A shorter lease replaces a longer one.
    output.set_on(lease_ms=1)
    # The watchdog sleeps towards the long lease's end, so the short one must wake it.
    eventually(lambda: not output.is_on)
    assert states(pins.pin("GPIO17")) == [False, True, False]
    output.close()


@pytest.mark.parametrize("lease_ms", [0, -1, LEASE_MS_MAX + 1])
def test_a_lease_out_of_range_is_refused_and_changes_nothing(pins, clock, lease_ms):
    output = open_output(OutputSpec(pin=17), clock)
    with pytest.raises(ValueError, match="lease_ms"):
        output.set_on(lease_ms)
    assert not output.is_on
    output.close()


def test_closing_switches_off_is_final_and_may_be_repeated(pins, clock):
    output = open_output(OutputSpec(pin=17), clock)
    output.set_on(LEASE_MS_MAX)
    output.close()
    output.close()
    assert not output.is_on
    assert states(pins.pin("GPIO17"))[-1] is False
    with pytest.raises(PartError, match="closed"):
        output.set_on(1000)


def test_time_on_is_counted_over_all_times_it_was_on(pins):
    clock = ManualClock()
    output = open_output(OutputSpec(pin=17), clock)
    output.set_on(LEASE_MS_MAX)
    clock.advance(700)
    output.set_off()
    clock.advance(10_000)
    output.set_on(LEASE_MS_MAX)
    clock.advance(500)
    assert output.on_ms_total == 1_200
    output.close()
    assert output.on_ms_total == 1_200


def test_a_pin_in_use_says_so(pins, clock):
    output = open_output(OutputSpec(pin=17), clock)
    with pytest.raises(PartError, match="GPIO17"):
        open_output(OutputSpec(pin=17), clock)
    output.close()


def test_a_pin_that_fails_to_switch_off_is_tried_until_it_does(
    pins, clock, eventually, monkeypatch
):
    output = open_output(OutputSpec(pin=17), clock)
    output.set_on(LEASE_MS_MAX)
    write = output._device._write
    failures = [OSError("bus"), OSError("bus")]

    def failing(value):
        if failures:
            raise failures.pop()
        write(value)

    monkeypatch.setattr(output._device, "_write", failing)
    with pytest.raises(PartError, match="bus"):
        output.set_off()
    assert output.is_on
    eventually(lambda: not output.is_on)
    assert pins.pin("GPIO17").state is False
    output.close()

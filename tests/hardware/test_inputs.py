"""Buttons and feedback."""

from __future__ import annotations

from hardware.factory import open_button, open_input
from hardware.ports import ButtonPressed, InputChanged
from hardware.specs import ButtonSpec, InputSpec
from wire.clock import ManualClock


def test_a_press_is_reported_when_it_happens_and_bounces_are_one(pins, log):
    clock = ManualClock(mono_ms=1_000)
    button = open_button(ButtonSpec(id="start", pin=6), clock)
    button.start(log)
    pin = pins.pin("GPIO6")
    for _ in range(4):
        pin.drive_low()
        clock.advance(3)
        pin.drive_high()
    clock.advance(500)
    pin.drive_low()
    assert button.is_active
    assert log.expect(ButtonPressed, ButtonPressed) == [
        ButtonPressed("start", 1_000),
        ButtonPressed("start", 1_512),
    ]
    button.close()
    button.close()
    assert log.none_for(0.05)


def test_feedback_tells_its_level_first_and_then_each_change(pins, log):
    clock = ManualClock()
    part = open_input(InputSpec(id="runs", pin=7), clock)
    pin = pins.pin("GPIO7")
    part.start(log)
    pin.drive_high()
    pin.drive_high()
    pin.drive_low()
    assert [event.active for event in log.expect(*[InputChanged] * 3)] == [False, True, False]
    part.close()


def test_feedback_can_be_active_low(pins, log):
    part = open_input(InputSpec(id="runs", pin=7, active_high=False), ManualClock())
    part.start(log)
    pins.pin("GPIO7").drive_low()
    assert [event.active for event in log.expect(*[InputChanged] * 2)] == [False, True]
    part.close()

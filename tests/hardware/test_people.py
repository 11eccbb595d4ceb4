"""Lamps and text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from hardware.errors import SpecError
from hardware.factory import open_display, open_indicator
from hardware.people.display import encode_screen
from hardware.people.indicator import LOOKS
from hardware.ports import HealthState, Signal
from hardware.specs import DisplaySpec, IndicatorSpec
from simulator.parts.display_tube import DisplayTube

LAMPS = IndicatorSpec(red=2, green=3, blue=4)


@pytest.fixture
def tube(tmp_path):
    tube = DisplayTube(tmp_path / "pole")
    tube.plug()
    yield tube
    tube.unplug()


@pytest.fixture
def display(clock, tmp_path):
    display = open_display(DisplaySpec(port=str(tmp_path / "pole")), clock)
    yield display
    display.close()


def test_no_two_signals_share_a_rhythm():
    rhythms = [(bool(look.lamps), look.on_ms, look.off_ms) for look in LOOKS.values()]
    assert set(LOOKS) == set(Signal)
    assert len(set(rhythms)) == len(Signal)


@pytest.mark.parametrize("signal", list(Signal))
def test_each_signal_lights_its_lamps_and_closing_darkens_them(clock, pins, eventually, signal):
    indicator = open_indicator(LAMPS, clock)
    indicator.show(signal)
    lamps = {"red": pins.pin("GPIO2"), "green": pins.pin("GPIO3"), "blue": pins.pin("GPIO4")}
    for name, pin in lamps.items():
        if name in LOOKS[signal].lamps:
            eventually(lambda pin=pin: pin.state)
        else:
            assert not pin.state
    indicator.close()
    indicator.close()
    assert all(pin.function == "input" for pin in lamps.values())


def test_a_blinking_lamp_goes_dark_and_comes_back(clock, pins, eventually):
    indicator = open_indicator(LAMPS, clock)
    indicator.show(Signal.REFUSED)
    eventually(lambda: len(pins.pin("GPIO2").states) > 5)
    indicator.show(Signal.READY)
    assert pins.pin("GPIO3").state
    assert not pins.pin("GPIO2").state
    indicator.close()


def test_text_arrives_and_what_does_not_fit_is_cut(tube, display, eventually):
    display.show(("Waschmaschine Süd 12345", "Guthaben 4.20 €"))
    eventually(lambda: tube.lines == ("Waschmaschine Süd 12", "Guthaben 4.20 E"))
    display.show(("Frei",))
    eventually(lambda: tube.lines == ("Frei", ""))
    assert display.health.state is HealthState.UP


def test_a_display_plugged_in_later_shows_the_latest_text(tube, display, eventually):
    tube.unplug()
    display.show(("old",))
    display.show(("one",))
    eventually(lambda: display.health.state is HealthState.DOWN)
    display.show(("two",))
    tube.plug()
    eventually(lambda: tube.lines == ("two", ""))
    assert display.health.state is HealthState.UP


def test_a_pulled_display_is_noticed_at_the_next_text(tube, display, eventually):
    display.show(("one",))
    eventually(lambda: tube.lines[0] == "one")
    tube.unplug()
    display.show(("two",))
    eventually(lambda: display.health.state is HealthState.DOWN)
    assert display.health.reason


def test_closing_clears_the_display(tube, display, eventually):
    display.show(("one",))
    eventually(lambda: tube.lines[0] == "one")
    display.close()
    eventually(lambda: tube.lines == ("", ""))
    display.close()


@settings(deadline=None)  # the first letter of a script loads how it sounds
@given(st.lists(st.text(max_size=60), max_size=4).map(tuple), st.integers(1, 40))
def test_no_text_can_command_the_display(lines, columns):
    screen = encode_screen(lines, columns, rows=2)
    assert len(screen) == 2 * (3 + columns + 1)
    for at in (0, 4 + columns):
        body = screen[at + 3 : at + 3 + columns]
        assert screen[at : at + 2] == b"\x1bQ"
        assert not any(byte < 0x20 or byte == 0x7F for byte in body)


@pytest.mark.parametrize("size", [{"rows": 3}, {"columns": 0}, {"columns": 41}])
def test_a_size_the_command_set_cannot_address_is_refused(clock, size):
    with pytest.raises(SpecError, match="rows"):
        open_display(DisplaySpec(port="/nowhere", **size), clock)

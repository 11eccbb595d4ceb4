"""Character displays and OLEDs: the library's own drivers on virtual chips."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from luma.core.device import dummy
from PIL import Image, ImageChops

from hardware.errors import SpecError
from hardware.factory import open_buzzer, open_display
from hardware.people import screen_thread
from hardware.people.buzzer import SOUNDS
from hardware.people.i2c_bus import use_buses
from hardware.people.layout import PAGES_MAX, pages
from hardware.people.letters import printable
from hardware.people.oled import UNIFONT, PointScreen, load_font
from hardware.ports import ALL_SCRIPTS, LATIN_ONLY, HealthState, Signal
from hardware.specs import BuzzerSpec, DisplaySpec
from simulator.parts.i2c_display import CharacterPanel, I2cBus, PointPanel
from wire.clock import ManualClock

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "displays"
SAME_POINTS = 0.995
"""Versions of the font library may set a point differently; a letter is twenty points."""
PORT = "/dev/i2c-1"
pytestmark = pytest.mark.filterwarnings(
    "ignore:Image.Image.getdata is deprecated:DeprecationWarning"  # luma's, until Pillow 14
)

TEXTS = {
    "english": ("Laser", "€0.10/min"),
    "german": ("Außer Betrieb", "Andere nehmen", "größer: äöüÄÖÜ"),
    "chinese": ("余额不足", "请充值"),
    "arabic": ("الرصيد غير كاف", "يرجى الشحن"),
}
needs_unifont = pytest.mark.skipif(not UNIFONT.exists(), reason="needs Debian's fonts-unifont")


@pytest.fixture
def bus():
    bus = I2cBus({})
    use_buses(lambda port: bus)
    yield bus
    use_buses(None)


@pytest.fixture
def opened():
    displays = []

    def open_one(**fields):
        displays.append(open_display(DisplaySpec(port=PORT, **fields), ManualClock()))
        return displays[-1]

    yield open_one
    for display in displays:
        display.close()


def draw(lines, font_path="", size=(128, 64)):
    device = dummy(width=size[0], height=size[1], mode="1")
    font = load_font(font_path)[0]
    screen = PointScreen(device, font)
    screen.draw(screen.lay_out(lines)[0])
    return device.image


def points_alike(one, other):
    assert one.size == other.size
    black = ImageChops.logical_xor(one.convert("1"), other.convert("1")).histogram()[0]
    return black / (one.size[0] * one.size[1])


def test_a_character_display_shows_both_lines(bus, opened, eventually):
    panel = bus.devices[0x27] = CharacterPanel()
    display = opened(driver="hd44780", columns=16)
    display.show(("Laser", "EUR 0.10/min"))
    eventually(lambda: panel.lines == ("Laser", "EUR 0.10/min"))
    assert panel.is_lit
    assert display.health.state is HealthState.UP
    assert display.scripts == LATIN_ONLY

    display.show(("Frei",))
    eventually(lambda: panel.lines == ("Frei", ""))
    display.close()
    assert panel.lines == ("", "")
    assert not bus.is_open


def test_umlauts_are_right_and_what_is_missing_is_written_in_latin_letters(bus, opened, eventually):
    panel = bus.devices[0x27] = CharacterPanel(20, 4)
    display = opened(driver="hd44780", columns=20, rows=4)
    display.show(("Süd größer", "Ä 2,50\xa0€", "a\\b~c", "洗衣机 1"))
    eventually(lambda: panel.lines == ("Süd grösser", "Ae 2,50 EUR", "a?b?c", "XiYiJi 1"))


def test_text_that_is_too_long_is_shown_page_by_page(bus, opened, eventually, monkeypatch):
    monkeypatch.setattr(screen_thread, "PAGE_MS", 20)
    panel = bus.devices[0x27] = CharacterPanel()
    opened(driver="hd44780", columns=16).show(("Balance too low", "EUR 1.50 is missing here"))
    eventually(lambda: panel.lines == ("Balance too low", "EUR 1.50 is"))
    eventually(lambda: panel.lines == ("missing here", ""))
    eventually(lambda: panel.lines == ("Balance too low", "EUR 1.50 is"))


def test_a_display_plugged_in_later_shows_the_latest_text(bus, opened, eventually, monkeypatch):
    monkeypatch.setattr(screen_thread, "REOPEN_MS_MIN", 20)
    display = opened(driver="ssd1306")
    display.show(("old",))
    eventually(lambda: display.health.state is HealthState.DOWN)
    assert "nobody answers" in display.health.reason
    display.show(("new",))
    panel = bus.devices[0x3C] = PointPanel()
    eventually(lambda: points_alike(panel.image, draw(("new",))) == 1)
    assert display.health.state is HealthState.UP


def test_a_pulled_display_is_noticed_at_the_next_text(bus, opened, eventually):
    bus.devices[0x3C] = PointPanel()
    display = opened(driver="ssd1306")
    display.show(("one",))
    eventually(lambda: display.health.state is HealthState.UP)
    del bus.devices[0x3C]
    display.show(("two",))
    eventually(lambda: display.health.state is HealthState.DOWN)
    assert not bus.is_open


@pytest.mark.parametrize(
    ("driver", "panel"),
    [("ssd1306", PointPanel()), ("sh1106", PointPanel(first_column=2))],
)
def test_an_oled_shows_what_was_drawn(bus, opened, eventually, driver, panel):
    bus.devices[0x3D] = panel
    display = opened(driver=driver, address=0x3D)
    display.show(("Laser", "0.10/min"))
    eventually(lambda: points_alike(panel.image, draw(("Laser", "0.10/min"))) == 1)
    display.close()
    assert panel.image.getbbox() is None


@needs_unifont
@pytest.mark.parametrize("name", TEXTS)
def test_every_language_is_drawn_as_ever(name):
    golden = Image.open(GOLDEN / f"{name}.png")
    drawn = draw(TEXTS[name])

    assert points_alike(drawn, golden) >= SAME_POINTS
    assert points_alike(draw((*TEXTS[name][:-1], "x")), golden) < SAME_POINTS


def test_the_built_in_font_draws_latin_letters(monkeypatch):
    monkeypatch.setattr("hardware.people.oled.UNIFONT", Path("/nowhere"))
    load_font.cache_clear()
    try:
        assert load_font("")[1] == LATIN_ONLY
        assert points_alike(draw(("Laser", "0.10")), Image.open(GOLDEN / "built_in.png")) >= 0.98
    finally:
        load_font.cache_clear()


@needs_unifont
def test_a_font_writes_the_scripts_that_it_has():
    assert load_font("")[1] == ALL_SCRIPTS
    assert load_font(str(UNIFONT))[1] == ALL_SCRIPTS


@pytest.mark.parametrize(
    "fields",
    [
        {"driver": "hd44780", "columns": 17},
        {"driver": "hd44780", "columns": 16, "address": 0x80},
        {"driver": "ssd1306", "width": 100},
        {"driver": "sh1106", "address": 3},
        {"driver": "ssd1306", "font": "/nowhere.ttf"},
    ],
)
def test_what_cannot_be_is_refused(fields):
    with pytest.raises(SpecError):
        open_display(DisplaySpec(port=PORT, **fields), ManualClock())


@given(st.lists(st.text(max_size=40), max_size=6).map(tuple), st.integers(1, 20), st.integers(1, 4))
def test_every_page_fits_and_short_lines_stay_as_they_are(lines, columns, rows):
    laid = pages(lines, columns, rows)

    assert 1 <= len(laid) <= PAGES_MAX
    assert all(len(page) <= rows for page in laid)
    assert all(len(row) <= columns for page in laid for row in page)
    short = tuple(" ".join(line.split())[:columns].strip() for line in lines[:rows])
    if all(" ".join(line.split()) == cut for line, cut in zip(lines, short, strict=False)):
        assert laid[0] == short


@given(st.text(max_size=40))
def test_only_what_a_display_has_is_printed(text):
    assert printable(text, lambda char: char in "abc?").strip("abc?") == ""


def test_letters_are_written_as_those_who_use_them_do():
    ascii_only = lambda char: char.isascii()  # noqa: E731
    assert printable("Süßöl 5\xa0€…", ascii_only) == "Suessoel 5 EUR..."
    assert printable("a\x1bb\u202ec", ascii_only) == "a b c"


@pytest.mark.parametrize("signal", list(Signal))
def test_a_buzzer_sounds_once_for_each_signal(pins, eventually, signal, monkeypatch):
    buzzer = open_buzzer(BuzzerSpec(pin=5), ManualClock())
    buzzer.show(signal)
    buzzer.show(signal)
    times = SOUNDS[signal].times
    ups = lambda: sum(bool(one.state) for one in pins.pin("GPIO5").states[1:])  # noqa: E731
    eventually(lambda: ups() == times or (times and ups() >= 1))
    buzzer.close()
    buzzer.close()
    assert pins.pin("GPIO5").function == "input"


def test_no_two_signals_that_call_sound_alike():
    calling = {s: sound for s, sound in SOUNDS.items() if sound.times}
    assert set(SOUNDS) == set(Signal)
    assert len(set(calling.values())) == len(calling)

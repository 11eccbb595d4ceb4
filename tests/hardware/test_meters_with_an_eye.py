"""Meters with an optical port: asked by IEC 62056-21, or pushing SML."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from hardware.errors import SpecError
from hardware.factory import open_meter
from hardware.meters.iec_readout import readout_in, speed_of, total_in, values_in
from hardware.meters.obis import read_code, worth
from hardware.meters.sml import Listener
from hardware.meters.snapshot import Snapshot
from hardware.ports import HealthState, Quality
from hardware.specs import MeterSpec
from simulator.parts.iec_meter import VirtualIecMeter, readout
from simulator.parts.sml_meter import ENERGY, POWER, WH, VirtualSmlMeter, entry, telegram
from wire.clock import ManualClock

TOTAL = read_code("1.8.0")


class Total:
    def __init__(self, value):
        self.value = value

    def __call__(self):
        return self.value


@pytest.fixture
def total():
    return Total(12_345_678)


@pytest.fixture
def iec(tmp_path, total):
    meter = VirtualIecMeter(tmp_path / "eye", total, device="4711")
    meter.plug()
    yield meter
    meter.unplug()


@pytest.fixture
def sml(tmp_path, total):
    meter = VirtualSmlMeter(tmp_path / "eye", total, push_ms=50)
    meter.plug()
    yield meter
    meter.unplug()


@pytest.fixture
def meter(tmp_path, clock):
    made = []

    def make(driver, **fields):
        spec = {"unit": "Wh", "driver": driver, "port": str(tmp_path / "eye"), "poll_ms": 100}
        made.append(open_meter(MeterSpec(**{**spec, **fields}), clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stands_at(eventually, meter, total):
    eventually(lambda: meter.read().quality is Quality.OK and meter.read().total == total)


def test_a_meter_is_asked_at_300_baud_and_answers_at_9600(iec, meter, total, eventually):
    iec.echoes = True
    asked = meter("iec62056", device="4711")

    stands_at(eventually, asked, 12_345_678)
    total.value += 1
    stands_at(eventually, asked, 12_345_679)
    assert asked.survives_restart


def test_a_damaged_readout_is_no_total(iec, meter, eventually):
    iec.is_damaged = True
    asked = meter("iec62056")

    eventually(lambda: asked.health.state is HealthState.DOWN)
    assert "damaged" in asked.health.reason
    assert asked.read().quality is Quality.UNKNOWN
    iec.is_damaged = False
    stands_at(eventually, asked, 12_345_678)


def test_another_device_is_not_there(iec, meter, eventually):
    asked = meter("iec62056", device="4712")

    eventually(lambda: asked.health.state is HealthState.DOWN)
    assert asked.health.reason == "it doesn't name itself"
    assert asked.read().quality is Quality.UNKNOWN


def test_a_telegram_gives_the_total_rounded_down(sml, meter, total, eventually):
    heard = meter("sml")

    stands_at(eventually, heard, 1_234_567)
    total.value += 2
    stands_at(eventually, heard, 1_234_568)


def test_a_meter_that_pushes_and_falls_silent_is_silent(sml, meter, eventually):
    heard = meter("sml")
    stands_at(eventually, heard, 1_234_567)

    sml.is_silent = True

    eventually(lambda: heard.read().quality is Quality.SILENT)
    assert heard.read().total == 1_234_567
    sml.is_silent = False
    stands_at(eventually, heard, 1_234_567)


def test_a_damaged_telegram_is_passed_over(sml, meter, eventually):
    sml.is_damaged = True
    heard = meter("sml")

    eventually(lambda: heard.health.state is HealthState.DOWN)
    assert "damaged" in heard.health.reason
    sml.is_damaged = False
    stands_at(eventually, heard, 1_234_567)


def test_a_head_that_is_pulled_out_comes_back(sml, meter, eventually):
    heard = meter("sml")
    stands_at(eventually, heard, 1_234_567)
    sml.unplug()
    eventually(lambda: heard.health.state is HealthState.DOWN)

    sml.plug()

    eventually(lambda: heard.health.state is HealthState.UP)


@pytest.mark.parametrize(
    ("driver", "fields", "words"),
    [
        ("sml", {"port": None}, "needs `port`"),
        ("iec62056", {"port": None}, "needs `port`"),
        ("sml", {"obis": "energy"}, "a code like 1.8.0"),
        ("iec62056", {"obis": "1.8"}, None),
        ("iec62056", {"device": "a b"}, "letters and digits"),
    ],
)
def test_a_spec_that_cannot_be_met_says_what_to_write(meter, driver, fields, words):
    if words is None:
        meter(driver, **fields)
        return
    with pytest.raises(SpecError, match=words):
        meter(driver, **fields)


@given(st.integers(0, 999_999_999))
def test_any_total_is_read_out_exactly(wh):
    assert total_in(readout_in(b"noise" + readout(wh)), TOTAL, "Wh") == wh


@given(st.integers(0, 999_999), st.integers(1, 5))
def test_a_readout_without_its_end_is_waited_for(wh, missing):
    assert readout_in(readout(wh)[:-missing]) is None


@given(st.integers(0, 10**12), st.integers(-3, 3), st.data())
def test_any_total_is_found_in_a_telegram_cut_into_any_pieces(value, scaler, data):
    snapshot = Snapshot(ManualClock(), 1_000)
    listener = Listener(MeterSpec(unit="Wh", driver="sml"), snapshot)
    sent = b"\x1b\x1b" + telegram(entry(POWER, 27, 0, 5), entry(ENERGY, WH, scaler, value))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))

    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        listener.feed(sent[start:end])

    assert snapshot.read().total == value * Fraction(10) ** scaler // 1
    assert snapshot.read().quality is Quality.OK


def test_a_list_that_claims_gigabytes_is_refused():
    snapshot = Snapshot(ManualClock(), 1_000)
    listener = Listener(MeterSpec(unit="Wh", driver="sml"), snapshot)
    greedy = telegram(bytes.fromhex("ffffffffffff0f"))

    listener.feed(greedy)

    assert "claims more" in snapshot.health.reason
    assert snapshot.read().quality is Quality.UNKNOWN


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((entry(POWER, 27, 0, 5),), "has no value 1.8.0"),
        ((entry(ENERGY, 27, 0, 5),), "it tells W, and not Wh"),
        ((entry(ENERGY, WH, 100, 5),), "is no number"),
        ((entry(ENERGY, WH, 0, -5),), "negative"),
    ],
)
def test_a_telegram_that_says_something_else_is_unknown(entries, words):
    snapshot = Snapshot(ManualClock(), 1_000)
    listener = Listener(MeterSpec(unit="Wh", driver="sml"), snapshot)

    listener.feed(telegram(*entries))

    assert words in snapshot.health.reason
    assert snapshot.read().quality is Quality.UNKNOWN


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("1.8.0", True),
        ("1-0:1.8.0", True),
        ("1-0:1.8.0*255", True),
        ("1-1:1.8.0*255", True),
        ("1.8.1", False),
        ("2.8.0", False),
        ("1.8.0.0", None),
        ("1-0:1.8.0*999999", None),
    ],
)
def test_codes_match_whatever_a_meter_leaves_away(text, matches):
    code = read_code(text)

    assert (None if code is None else TOTAL.matches(code)) is matches


def test_units_that_do_not_go_together_are_refused():
    assert worth("Wh", "kWh") == 1_000
    assert worth("ml", "m³") == 1_000_000
    assert worth("pulse", "m3") == 1
    with pytest.raises(ValueError, match="tells m3, and not Wh"):
        worth("Wh", "m3")


def test_only_a_meter_names_itself():
    assert speed_of(b"/?4711!\r\n") is None
    assert speed_of(b"/?4711!\r\n/EMH5\\@01LZ\r\n") == "5"
    assert speed_of(b"/EMH5\\@01LZ") is None
    assert [value.unit for value in values_in(b"1.8.0(1.5*kWh)\r\nF.F(00)\r\n1.8.1(x)")] == ["kWh"]

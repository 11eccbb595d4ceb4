"""Modbus meters: exact totals from any register, and honest about silence."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from firmware_agent.config import parse_config
from hardware.errors import SpecError
from hardware.factory import open_meter
from hardware.meters.registers import TYPES, decode, words_of
from hardware.ports import HealthState, Quality
from hardware.specs import MeterSpec, RegisterSpec
from simulator.parts.modbus_bus import RegisterMap, Trouble, VirtualModbusBus, VirtualModbusMeter

FORMATS = dict(zip(TYPES, (">H", ">I", ">Q", ">i", ">q", ">f", ">d"), strict=True))


class Counts:
    """What a meter's register holds; a test turns it."""

    def __init__(self, value):
        self.value = value

    def __call__(self):
        return self.value


@pytest.fixture
def bus(tmp_path):
    """Builds a bus, and pulls it out at the end."""
    made = []

    def make(**meters):
        by_address = {int(name.removeprefix("at_")): meter for name, meter in meters.items()}
        made.append(VirtualModbusBus(tmp_path / "bus", by_address))
        made[-1].plug()
        return made[-1]

    yield make
    for one in made:
        one.unplug()


@pytest.fixture
def meter(tmp_path, clock):
    made = []

    def make(**fields):
        spec = {"unit": "Wh", "driver": "modbus", "port": str(tmp_path / "bus"), "poll_ms": 100}
        made.append(open_meter(MeterSpec(**{**spec, **fields}), clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def answers(eventually, meter, total):
    eventually(lambda: meter.read().quality is Quality.OK and meter.read().total == total)


def test_a_known_meter_needs_its_name_only(bus, meter, eventually):
    kwh = Counts(1234.5)
    bus(at_1=VirtualModbusMeter(RegisterMap(), kwh))
    sdm = meter(model="sdm120", baudrate=9_600)

    answers(eventually, sdm, 1_234_500)
    kwh.value = 1234.625
    answers(eventually, sdm, 1_234_625)
    assert sdm.survives_restart
    assert sdm.health.state is HealthState.UP


def test_a_meter_that_nobody_foresaw_takes_configuration_only(bus, eventually, tmp_path, clock):
    # A water meter: litres / 10 as a 64-bit number, lowest register first, function 3.
    invented = RegisterMap(address=0x2710, function=3, layout=">Q", words_reversed=True)
    bus(at_17=VirtualModbusMeter(invented, Counts(987_654_321_012)))
    config = parse_config(
        f"""
        [[machines]]
        id = "shower"
        output = {{ pin = 17 }}
        [machines.meter]
        unit = "ml"
        driver = "modbus"
        port = "{tmp_path / "bus"}"
        baudrate = 19200
        parity = "even"
        address = 17
        units_numerator = 100
        [machines.meter.register]
        address = 10000
        function = 3
        type = "uint64"
        word_order = "little"
        """
    )

    water = open_meter(config.machines[0].meter, clock)

    answers(eventually, water, 98_765_432_101_200)
    water.close()


def test_meters_on_one_bus_share_its_port(bus, meter, eventually):
    bus(
        at_1=VirtualModbusMeter(RegisterMap(), Counts(1.0)),
        at_2=VirtualModbusMeter(RegisterMap(), Counts(2.0)),
    )
    first, second = (meter(model="sdm230", address=address) for address in (1, 2))

    answers(eventually, first, 1_000)
    answers(eventually, second, 2_000)
    first.close()
    assert second.read().quality is Quality.OK


def test_an_absent_meter_is_silent_and_keeps_nobody_waiting(bus, meter, eventually):
    both = bus(
        at_1=VirtualModbusMeter(RegisterMap(), Counts(1.0)),
        at_2=VirtualModbusMeter(RegisterMap(), Counts(2.0)),
    )
    both.absent.add(1)
    missing, there = (meter(model="sdm230", address=address) for address in (1, 2))

    answers(eventually, there, 2_000)
    eventually(lambda: both.asked.get(2, 0) >= both.asked.get(1, 0) + 4)
    assert missing.read().quality is Quality.UNKNOWN
    assert missing.health.state is HealthState.DOWN
    both.absent.clear()
    answers(eventually, missing, 1_000)


@pytest.mark.parametrize("trouble", [Trouble.WRONG_CRC, Trouble.NOISE, Trouble.SILENT])
def test_what_is_damaged_on_the_wire_is_never_a_total(bus, meter, eventually, trouble):
    kwh = Counts(5.0)
    wire = bus(at_1=VirtualModbusMeter(RegisterMap(), kwh))
    sdm = meter(model="sdm230")
    answers(eventually, sdm, 5_000)
    wire.trouble = trouble
    kwh.value = 9.0
    eventually(lambda: sdm.health.state is HealthState.DOWN)

    # One lost answer isn't silence; the total stays until it is too old to be true.
    assert sdm.read().total == 5_000
    wire.trouble = Trouble.NONE
    answers(eventually, sdm, 9_000)


def test_a_total_that_grows_old_is_silence(bus, meter, eventually):
    wire = bus(at_1=VirtualModbusMeter(RegisterMap(), Counts(5.0)))
    sdm = meter(model="sdm230")
    answers(eventually, sdm, 5_000)

    wire.unplug()

    eventually(lambda: sdm.read().quality is Quality.SILENT)
    assert sdm.read().total == 5_000
    wire.plug()
    answers(eventually, sdm, 5_000)


def test_a_refused_register_makes_no_sense(bus, meter, eventually):
    bus(at_1=VirtualModbusMeter(RegisterMap(), Counts(5.0)))
    wrong = meter(register=RegisterSpec(address=0x0048, function=3))

    eventually(lambda: wrong.health.state is HealthState.DOWN)
    assert "refuses the register" in wrong.health.reason
    assert wrong.read().quality is Quality.UNKNOWN


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_what_is_no_total_is_unknown(bus, meter, eventually, value):
    kwh = Counts(5.0)
    bus(at_1=VirtualModbusMeter(RegisterMap(), kwh))
    sdm = meter(model="sdm230")
    answers(eventually, sdm, 5_000)
    kwh.value = value

    eventually(lambda: sdm.read().quality is Quality.UNKNOWN)
    assert sdm.read().total == 5_000


@given(st.sampled_from(TYPES), st.booleans(), st.booleans(), st.binary(min_size=8, max_size=8))
def test_any_register_is_read_exactly(type_, words_reversed, bytes_swapped, raw):
    spec = RegisterSpec(
        address=0,
        type=type_,
        word_order="little" if words_reversed else "big",
        byte_order="little" if bytes_swapped else "big",
    )
    raw = raw[: 2 * words_of(spec)]
    (number,) = struct.unpack(FORMATS[type_], raw)
    pairs = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    words = [int.from_bytes(pair, "little" if bytes_swapped else "big") for pair in pairs]
    words = words[::-1] if words_reversed else words

    try:
        found = decode(spec, words)
    except ValueError:
        assert not math.isfinite(number)
    else:
        assert found == Fraction(number)


def test_a_float_is_rounded_down_from_what_it_really_is(bus, meter, eventually):
    # 65536.1 kWh isn't a float32: the nearest one is 65536.1015625.
    bus(at_1=VirtualModbusMeter(RegisterMap(), Counts(65536.1)))

    answers(eventually, meter(model="sdm230"), 65_536_101)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"port": None, "model": "sdm120"}, "needs `port`"),
        ({}, "either `register` or `model`"),
        ({"model": "sdm120", "register": RegisterSpec(address=1)}, "either `register` or"),
        ({"model": "sdm120", "address": 0}, "address is 0"),
        ({"model": "sdm120", "unit": "l"}, "counts Wh, not l"),
        ({"model": "sdm120", "parity": "mark"}, "none, even or odd"),
        ({"register": RegisterSpec(address=70_000)}, "address is 70000"),
        ({"register": RegisterSpec(address=1, function=6)}, "function is 6"),
        ({"register": RegisterSpec(address=1, type="bcd")}, "type is 'bcd'"),
        ({"register": RegisterSpec(address=1, word_order="up")}, "word_order is 'up'"),
    ],
)
def test_a_spec_that_cannot_be_met_says_what_to_write(meter, fields, words):
    with pytest.raises(SpecError, match=words):
        meter(**fields)


def test_meters_on_one_bus_must_talk_alike(meter):
    meter(model="sdm230", address=1)
    with pytest.raises(SpecError, match="one baud rate"):
        meter(model="sdm120", address=2)
    with pytest.raises(SpecError, match="two meters with the address 1"):
        meter(model="sdm230", address=1)

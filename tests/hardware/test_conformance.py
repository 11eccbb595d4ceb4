"""What every part must do, whatever its driver."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from hardware import factory, specs
from hardware.errors import PartError, SpecError
from hardware.money.specs import CashSpec, VendSpec
from hardware.ports import Quality


def parts(tmp_path, clock):
    output = factory.open_output(specs.OutputSpec(pin=17), clock)
    yield output
    yield factory.open_meter(specs.MeterSpec(unit="pulse", pin=5), clock)
    count = str(tmp_path / "count")
    yield factory.open_meter(specs.MeterSpec(unit="pulse", driver="counter", path=count), clock)
    yield factory.open_meter(specs.MeterSpec(unit="s", driver="runtime"), clock, output)
    port = str(tmp_path / "bus")
    serial = {"unit": "Wh", "port": port}
    yield factory.open_meter(specs.MeterSpec(driver="modbus", model="sdm120", **serial), clock)
    yield factory.open_meter(specs.MeterSpec(driver="iec62056", **serial), clock)
    yield factory.open_meter(specs.MeterSpec(driver="sml", **serial), clock)
    plug = specs.PlugSpec(kind="shelly2", topic="nowhere", port=1)
    yield factory.open_meter(specs.MeterSpec(unit="Wh", driver="plug", plug=plug), clock)
    yield factory.open_output(specs.OutputSpec(driver="plug", plug=plug), clock)
    yield factory.open_button(specs.ButtonSpec(id="b", pin=6), clock)
    yield factory.open_input(specs.InputSpec(id="i", pin=7), clock)
    yield factory.open_indicator(specs.IndicatorSpec(red=2, green=3, blue=4), clock)
    yield factory.open_buzzer(specs.BuzzerSpec(pin=8), clock)
    yield factory.open_display(specs.DisplaySpec(port=str(tmp_path / "pole")), clock)
    bus = str(tmp_path / "i2c-1")
    for driver in ("hd44780", "ssd1306", "sh1106"):
        yield factory.open_display(specs.DisplaySpec(port=bus, driver=driver), clock)
    yield factory.open_reader(specs.ReaderSpec(id="r", port=str(tmp_path / "front")), clock)
    coins = {"id": "c", "values": (10,)}
    yield factory.open_acceptor(
        CashSpec(driver="coin_pulse", pin=9, inhibit_pin=10, **coins), clock
    )
    yield factory.open_acceptor(CashSpec(driver="cctalk", port=port, **coins), clock)
    yield factory.open_vendor(VendSpec(id="v", driver="mdb", port=port), clock)


def test_every_part_closes_twice_and_gives_its_pins_back(pins, tmp_path, clock):
    for _ in range(2):
        for part in list(parts(tmp_path, clock)):
            part.close()
            part.close()


def test_a_meter_answers_also_after_it_was_closed(pins, tmp_path, clock):
    for part in list(parts(tmp_path, clock)):
        if hasattr(part, "read"):
            part.close()
            reading = part.read()
            assert reading.total == 0
            assert reading.quality in Quality
            assert reading.lost == 0
        part.close()


@pytest.mark.parametrize(
    "open_part",
    [
        lambda clock: factory.open_reader(specs.ReaderSpec(id="r", port="/x", driver="q"), clock),
        lambda clock: factory.open_output(specs.OutputSpec(pin=1, driver="q"), clock),
        lambda clock: factory.open_meter(specs.MeterSpec(unit="s", driver="q"), clock),
        lambda clock: factory.open_indicator(
            specs.IndicatorSpec(red=1, green=2, blue=3, driver="q"), clock
        ),
        lambda clock: factory.open_buzzer(specs.BuzzerSpec(pin=1, driver="q"), clock),
        lambda clock: factory.open_display(specs.DisplaySpec(port="/x", driver="q"), clock),
        lambda clock: factory.open_acceptor(CashSpec(id="c", driver="q"), clock),
        lambda clock: factory.open_vendor(VendSpec(id="v", driver="q"), clock),
    ],
)
def test_an_unknown_driver_names_the_known_ones(open_part, clock):
    with pytest.raises(SpecError, match=r"unknown [\w ]+ driver 'q'; known are '\w+"):
        open_part(clock)


def test_a_lamp_pin_in_use_gives_the_other_pins_back(pins, clock):
    relay = factory.open_output(specs.OutputSpec(pin=4), clock)
    with pytest.raises(PartError, match="blue lamp"):
        factory.open_indicator(specs.IndicatorSpec(red=2, green=3, blue=4), clock)
    factory.open_output(specs.OutputSpec(pin=2), clock).close()
    relay.close()


@pytest.mark.parametrize(
    ("kind", "toml"),
    [
        (specs.ReaderSpec, b"id = 'r'\nport = '/x'\n"),
        (specs.OutputSpec, b"pin = 1\n"),
        (specs.PlugSpec, b"kind = 'tasmota'\ntopic = 'x'\n"),
        (specs.RegisterSpec, b"address = 1\n"),
        (specs.MeterSpec, b"unit = 's'\n"),
        (specs.ButtonSpec, b"id = 'b'\npin = 1\n"),
        (specs.InputSpec, b"id = 'i'\npin = 1\n"),
        (specs.IndicatorSpec, b"red = 1\ngreen = 2\nblue = 3\n"),
        (specs.DisplaySpec, b"port = '/x'\n"),
        (CashSpec, b"id = 'c'\ndriver = 'coin_pulse'\n"),
        (VendSpec, b"id = 'v'\ndriver = 'mdb'\n"),
    ],
)
def test_a_misspelt_field_is_refused(kind, toml):
    assert msgspec.toml.decode(toml, type=kind)
    with pytest.raises(msgspec.ValidationError, match="unknown field `prot`"):
        msgspec.toml.decode(toml + b"prot = 1\n", type=kind)


def test_specs_and_factory_import_no_driver_library():
    code = (
        "import sys, hardware.factory, hardware.specs, hardware.ports\n"
        "assert not {'nfc', 'gpiozero', 'serial', 'paho', 'minimalmodbus', 'smllib', 'gpiod'}"
        " & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

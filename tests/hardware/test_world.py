"""The real drivers in a process of their own, against the virtual parts."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import gpiozero
import msgspec
import pytest

from hardware.factory import open_button, open_display, open_input, open_meter, open_output
from hardware.ports import LEASE_MS_MAX, ButtonPressed, InputChanged, Quality
from hardware.specs import ButtonSpec, DisplaySpec, InputSpec, MeterSpec, OutputSpec
from simulator.parts.machine import BACKWARDS_STEP, Fault
from simulator.parts.parts_spec import parse_parts
from simulator.parts.pins import install
from simulator.parts.tags import Ntag
from simulator.parts.world import World

UID = bytes.fromhex("04a1b2c3d4e5f6")

PARTS = """
[[controllers]]
id = "one"
pins = "{dir}/one.pins"
readers = [{{ id = "front", port = "{dir}/front" }}]
buttons = [{{ id = "start", pin = 6 }}]

[[controllers.machines]]
id = "washer"
relay_pin = 17
meter_pin = 5
feedback_pin = 7
pulses_per_hour = 3600000
spin_up_ms = 20
lamps = {{ red = 2, green = 3, blue = 4 }}
display = {{ port = "{dir}/pole" }}

[[controllers.machines]]
id = "dryer"
relay_pin = 27
counter_path = "{dir}/count"
pulses_per_hour = 3600000

[[controllers]]
id = "two"
pins = "{dir}/two.pins"

[[controllers.machines]]
id = "saw"
relay_pin = 17
relay_active_high = false
"""

AGENT = """
import sys, time
from pathlib import Path
from simulator.parts.pins import install
from hardware.factory import open_meter, open_output
from hardware.specs import MeterSpec, OutputSpec
from tests.hardware.conftest import RunningClock

install(Path(sys.argv[1]))
output = open_output(OutputSpec(pin=17), RunningClock())
print("ready", flush=True)
while True:
    output.set_on(60_000)
    time.sleep(0.05)
"""


@pytest.fixture
def world(tmp_path):
    with World(parse_parts(PARTS.format(dir=tmp_path).encode())) as world:
        yield world


@pytest.fixture
def bridge(world, tmp_path):
    before = gpiozero.Device.pin_factory
    bridge = install(tmp_path / "one.pins")
    yield bridge
    bridge.factory.close()
    bridge.close()
    gpiozero.Device.pin_factory = before


def washer(world):
    return world.snapshot()["one"].machines["washer"]


def test_every_pulse_of_the_machine_reaches_the_meter(world, bridge, clock, eventually):
    output = open_output(OutputSpec(pin=17), clock)
    meter = open_meter(MeterSpec(unit="pulse", pin=5, pull_up=False), clock)
    output.set_on(LEASE_MS_MAX)
    eventually(lambda: meter.read().total > 200)
    output.set_off()
    eventually(lambda: not washer(world).relay)
    eventually(lambda: meter.read().total == washer(world).pulses)
    total = washer(world).pulses
    time.sleep(0.05)
    assert washer(world).pulses == meter.read().total == total
    assert [change.closed for change in world.history()] == [True, False]
    output.close()
    meter.close()


def test_feedback_comes_when_it_runs_and_goes_when_it_is_jammed(world, bridge, clock, log):
    output = open_output(OutputSpec(pin=17), clock)
    runs = open_input(InputSpec(id="runs", pin=7), clock)
    runs.start(log)
    output.set_on(LEASE_MS_MAX)
    off, on = log.expect(InputChanged, InputChanged)
    assert (off.active, on.active) == (False, True)
    world.set_fault("one", "washer", Fault.JAM)
    [jammed] = log.expect(InputChanged)
    assert not jammed.active
    assert washer(world).fault == "jam"
    output.close()
    runs.close()


def test_a_press_reaches_the_button(world, bridge, clock, log, eventually):
    button = open_button(ButtonSpec(id="start", pin=6), clock)
    button.start(log)
    eventually(lambda: world.snapshot()["one"].connected)
    assert world.press("one", "start")
    log.expect(ButtonPressed)
    button.close()


def test_a_press_that_nobody_feels_says_so(world):
    assert not world.press("one", "start")


def test_a_killed_process_leaves_its_relay_open(world, tmp_path):
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(tmp_path / "one.pins")],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    with agent:
        closed = world.wait_relay("one", "washer", closed=True, timeout_ms=20_000)
        assert closed is not None
        agent.kill()
    opened = world.wait_relay("one", "washer", closed=False, timeout_ms=10_000)
    assert opened is not None
    assert opened.released
    assert [change.closed for change in world.history()] == [True, False]


def test_a_counter_file_counts_without_an_agent_and_can_fall(world, bridge, clock, eventually):
    output = open_output(OutputSpec(pin=27), clock)
    path = Path(world._controllers["one"].machines["dryer"].parts.counter_path)
    meter = open_meter(MeterSpec(unit="pulse", driver="counter", path=str(path)), clock)
    assert meter.read().total == 0
    output.set_on(LEASE_MS_MAX)
    eventually(lambda: meter.read().total > 50)
    output.set_off()
    eventually(lambda: not world.snapshot()["one"].machines["dryer"].relay)
    before = meter.read().total
    world.set_fault("one", "dryer", Fault.BACKWARDS)
    assert meter.read().total == before - BACKWARDS_STEP
    world.set_fault("one", "dryer", Fault.SILENT)
    assert meter.read().quality is Quality.SILENT
    world.set_fault("one", "dryer", Fault.NONE)
    world.set_fault("one", "dryer", Fault.EXCHANGED)
    assert meter.read().total == 0
    output.close()


def test_pulses_cannot_go_back(world):
    with pytest.raises(ValueError, match="no meter with a count"):
        world.set_fault("one", "washer", Fault.BACKWARDS)


def test_a_tap_lays_the_card_down_and_takes_it_away(world, reader, log, eventually):
    reader.start(log)
    world.tap("one", "front", Ntag(UID), hold_ms=200)
    assert world.snapshot()["one"].cards["front"] == (UID.hex(),)
    eventually(lambda: world.snapshot()["one"].cards["front"] == ())
    kinds = [type(log.next()).__name__ for _ in range(3)]
    assert kinds == ["ReaderUp", "CardPresent", "CardGone"]


def test_the_snapshot_shows_what_the_display_shows(clock, world, tmp_path, eventually):
    display = open_display(DisplaySpec(port=str(tmp_path / "pole")), clock)
    display.show(("Ready", "Tap your card"))
    eventually(lambda: washer(world).display == ("Ready", "Tap your card"))
    assert b"Tap your card" in msgspec.json.encode(world.snapshot())
    display.close()


def test_inputs_held_before_the_agent_comes_are_there_when_it_opens_them(world, bridge, eventually):
    world._controllers["one"].pins.hold(7, level=True)
    eventually(lambda: bridge.driven(7) is True)
    from wire.clock import ManualClock

    runs = open_input(InputSpec(id="runs", pin=7), ManualClock())
    assert runs.is_active
    runs.close()


def test_an_active_low_relay_is_open_while_nobody_drives_it(world, tmp_path, clock, eventually):
    before = gpiozero.Device.pin_factory
    bridge = install(tmp_path / "two.pins")
    output = open_output(OutputSpec(pin=17, active_high=False), clock)
    output.set_on(LEASE_MS_MAX)
    assert world.wait_relay("two", "saw", closed=True, timeout_ms=10_000)
    bridge.close()
    opened = world.wait_relay("two", "saw", closed=False, timeout_ms=10_000)
    assert opened is not None
    assert opened.released
    output.close()
    gpiozero.Device.pin_factory = before

"""What every meter must do, whatever its driver: one suite for all of them.

Each stands in a virtual site: a real driver switches a machine, the machine then has a
load, and its meter counts it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import gpiozero
import pytest

from hardware.factory import METERS, open_meter, open_output
from hardware.ports import LEASE_MS_MAX, HealthState, Meter, Output, Quality
from hardware.specs import MeterSpec, OutputSpec, PlugSpec
from simulator.broker import EmbeddedBroker
from simulator.parts.machine import Fault
from simulator.parts.parts_spec import parse_parts
from simulator.parts.pins import install
from simulator.parts.world import World

START_WH = 1_000
MACHINE = """
[[controllers]]
id = "one"
pins = "{dir}/pins"
[[controllers.machines]]
id = "oven"
pulses_per_hour = 3600000
"""


@dataclass(frozen=True)
class Kind:
    """A meter, as both sides are told of it.

    Attributes:
        parts: How the virtual machine is wired.
        meter: How the controller's file says it.
        keeps: Whether the meter keeps its own count.
        is_plug: Whether the machine is switched by a plug.
        inexact: By how much a total may lag, in Wh: what its number format can't tell.
        stale: Whether a test can wait until it is too old.
    """

    parts: str
    meter: dict[str, object]
    keeps: bool = True
    plug: str = ""
    inexact: int = 0
    stale: bool = True
    start: int = 0


RELAY = "relay_pin = 17\n"
EYE = 'meter = {{ kind = "KIND", port = "{dir}/meter", start_wh = 1000 }}\n'
AT_PORT = {"port": "{dir}/meter", "poll_ms": 100}
KINDS = {
    "pulse": Kind(RELAY + "meter_pin = 5\n", {"pin": 5, "pull_up": False}, keeps=False),
    "counter": Kind(RELAY + 'counter_path = "{dir}/count"\n', {"path": "{dir}/count"}),
    "runtime": Kind(RELAY, {}, keeps=False),
    "modbus": Kind(
        RELAY + EYE.replace("KIND", "modbus"),
        {**AT_PORT, "model": "sdm120"},
        inexact=1,
        start=START_WH,
    ),
    "sml": Kind(RELAY + EYE.replace("KIND", "sml"), AT_PORT, start=START_WH),
    "iec62056": Kind(RELAY + EYE.replace("KIND", "iec62056"), AT_PORT, stale=False, start=START_WH),
    **{
        f"plug {kind}": Kind(
            f'plug = {{{{ kind = "{kind}", topic = "oven", broker_port = {{port}} }}}}\n',
            {},
            plug=kind,
            stale=False,
        )
        for kind in ("shelly1", "shelly2", "tasmota")
    },
}


KEEPING = [name for name, kind in KINDS.items() if kind.keeps]
FALLING_SILENT = [name for name in KEEPING if KINDS[name].stale]
"""Plugs have their own tests, and a slow readout is good for a minute."""


@dataclass
class Bench:
    kind: Kind
    world: World
    output: Output
    meter: Meter
    totals: list[int] = field(default_factory=list)

    def total(self) -> int | None:
        """The total, when it is one."""
        reading = self.meter.read()
        if reading.quality is not Quality.OK:
            return None
        self.totals.append(reading.total)
        return reading.total

    def machine(self):
        return self.world.snapshot()["one"].machines["oven"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def bench(request, tmp_path, clock, broker):
    kind, driver = KINDS[request.param], request.param.partition(" ")[0]
    here = {"dir": tmp_path, "port": broker.port}
    fields = {
        name: value.format(**here) if isinstance(value, str) else value
        for name, value in kind.meter.items()
    }
    before = gpiozero.Device.pin_factory
    with World(parse_parts((MACHINE + kind.parts).format(**here).encode())) as world:
        bridge = install(tmp_path / "pins")
        plug = PlugSpec(kind=kind.plug, topic="oven", port=broker.port) if kind.plug else None
        how = OutputSpec(pin=17) if plug is None else OutputSpec(driver="plug", plug=plug)
        output = open_output(how, clock)
        unit = "s" if driver == "runtime" else "Wh"
        meter = open_meter(MeterSpec(unit=unit, driver=driver, **fields), clock, output)
        yield Bench(kind, world, output, meter)
        meter.close()
        output.close()
        bridge.factory.close()
        bridge.close()
    gpiozero.Device.pin_factory = before


def run_oven(bench, eventually, until):
    """Switch on until the meter has counted so much, and off; gives what it stands at then."""
    eventually(lambda: bench.total() is not None)
    if bench.kind.plug:
        eventually(lambda: bench.output.health.state is HealthState.UP)
    bench.output.set_on(LEASE_MS_MAX)
    eventually(lambda: bench.machine().relay)
    eventually(lambda: (bench.total() or 0) >= bench.kind.start + until)
    bench.output.set_off()
    eventually(lambda: not bench.machine().relay)


@pytest.mark.parametrize("bench", ["runtime"], indirect=True)
def test_time_is_what_the_output_was_on(bench, eventually):
    run_oven(bench, eventually, 1)

    assert bench.meter.read().total == bench.output.on_ms_total // 1000


@pytest.mark.parametrize("bench", [name for name in KINDS if name != "runtime"], indirect=True)
def test_it_counts_what_the_machine_used_and_passes_on_a_fall(bench, eventually):
    run_oven(bench, eventually, 300)
    used = bench.kind.start + bench.machine().pulses

    eventually(lambda: (bench.total() or 0) >= used - bench.kind.inexact)
    assert bench.meter.read().total <= used
    assert bench.totals == sorted(bench.totals)
    assert bench.meter.survives_restart is bench.kind.keeps
    assert bench.meter.read().lost == 0
    if bench.kind.keeps:
        # What a fall means is the agent's to decide: it is passed on.
        bench.world.set_fault("one", "oven", Fault.EXCHANGED)
        eventually(lambda: bench.total() == 0)


@pytest.mark.parametrize("bench", FALLING_SILENT, indirect=True)
def test_it_says_when_it_does_not_answer_and_comes_back(bench, eventually):
    eventually(lambda: bench.total() is not None)
    total = bench.meter.read().total

    bench.world.set_fault("one", "oven", Fault.SILENT)

    eventually(lambda: bench.meter.read().quality is Quality.SILENT)
    assert bench.meter.read().total == total
    bench.world.set_fault("one", "oven", Fault.NONE)
    eventually(lambda: bench.total() == total)


@pytest.mark.parametrize("bench", KINDS, indirect=True)
def test_it_closes_twice_and_still_answers(bench):
    bench.meter.close()
    bench.meter.close()

    assert bench.meter.read().quality in Quality


def test_every_driver_that_ships_is_held_to_this():
    # The numbers of `pulse_gpiod` come from the kernel: test_numbered_pulses.py.
    assert {name.partition(" ")[0] for name in KINDS} | {"pulse_gpiod"} == set(METERS.names)

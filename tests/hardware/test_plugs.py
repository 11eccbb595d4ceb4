"""Sockets over a real broker: on for a lease only, and unknown when they are gone."""

from __future__ import annotations

import pytest

from hardware.errors import PartError, SpecError
from hardware.factory import open_meter, open_output
from hardware.ports import LEASE_MS_MAX, HealthState, Quality
from hardware.specs import MeterSpec, OutputSpec, PlugSpec
from simulator.broker import MosquittoBroker
from simulator.parts.plugs import PLUGS
from tests.support.parts import require

KINDS = sorted(PLUGS)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    require("mosquitto", "mosquitto")
    broker = MosquittoBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


class Socket:
    """A virtual plug and the output that drives it."""

    def __init__(self, kind, broker, clock, eventually):
        self.wh = 1234.567
        self.plug = PLUGS[kind](broker.port, f"{kind}-lamp", wh=lambda: self.wh)
        self.spec = PlugSpec(kind=kind, topic=f"{kind}-lamp", port=broker.port)
        self.clock = clock
        self.eventually = eventually
        self.plug.plug()
        self.output = open_output(OutputSpec(driver="plug", plug=self.spec), clock)

    def is_up(self):
        return self.output.health.state is HealthState.UP

    def meter(self):
        spec = MeterSpec(unit="Wh", driver="plug")
        return open_meter(spec, self.clock, self.output)

    def on(self, lease_ms=LEASE_MS_MAX):
        self.eventually(self.is_up)
        self.output.set_on(lease_ms)
        self.eventually(lambda: self.output.is_on)


@pytest.fixture
def socket(request, broker, clock, eventually):
    made = Socket(request.param, broker, clock, eventually)
    yield made
    made.output.close()
    made.plug.unplug()


@pytest.mark.parametrize("socket", KINDS, indirect=True)
def test_it_is_on_when_it_says_so_and_off_when_it_is_told(socket, eventually):
    socket.on()
    assert socket.plug.is_on

    socket.output.set_off()

    eventually(lambda: not socket.plug.is_on)
    eventually(lambda: not socket.output.is_on)


def test_one_that_was_left_on_is_switched_off(broker, clock, eventually):
    plug = PLUGS["shelly2"](broker.port, "left-on")
    plug.plug()
    plug.switch(on=True)
    spec = PlugSpec(kind="shelly2", topic="left-on", port=broker.port)
    output = open_output(OutputSpec(driver="plug", plug=spec), clock)

    eventually(lambda: not plug.is_on)
    output.close()
    plug.unplug()


@pytest.mark.parametrize("socket", KINDS, indirect=True)
def test_without_us_its_own_timer_ends_it(socket, eventually):
    if socket.plug.topic.startswith("shelly1"):
        socket.plug.auto_off_s = 1
    socket.on(1_000)

    socket.plug.cut()

    assert socket.plug.timer_ms is not None
    eventually(lambda: not socket.plug.is_on)


@pytest.mark.parametrize("socket", KINDS, indirect=True)
def test_a_lease_that_nobody_renews_ends(socket, eventually):
    socket.on(400)

    eventually(lambda: not socket.plug.is_on)
    eventually(lambda: not socket.output.is_on)
    assert socket.output.on_ms_total > 0


@pytest.mark.parametrize("socket", KINDS, indirect=True)
def test_a_renewed_lease_starts_its_timer_anew(socket, eventually):
    socket.on(LEASE_MS_MAX)
    eventually(lambda: socket.plug.timer_ms is not None)
    before_ms = socket.plug.timer_ms

    eventually(lambda: socket.plug.timer_ms < before_ms)
    low_ms = socket.plug.timer_ms
    socket.output.set_on(LEASE_MS_MAX)

    eventually(lambda: socket.plug.timer_ms > low_ms)
    assert socket.plug.is_on


@pytest.mark.parametrize("socket", ["shelly2"], indirect=True)
def test_one_that_went_away_is_unknown_and_not_off(socket, eventually):
    socket.on()

    socket.plug.cut()

    eventually(lambda: socket.output.health.state is HealthState.DOWN)
    assert "lost its connection" in socket.output.health.reason
    assert socket.output.is_on
    with pytest.raises(PartError, match="lost its connection"):
        socket.output.set_on(LEASE_MS_MAX)
    with pytest.raises(PartError, match="switches itself off when its lease ends"):
        socket.output.set_off()
    socket.plug.restore()
    eventually(socket.is_up)
    eventually(lambda: not socket.plug.is_on)


@pytest.mark.parametrize("socket", ["shelly2"], indirect=True)
def test_one_that_is_switched_off_at_the_socket_is_a_fault_until_it_is_seen_to(socket, eventually):
    socket.on()

    socket.plug.press()

    eventually(lambda: socket.output.health.state is HealthState.DOWN)
    assert "went off by itself" in socket.output.health.reason
    assert not socket.output.is_on
    with pytest.raises(PartError, match="went off by itself"):
        socket.output.set_on(LEASE_MS_MAX)
    socket.output.set_off()
    eventually(socket.is_up)


@pytest.mark.parametrize("socket", ["shelly2"], indirect=True)
def test_one_that_is_switched_on_at_the_socket_is_switched_off(socket, eventually):
    eventually(socket.is_up)
    eventually(lambda: not socket.output._link._brain._reported)

    socket.plug.press()

    eventually(lambda: not socket.plug.is_on)
    assert socket.output.on_ms_total == 0


@pytest.mark.parametrize("socket", KINDS, indirect=True)
def test_its_meter_is_read_as_it_was_sent(socket, eventually):
    meter = socket.meter()
    eventually(lambda: meter.read().quality is Quality.OK)
    # Tasmota tells kWh with three digits.
    assert meter.read().total == (1_235 if socket.spec.kind == "tasmota" else 1_234)
    socket.wh = 1240.0

    eventually(lambda: meter.read().total == 1_240)
    meter.close()


def test_a_first_generation_without_its_timer_is_never_used(broker, clock, eventually):
    made = Socket("shelly1", broker, clock, eventually)
    made.plug.auto_off_s = None
    eventually(made.is_up)
    made.output.set_on(LEASE_MS_MAX)

    eventually(lambda: made.output.health.state is HealthState.DOWN)
    assert "auto-off timer isn't set" in made.output.health.reason
    eventually(lambda: not made.plug.is_on)
    made.output.close()
    made.plug.unplug()


def test_closing_switches_off(broker, clock, eventually):
    made = Socket("shelly2", broker, clock, eventually)
    made.on()

    made.output.close()

    eventually(lambda: not made.plug.is_on)
    with pytest.raises(PartError, match="it is closed"):
        made.output.set_on(1_000)
    made.plug.unplug()


def test_without_a_broker_it_is_down_and_says_where_it_looked(clock, eventually):
    spec = PlugSpec(kind="shelly2", topic="nowhere", port=1)
    output = open_output(OutputSpec(driver="plug", plug=spec), clock)

    eventually(lambda: "127.0.0.1:1" in output.health.reason)
    with pytest.raises(PartError, match="can't be reached"):
        output.set_on(1_000)
    output.close()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (OutputSpec(driver="plug"), "needs `plug`"),
        (OutputSpec(driver="plug", plug=PlugSpec(kind="wemo", topic="x")), "unknown plug 'wemo'"),
        (OutputSpec(driver="plug", plug=PlugSpec(kind="tasmota", topic="")), "needs its topic"),
        (OutputSpec(), "needs `pin`"),
    ],
)
def test_a_spec_that_cannot_be_met_says_what_to_write(clock, spec, words):
    with pytest.raises(SpecError, match=words):
        open_output(spec, clock)


def test_a_meter_needs_a_plug(clock):
    with pytest.raises(SpecError, match="or an output that is one"):
        open_meter(MeterSpec(unit="Wh", driver="plug"), clock)
    plug = PlugSpec(kind="shelly2", topic="x")
    with pytest.raises(SpecError, match="counts Wh, not l"):
        open_meter(MeterSpec(unit="l", driver="plug", plug=plug), clock)

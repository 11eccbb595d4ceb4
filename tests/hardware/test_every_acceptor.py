"""What every acceptor of coins and notes must do, whatever its driver: one suite for all.

Each driver stands before a virtual device in a virtual site: on pins, or on a bus that gives
back what the host says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gpiozero
import pytest

from hardware.factory import ACCEPTORS, open_acceptor
from hardware.money import cctalk, cctalk_bus, coin_pulse
from hardware.money.ports import (
    AcceptorDown,
    AcceptorUp,
    CashAcceptor,
    CashInserted,
)
from hardware.money.specs import CashSpec
from hardware.ports import HealthState
from simulator.parts.cash_room import CashRoom
from simulator.parts.parts_spec import parse_parts
from simulator.parts.pins import install
from simulator.parts.world import World

MACHINE = """
[[controllers]]
id = "one"
pins = "{dir}/pins"
[[controllers.machines]]
id = "till"
relay_pin = 17
[[controllers.machines.cash]]
id = "box"
"""


@dataclass(frozen=True)
class Kind:
    """An acceptor, as both sides are told of it.

    Attributes:
        parts: The virtual device.
        spec: How the controller's file says it.
        coins: Numbers that a person puts in, and what they are worth.
        counts: Whether the device numbers its coins.
        is_bus: Whether it can be unplugged, so that it is missed.
    """

    parts: str
    spec: dict[str, object]
    coins: dict[int, int]
    kind: str = "coin"
    counts: bool = True
    is_bus: bool = True


BUS = 'port = "{dir}/bus"\n'
ON_BUS = {"driver": "cctalk", "port": "{dir}/bus"}
EURO = {1: 5, 3: 20, 6: 200}
NOTES = {1: 500, 2: 1_000, 4: 5_000}
PULSES = {"driver": "coin_pulse", "pin": 5, "inhibit_pin": 6, "gap_ms": 100, "pulse_ms_max": 200}
KINDS = {
    "pulses by number": Kind(
        'kind = "pulse"\npin = 5\ninhibit_pin = 6\n',
        {**PULSES, "values": (10, 20, 50, 0, 0, 200)},
        {1: 10, 3: 50, 6: 200},
        counts=False,
        is_bus=False,
    ),
    "pulses of one worth": Kind(
        'kind = "pulse"\npin = 5\ninhibit_pin = 6\npulses_low = false\n',
        {**PULSES, "pulse_minor": 50, "pull_up": False, "kind": "note"},
        {1: 50, 10: 500},
        kind="note",
        counts=False,
        is_bus=False,
    ),
    "cctalk coins": Kind(BUS, {**ON_BUS, "country": "EU"}, EURO),
    "cctalk coins by their numbers": Kind(BUS, {**ON_BUS, "values": (7, 0, 9)}, {1: 7, 3: 9}),
    "cctalk coins with a CRC": Kind(
        BUS + "crc = true\necho = false\naddress = 9\n",
        {**ON_BUS, "country": "eu", "checksum": "crc16", "address": 9},
        EURO,
    ),
    "cctalk notes": Kind(
        BUS + 'kind = "cctalk_note"\n',
        {**ON_BUS, "country": "EU", "kind": "note"},
        NOTES,
        kind="note",
    ),
}
ON_A_BUS = [name for name, kind in KINDS.items() if kind.is_bus]


@dataclass
class Till:
    kind: Kind
    world: World
    room: CashRoom
    acceptor: CashAcceptor
    inserted: list[int] = field(default_factory=list)

    def device(self):
        return self.room.acceptors["box"]

    def unplug(self):
        for device in (*self.room.buses.values(), *self.room.slots.values()):
            device.unplug()

    def plug(self):
        for device in (*self.room.buses.values(), *self.room.slots.values()):
            device.plug()


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    """Virtual devices answer at once, and nobody waits for one that doesn't."""
    monkeypatch.setattr(cctalk_bus, "ANSWER_MS", 100)
    monkeypatch.setattr(cctalk, "SILENT_MS", 100)
    monkeypatch.setattr(coin_pulse, "STUCK_MS", 300)


@pytest.fixture
def till(request, tmp_path, clock):
    kind = KINDS[request.param]
    fields = {
        name: value.format(dir=tmp_path) if isinstance(value, str) else value
        for name, value in kind.spec.items()
    }
    before = gpiozero.Device.pin_factory
    toml = MACHINE + kind.parts
    with World(parse_parts(toml.format(dir=tmp_path).encode())) as world:
        bridge = install(Path(tmp_path / "pins"))
        acceptor = open_acceptor(CashSpec(id="box", **fields), clock)
        yield Till(kind, world, world.controller("one").cash, acceptor)
        acceptor.close()
        bridge.factory.close()
        bridge.close()
    gpiozero.Device.pin_factory = before


def begin(till, log, eventually):
    """Start, and let it accept."""
    till.acceptor.start(log)
    log.expect(AcceptorUp)
    till.acceptor.set_enabled(True)
    eventually(lambda: till.device().accepts)


@pytest.mark.parametrize("till", KINDS, indirect=True)
def test_it_accepts_nothing_before_it_may_and_nothing_when_it_may_not(till, log, eventually):
    coin = min(till.kind.coins)
    assert not till.device().insert(coin)
    till.acceptor.start(log)
    log.expect(AcceptorUp)
    assert not till.device().insert(coin)

    till.acceptor.set_enabled(True)
    eventually(lambda: till.device().accepts)
    till.acceptor.set_enabled(False)

    eventually(lambda: not till.device().accepts)
    assert not till.device().insert(coin)
    till.acceptor.set_enabled(True)
    eventually(lambda: till.device().accepts)
    assert log.none_for(0.1)


@pytest.mark.parametrize("till", KINDS, indirect=True)
def test_each_coin_is_told_once_with_its_worth(till, log, eventually):
    begin(till, log, eventually)

    for coin, worth in till.kind.coins.items():
        assert till.device().insert(coin)
        (event,) = log.expect(CashInserted)
        assert (event.acceptor, event.value_minor, event.kind) == ("box", worth, till.kind.kind)
        assert bool(event.device_seq) is till.kind.counts
    assert till.device().taken == list(till.kind.coins)
    assert log.none_for(0.3)


@pytest.mark.parametrize("till", KINDS, indirect=True)
def test_what_sticks_is_told_and_so_is_when_it_is_mended(till, log, eventually):
    begin(till, log, eventually)

    till.device().jam()
    (down,) = log.expect(AcceptorDown)
    assert "stick" in down.reason or "stuck" in down.reason
    assert till.acceptor.health.reason == down.reason
    till.device().mend()

    log.expect(AcceptorUp)
    coin, worth = next(iter(till.kind.coins.items()))
    eventually(lambda: till.device().accepts)
    till.device().insert(coin)
    assert log.next().value_minor == worth


@pytest.mark.parametrize("till", ON_A_BUS, indirect=True)
def test_a_plug_that_is_pulled_is_told_once_and_it_comes_back(till, log, eventually):
    begin(till, log, eventually)
    coins = list(till.kind.coins.items())

    till.unplug()
    log.expect(AcceptorDown)
    assert till.acceptor.health.state is HealthState.DOWN
    till.plug()

    log.expect(AcceptorUp)
    eventually(lambda: till.device().accepts)
    till.device().insert(coins[-1][0])
    assert log.next().value_minor == coins[-1][1]


@pytest.mark.parametrize("till", KINDS, indirect=True)
def test_closed_it_accepts_and_reports_nothing(till, log, eventually):
    begin(till, log, eventually)

    till.acceptor.close()
    till.acceptor.close()

    eventually(lambda: not till.device().accepts)
    till.acceptor.set_enabled(True)
    assert not till.device().insert(min(till.kind.coins))
    assert till.acceptor.health.state is HealthState.UNKNOWN
    assert log.none_for(0.1)


@pytest.mark.parametrize("till", KINDS, indirect=True)
def test_it_closes_also_when_it_was_never_started(till):
    till.acceptor.set_enabled(True)
    till.acceptor.close()


def test_every_driver_that_ships_is_held_to_this():
    assert {str(kind.spec["driver"]) for kind in KINDS.values()} == set(ACCEPTORS.names)

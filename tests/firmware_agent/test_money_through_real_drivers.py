"""An agent with the real drivers, at virtual acceptors and a virtual vending machine."""

from __future__ import annotations

import time
from pathlib import Path

import gpiozero
import pytest

from firmware_agent.clock import SystemClock
from firmware_agent.parts import RealParts
from hardware.money.cctalk_frame import Message
from simulator.parts.parts_spec import parse_parts
from simulator.parts.pins import install
from simulator.parts.vending import Outcome, Stage
from simulator.parts.world import World
from tests.firmware_agent.money_rig import MONEY_MACHINES, MoneyRig
from tests.firmware_agent.rig import Rig, entry
from wire.events import CashHeld, CashTaken, SessionEnded

WAIT_S = 10.0
PARTS = """
[[controllers]]
id = "one"
pins = "{dir}/pins"
[[controllers.machines]]
id = "payer"
[[controllers.machines.cash]]
id = "coins"
port = "{dir}/bus"
[[controllers.machines.cash]]
id = "notes"
kind = "cctalk_note"
port = "{dir}/bus"
[[controllers.machines.cash]]
id = "slot"
kind = "pulse"
pin = 5
inhibit_pin = 6
[[controllers.machines]]
id = "snacks"
vend = {{ port = "{dir}/adapter" }}
"""
TOML = """
data_dir = "{folder}"
[[readers]]
id = "pay"
port = "/dev/pay"
[[readers]]
id = "snack"
port = "/dev/snack"
[[machines]]
id = "payer"
reader = "pay"
output = {{ driver = "none" }}
display = {{ port = "/dev/pay-display" }}
[[machines.cash]]
id = "coins"
driver = "cctalk"
port = "{folder}/bus"
country = "EU"
value_max_minor = 200
[[machines.cash]]
id = "notes"
driver = "cctalk"
kind = "note"
port = "{folder}/bus"
country = "EU"
value_max_minor = 1000
[[machines.cash]]
id = "slot"
driver = "coin_pulse"
pin = 5
inhibit_pin = 6
values = [10, 20, 50]
[[machines]]
id = "snacks"
reader = "snack"
output = {{ driver = "none" }}
vend = {{ id = "mdb", driver = "mdb", port = "{folder}/adapter" }}
display = {{ port = "/dev/snack-display" }}
"""


class Site(MoneyRig):
    """A controller without network, whose acceptors and vending bus are real drivers."""

    def __init__(self, folder, room):
        self.room = room
        self.real = RealParts(SystemClock())
        self.opened = []
        Rig.__init__(self, folder, online=False, toml=TOML)
        self.set_up(MONEY_MACHINES[:2], entry(floor_minor=500))

    def acceptor(self, spec, machine):
        self.opened.append(self.real.acceptor(spec, machine))
        return self.opened[-1]

    def vendor(self, spec, machine):
        self.opened.append(self.real.vendor(spec, machine))
        return self.opened[-1]

    def until(self, check):
        """Let the agent work until something is so."""
        end = time.monotonic() + WAIT_S
        while not check():
            assert time.monotonic() < end, "it never came true"
            self.agent.step()
            time.sleep(0.005)

    def die(self):
        """End the agent as a kill does: its acceptors are told nothing more."""
        for part in self.opened:
            part._standing.close()
        for part in self.opened:
            part.close()
        self.opened = []

    def journalled_cash(self):
        """Every coin that is in the journal, credited or held for the next card."""
        return [one.amount_minor for one in self.kinds(CashTaken, CashHeld) if one.device_seq]

    def taken(self):
        return [(one.acceptor, one.amount_minor) for one in self.kinds(CashTaken)]


@pytest.fixture
def site(tmp_path):
    before = gpiozero.Device.pin_factory
    with World(parse_parts(PARTS.format(dir=tmp_path).encode())) as world:
        bridge = install(Path(tmp_path / "pins"))
        site = Site(tmp_path, world.controller("one").cash)
        assert site.config.machines[1].vend is not None
        yield site
        site.agent.close()
        bridge.factory.close()
        bridge.close()
    gpiozero.Device.pin_factory = before


def test_coins_and_notes_are_credited_at_once_without_network(site):
    acceptors = site.room.acceptors
    site.tap("pay")
    site.until(lambda: all(acceptor.accepts for acceptor in acceptors.values()))

    acceptors["coins"].insert(6)
    site.until(lambda: len(site.taken()) == 1)
    acceptors["notes"].insert(1)
    site.until(lambda: len(site.taken()) == 2)
    acceptors["slot"].insert(3)
    site.until(lambda: len(site.taken()) == 3)

    assert site.taken() == [("coins", 200), ("notes", 500), ("slot", 50)]
    assert site.rights().backed_minor == 750
    assert site.lines("payer") == ("Credited", "€0.50")


def test_what_fell_in_while_the_agent_was_dead_is_booked_once(site):
    coins = site.room.acceptors["coins"]
    site.tap("pay")
    site.until(lambda: coins.accepts)
    coins.insert(5)
    site.until(lambda: len(site.taken()) == 1)
    site.die()
    leave_open(coins)
    coins.insert(4)

    site.restart()
    site.tap("pay")

    site.until(lambda: len(site.journalled_cash()) == 2)
    assert site.journalled_cash() == [100, 50]


def leave_open(device):
    """Let a device accept everything, as a killed agent leaves it."""
    device.answer(Message(231, b"\xff\xff"))
    device.answer(Message(228, b"\x01"))


def choose(site, item):
    """Tap, and choose something."""
    machine = site.room.vending["snacks"]
    site.until(lambda: site.state("snacks") == "free" and machine.stage is Stage.ENABLED)
    site.tap("snack")
    site.until(lambda: machine.stage is Stage.IDLE)
    assert machine.choose(item)
    return machine


def ended(site):
    site.until(lambda: site.kinds(SessionEnded))
    end = site.kinds(SessionEnded)[-1]
    return end.charge_minor, end.reason


def test_a_vend_is_paid_when_it_came_out(site):
    machine = choose(site, "12")

    assert ended(site) == (80, "vended")
    assert machine.given == ["12"]


def test_a_vend_that_failed_is_free(site):
    site.room.vending["snacks"].outcome = Outcome.FAILURE
    machine = choose(site, "11")

    assert ended(site) == (0, "vend_failed")
    assert machine.given == []


def test_a_plug_that_is_pulled_in_a_vend_leaves_it_unknown(site):
    site.room.vending["snacks"].outcome = Outcome.SILENCE
    machine = choose(site, "11")
    site.until(lambda: machine.stage is Stage.GIVING)

    machine.unplug()

    assert ended(site) == (120, "vend_unknown")

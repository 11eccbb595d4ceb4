"""`standpipe-agent doctor` at what takes money: fed and asked, and nothing is kept or given."""

from __future__ import annotations

from pathlib import Path

import gpiozero
import pytest

from firmware_agent import doctor
from firmware_agent.checkup import parts as checkup_parts
from firmware_agent.clock import SystemClock
from firmware_agent.config import parse_config
from firmware_agent.parts import RealParts
from simulator.parts.parts_spec import parse_parts
from simulator.parts.pins import install
from simulator.parts.vending import Stage
from simulator.parts.world import World

PARTS = """
[[controllers]]
id = "one"
pins = "{dir}/pins"
[[controllers.machines]]
id = "snacks"
vend = {{ port = "{dir}/adapter" }}
[[controllers.machines.cash]]
id = "coins"
port = "{dir}/bus"
[[controllers.machines.cash]]
id = "notes"
kind = "cctalk_note"
encryption = "events"
port = "{dir}/bus"
"""
CONFIG = """
data_dir = "{dir}/data"
[[machines]]
id = "snacks"
output = {{ driver = "none" }}
vend = {{ id = "mdb", driver = "mdb", port = "{dir}/adapter" }}
[[machines.cash]]
id = "coins"
driver = "cctalk"
port = "{dir}/bus"
country = "EU"
value_max_minor = 200
[[machines.cash]]
id = "notes"
driver = "cctalk"
kind = "note"
port = "{dir}/bus"
country = "EU"
value_max_minor = 2000
"""


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.setattr(checkup_parts, "PERSON_S", 5.0)
    (tmp_path / "data").mkdir()
    before = gpiozero.Device.pin_factory
    with World(parse_parts(PARTS.format(dir=tmp_path).encode())) as world:
        bridge = install(Path(tmp_path / "pins"))
        yield world.controller("one").cash
        bridge.factory.close()
        bridge.close()
    gpiozero.Device.pin_factory = before


class Person:
    """Puts in a coin, and chooses something, as soon as that can be done."""

    is_there = True

    def __init__(self, room, eventually):
        self._room = room
        self._eventually = eventually

    def tell(self, words):
        if "into coins" in words:
            self._eventually(lambda: self._room.acceptors["coins"].insert(4))
        if "Choose something" in words:
            self._eventually(lambda: self._room.vending["snacks"].choose("12"))

    def agrees(self, _question):
        return False


@pytest.fixture
def eventually():
    from threading import Event

    def wait(check):
        assert any(check() or Event().wait(0.02) for _ in range(500))

    return wait


def findings(folder, person=None):
    clock = SystemClock()
    config = parse_config(CONFIG.format(dir=folder))
    return {
        found.what: found
        for found in doctor.examine(config, clock, RealParts(clock), person=person)
    }


def test_a_coin_is_told_and_what_is_chosen_is_not_given(room, tmp_path, eventually, monkeypatch):
    monkeypatch.setattr(checkup_parts, "PERSON_S", 0.5)

    found = findings(tmp_path, Person(room, eventually))

    assert found["acceptor of coins"].words == "answers"
    assert found["acceptor of coins, fed"].words == "worth 50 minor units"
    assert found["vendor of snacks"].words == "answers"
    assert found["vendor of snacks, chosen at"].words == "asked 80 minor units for 12"
    assert "DES" in found["acceptor of notes"].words
    assert "dealer" in found["acceptor of notes"].words
    assert not found["acceptor of notes, fed"].ok
    assert "home of coins" not in found
    assert room.vending["snacks"].given == []
    eventually(lambda: room.vending["snacks"].stage is Stage.OFF)
    assert room.vending["snacks"].denied == ["12"]


def test_what_is_not_there_is_told_with_what_to_do(room, tmp_path):
    room.unplug()

    found = findings(tmp_path)

    for what in ("acceptor of coins", "vendor of snacks"):
        assert not found[what].ok
        assert "No such file" in found[what].words

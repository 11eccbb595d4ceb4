"""A ccTalk device goes on accepting when its host is gone: the next host hears of it once."""

from __future__ import annotations

import pytest

from hardware.factory import open_acceptor
from hardware.money.ports import AcceptorUp, CashInserted, CashLost, Resumable
from hardware.money.specs import CashSpec
from simulator.parts.parts_spec import parse_parts
from simulator.parts.world import World

SITE = """
[[controllers]]
id = "one"
pins = "{dir}/pins"
[[controllers.machines]]
id = "till"
relay_pin = 17
[[controllers.machines.cash]]
id = "box"
port = "{dir}/bus"
"""
TWENTY, WORTH = 3, 20


@pytest.fixture
def room(tmp_path):
    with World(parse_parts(SITE.format(dir=tmp_path).encode())) as world:
        yield world.controller("one").cash


class Heard(list):
    """What an acceptor reports, in order."""

    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def log():
    return Heard()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens acceptors, and closes them at the end."""
    made = []

    def make():
        spec = CashSpec(id="box", driver="cctalk", port=str(tmp_path / "bus"), country="EU")
        made.append(open_acceptor(spec, clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def leave_accepting(room, acceptor, log, eventually, coins):
    """A first agent books one coin, then dies with its line; the device takes some more."""
    bus, device = next(iter(room.buses.values())), room.acceptors["box"]
    acceptor.start(log.append)
    acceptor.set_enabled(True)
    eventually(lambda: device.accepts)
    assert device.insert(TWENTY)
    eventually(lambda: log.of(CashInserted))
    booked = log.of(CashInserted)[0].device_seq
    bus.unplug()
    for _ in range(coins):
        assert device.insert(TWENTY)
    acceptor.close()
    bus.plug()
    log.clear()
    return booked


@pytest.mark.parametrize("case", [(0, 0, []), (2, 2, []), (7, 5, [2])], ids=str)
def test_told_what_was_booked_it_reports_what_came_since(room, opened, log, eventually, case):
    coins, told, lost = case
    booked = leave_accepting(room, opened(), log, eventually, coins)
    acceptor = opened()
    assert isinstance(acceptor, Resumable)

    acceptor.resume(booked)
    acceptor.start(log.append)
    eventually(lambda: log.of(AcceptorUp))

    found = log.of(CashInserted)
    assert [one.value_minor for one in found] == [WORTH] * told
    assert [one.device_seq for one in found] == [
        booked + 1 + coins - told + number for number in range(told)
    ]
    assert [one.events for one in log.of(CashLost)] == lost


def test_untold_it_reports_what_comes_from_then_on(room, opened, log, eventually):
    leave_accepting(room, opened(), log, eventually, 2)
    acceptor = opened()

    acceptor.start(log.append)
    eventually(lambda: log.of(AcceptorUp))

    assert not log.of(CashInserted)
    assert not log.of(CashLost)


def test_a_device_that_lost_its_count_is_believed_from_then_on(room, opened, log, eventually):
    booked = leave_accepting(room, opened(), log, eventually, 2)
    device = room.acceptors["box"]
    device.restart()
    acceptor = opened()

    acceptor.resume(booked)
    acceptor.start(log.append)
    acceptor.set_enabled(True)
    eventually(lambda: device.accepts)
    assert device.insert(TWENTY)
    eventually(lambda: log.of(CashInserted))

    assert [one.value_minor for one in log.of(CashInserted)] == [WORTH]
    assert not log.of(CashLost)

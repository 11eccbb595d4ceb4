"""A vending machine on its bus: asked before it gives, and believed only when it says so."""

from __future__ import annotations

import pytest

from hardware.errors import SpecError
from hardware.factory import VENDORS, open_vendor
from hardware.money import mdb
from hardware.money.ports import BusDown, BusUp, VendEnded, VendRequested, VendResult
from hardware.money.specs import VendSpec
from hardware.ports import HealthState
from simulator.parts.vending import Outcome, Stage, VirtualVendingMachine

PRICES = {"11": "1.20", "12": "0.8", "21": "2.50"}
FUNDS = 200


@pytest.fixture
def machine(tmp_path):
    machine = VirtualVendingMachine(tmp_path / "adapter", PRICES)
    machine.plug()
    yield machine
    machine.unplug()


@pytest.fixture
def bus(tmp_path, clock):
    bus = open_vendor(VendSpec(id="mdb", driver="mdb", port=str(tmp_path / "adapter")), clock)
    yield bus
    bus.close()


@pytest.fixture
def ask(machine, bus, log, eventually):
    """Choose something with funds on the card; gives the request."""
    is_started = []

    def ask(item="11"):
        if not is_started:
            bus.start(log)
            log.expect(BusUp)
            is_started.append(True)
        bus.offer(FUNDS)
        eventually(lambda: machine.stage is Stage.IDLE)
        assert machine.choose(item)
        (asked,) = log.expect(VendRequested)
        return asked

    return ask


def ended(log):
    (event,) = log.expect(VendEnded)
    return event


def test_every_driver_that_ships_is_held_to_this():
    assert VENDORS.names == ("mdb",)


def test_what_is_chosen_is_asked_and_comes_out(machine, bus, log, ask):
    asked = ask("12")
    assert (asked.bus, asked.amount_minor, asked.item) == ("mdb", 80, "12")
    assert machine.given == []

    bus.approve(asked.request, asked.amount_minor)

    end = ended(log)
    assert (end.request, end.result, end.reason) == (asked.request, VendResult.SUCCESS, "")
    assert machine.given == ["12"]
    assert "C,VEND,0.80" in machine.heard


def test_the_machine_knows_what_may_be_spent(machine, bus, log, ask, eventually):
    bus.start(log)
    log.expect(BusUp)
    assert not machine.choose("11")
    bus.offer(FUNDS)
    eventually(lambda: machine.stage is Stage.IDLE)

    assert not machine.choose("21")

    assert log.none_for(0.1)


def test_what_is_denied_does_not_come_out(machine, bus, log, ask, eventually):
    asked = ask()

    bus.deny(asked.request)

    eventually(lambda: machine.denied == ["11"])
    assert machine.given == []
    assert log.none_for(0.1)


def test_a_failure_is_a_failure(machine, bus, log, ask):
    machine.outcome = Outcome.FAILURE
    asked = ask()

    bus.approve(asked.request, asked.amount_minor)

    assert ended(log).result is VendResult.FAILED
    assert machine.given == []


def test_each_request_has_another_name(machine, bus, log, ask, eventually):
    names = set()
    for number in range(3):
        asked = ask()
        names.add(asked.request)
        bus.approve(asked.request, asked.amount_minor)
        assert ended(log).result is VendResult.SUCCESS
        assert len(machine.given) == number + 1
    assert len(names) == 3


def test_silence_is_no_answer_and_a_late_one_is_told(machine, bus, log, ask, monkeypatch):
    monkeypatch.setattr(mdb, "GIVING_MS_MAX", 60)
    machine.outcome = Outcome.SILENCE
    asked = ask()

    bus.approve(asked.request, asked.amount_minor)

    assert ended(log).result is VendResult.UNKNOWN
    machine.finish(Outcome.SUCCESS)
    late = ended(log)
    assert (late.request, late.result) == (asked.request, VendResult.SUCCESS)


@pytest.mark.parametrize("event", ["reset", "door", "ended"])
def test_a_machine_that_breaks_off_leaves_it_unknown(machine, bus, log, ask, eventually, event):
    machine.outcome = Outcome.SILENCE
    asked = ask()
    bus.approve(asked.request, asked.amount_minor)

    eventually(lambda: machine.stage is Stage.GIVING)
    if event == "reset":
        machine.reset()
    elif event == "door":
        machine.let_cards(enabled=False)
    else:
        machine.finish(Outcome.SILENCE)

    end = ended(log)
    assert (end.request, end.result) == (asked.request, VendResult.UNKNOWN)
    assert end.reason


def test_an_adapter_that_is_pulled_out_while_it_gives(machine, bus, log, ask, eventually):
    machine.outcome = Outcome.SILENCE
    asked = ask()
    bus.approve(asked.request, asked.amount_minor)
    eventually(lambda: machine.stage is Stage.GIVING)

    machine.unplug()

    assert ended(log).result is VendResult.UNKNOWN
    log.expect(BusDown)
    assert bus.health.state is HealthState.DOWN
    machine.outcome = Outcome.SUCCESS
    machine.plug()
    log.expect(BusUp)
    again = ask()
    assert again.request != asked.request
    bus.approve(again.request, again.amount_minor)
    assert ended(log).result is VendResult.SUCCESS


def test_a_choice_that_was_taken_back_is_not_given(machine, bus, log, ask):
    asked = ask()
    machine.take_back()
    assert log.none_for(0.1)

    bus.approve(asked.request, asked.amount_minor)

    assert ended(log).result is VendResult.FAILED
    assert machine.given == []


def test_an_approval_that_comes_while_the_line_is_down_gives_nothing(machine, bus, log, ask):
    asked = ask()
    machine.unplug()
    log.expect(BusDown)

    bus.approve(asked.request, asked.amount_minor)

    assert ended(log).result is VendResult.FAILED
    assert machine.given == []


def test_an_offer_that_ends_lets_nothing_be_chosen(machine, bus, log, eventually):
    bus.start(log)
    log.expect(BusUp)
    bus.offer(FUNDS)
    eventually(lambda: machine.stage is Stage.IDLE)

    bus.end()

    eventually(lambda: machine.stage is Stage.ENABLED)
    assert not machine.choose("11")


def test_an_offer_waits_until_the_machine_is_ready(machine, bus, log, eventually, monkeypatch):
    monkeypatch.setattr(mdb, "AWAY_MS", 50)
    machine.let_cards(enabled=False)
    bus.start(log)
    (down,) = log.expect(BusDown)
    assert "card reader off" in down.reason
    bus.offer(FUNDS)

    machine.let_cards(enabled=True)

    log.expect(BusUp)
    eventually(lambda: machine.choose("11"))
    log.expect(VendRequested)


def test_a_machine_that_is_off_is_told_in_words(machine, bus, log, monkeypatch):
    monkeypatch.setattr(mdb, "AWAY_MS", 50)
    machine.is_on = False
    bus.start(log)

    (down,) = log.expect(BusDown)
    assert "doesn't poll" in down.reason
    machine.switch(on=True)

    log.expect(BusUp)


def test_an_adapter_that_says_nothing_is_told(machine, bus, log, monkeypatch):
    monkeypatch.setattr(mdb, "PROBE_MS", 20)
    monkeypatch.setattr(mdb, "AWAY_MS", 10_000)
    machine.is_deaf = True
    bus.start(log)

    (down,) = log.expect(BusDown)

    assert "adapter doesn't answer" in down.reason
    assert "V" not in machine.heard
    machine.is_deaf = False
    log.expect(BusUp)


def test_an_adapter_that_is_not_there_comes_later(machine, bus, log):
    machine.unplug()
    bus.start(log)
    log.expect(BusDown)

    machine.plug()

    log.expect(BusUp)


def test_noise_asks_and_ends_nothing(machine, bus, log, ask):
    asked = ask()
    noise = (
        b"\xff\x00\r\n",
        b"c,STATUS,VENT,9,9\r\n",
        b"c,\r\n",
        b"x" * 5_000,
        b"\r\nc,VEND,MAYBE\r\n",
    )
    for raw in noise:
        machine.garbage(raw)
    assert log.none_for(0.1)

    bus.approve(asked.request, asked.amount_minor)

    assert ended(log).result is VendResult.SUCCESS


def test_a_price_that_nobody_can_read_is_asked_as_nothing(machine, bus, log, ask):
    ask()
    machine.garbage(b"c,STATUS,VEND,1.2.0,7\r\n")

    (asked,) = log.expect(VendRequested)

    assert (asked.amount_minor, asked.item) == (0, "7")


def test_closed_it_leaves_the_bus(machine, bus, log, ask, eventually):
    bus.start(log)
    log.expect(BusUp)
    bus.offer(FUNDS)
    eventually(lambda: machine.stage is Stage.IDLE)

    bus.close()
    bus.close()

    eventually(lambda: machine.stage is Stage.OFF)
    assert bus.health.state is HealthState.UNKNOWN
    bus.offer(FUNDS)
    assert log.none_for(0.1)


def test_it_closes_also_when_it_was_never_started(bus):
    for _ in range(mdb.ORDERS_MAX + 1):
        bus.end()
    bus.close()


@pytest.mark.parametrize("fields", [{}, {"port": "/x", "exponent": 9}])
def test_a_spec_that_can_not_be(clock, fields):
    with pytest.raises(SpecError):
        open_vendor(VendSpec(id="mdb", driver="mdb", **fields), clock)

"""A session that something happens to: it is charged once, for what is known."""

from __future__ import annotations

import time

import msgspec
import pytest
from shop import (
    ENERGY,
    MINUTE,
    Person,
    Shop,
    assert_booked_once,
    metered,
    site,
    timed,
    washing,
)

from firmware_agent.core.taps import TAP_AGAIN_MS
from simulator.parts.machine import Fault
from simulator.system.hub_api import tariff_body
from simulator.waiting import wait_for
from wire.errors import Code
from wire.events import ConfigApplied, Ended, MachineFault
from wire.rating import rate
from wire.tariff import Tier


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "one"), metered("mill", "two"), washing("tub", "three")))


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person(paid_minor=5_000)


def fault(shop, controller, code, after_seq=0, *, cleared=False):
    def found():
        return next(
            (
                event
                for event in shop.rigs[controller].journal().after(after_seq)
                if isinstance(event, MachineFault)
                and event.code == code
                and event.cleared == cleared
            ),
            None,
        )

    return wait_for(f"fault {code} is journalled", found, 15)


def test_a_reader_unplugged_in_a_session_doesn_t_end_it(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.world.unplug("one", "front")
    down = fault(shop, "one", Code.READER_DOWN)

    assert shop.world.snapshot()["one"].machines["lamp"].relay
    shop.world.plug("one", "front")
    fault(shop, "one", Code.READER_DOWN, down.seq, cleared=True)
    time.sleep(TAP_AGAIN_MS / 1_000)
    shop.tap("one", ana.tag)

    assert shop.wait_end("one", session).reason is Ended.TAP
    assert_booked_once(shop)


def test_a_reader_that_hangs_comes_back_after_a_restart(shop, ana):
    before = shop.rigs["one"].journal().last_seq
    shop.world.hang("one", "front")
    down = fault(shop, "one", Code.READER_DOWN, before)
    shop.world.restart("one", "front")
    fault(shop, "one", Code.READER_DOWN, down.seq, cleared=True)

    session = shop.start_session("one", "lamp", ana)

    shop.end_session("one", "lamp", session)
    assert_booked_once(shop)


def test_a_meter_that_goes_backwards_is_never_credited(shop, ana):
    before = shop.rigs["two"].journal().last_seq
    session = shop.start_session("two", "mill", ana)
    time.sleep(1.2)
    shop.world.set_fault("two", "mill", Fault.BACKWARDS)
    fault(shop, "two", Code.METER_BACKWARDS, before)
    time.sleep(1.0)
    ended = shop.end_session("two", "mill", session)

    pulses = shop.world.snapshot()["two"].machines["mill"].pulses
    assert 0 < ended.charge_minor <= pulses
    assert ended.charge_minor == rate(ENERGY, ended.usage)
    assert_booked_once(shop)


def test_a_washer_that_doesn_t_start_costs_nothing(shop, ana):
    shop.world.set_fault("three", "tub", Fault.JAM)
    shop.tap("three", ana.tag)
    started = wait_for("a session starts", lambda: shop.rigs["three"].journal().started(), 10)
    ended = shop.wait_end("three", started[-1].session)
    shop.world.set_fault("three", "tub", Fault.NONE)

    assert (ended.reason, ended.charge_minor) == (Ended.FEEDBACK_MISSING, 0)
    assert_booked_once(shop)


def test_a_washer_that_runs_through_costs_its_price(shop, ana):
    known = set(shop.rigs["three"].journal().charges)
    shop.tap("three", ana.tag)
    wait_for("the wash is done", lambda: set(shop.rigs["three"].journal().charges) - known, 15)
    ended = shop.rigs["three"].journal().ended()[-1]

    assert (ended.reason, ended.charge_minor) == (Ended.CYCLE_DONE, 150)
    assert_booked_once(shop)


def test_an_agent_killed_in_a_session_drops_the_relay_and_settles_on_boot(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    time.sleep(1.0)
    shop.cut_power("one")

    assert shop.is_on("one", "lamp", closed=False)
    assert session in shop.rigs["one"].journal().open_sessions
    shop.restore_power("one")
    ended = shop.wait_end("one", session)

    assert ended.reason is Ended.POWER_LOST
    assert 0 < ended.charge_minor <= 25
    assert_booked_once(shop)


def test_a_tariff_changed_in_a_session_prices_the_next_one_only(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    before = shop.rigs["one"].journal().last_seq
    dearer = msgspec.structs.replace(
        MINUTE,
        version=2,
        time=msgspec.structs.replace(MINUTE.time, tiers=(Tier(100_000_000),)),
    )
    shop.api.post("/tariffs", tariff_body(dearer))
    wait_for(
        "the new price is there",
        lambda: any(
            isinstance(event, ConfigApplied) for event in shop.rigs["one"].journal().after(before)
        ),
        15,
    )
    ended = shop.end_session("one", "lamp", session)
    assert (ended.tariff_version, ended.charge_minor) == (1, rate(MINUTE, ended.usage))

    session = shop.start_session("one", "lamp", ana)
    ended = shop.end_session("one", "lamp", session)

    assert (ended.tariff_version, ended.charge_minor) == (2, rate(dearer, ended.usage))
    assert_booked_once(shop)


def test_money_that_runs_out_stops_the_machine(shop):
    finn = shop.person(paid_minor=30)
    session = shop.start_session("two", "mill", finn)

    ended = shop.wait_end("two", session)

    assert ended.reason is Ended.ZERO_BALANCE
    assert ended.charge_minor >= 25
    assert_booked_once(shop)


def test_a_command_of_the_hub_stops_a_session(shop, ana):
    session = shop.start_session("one", "lamp", ana)

    shop.api.post("/controllers/one/commands", {"action": "stop", "machine": "lamp"})

    assert shop.wait_end("one", session).reason is Ended.COMMAND
    assert_booked_once(shop)

"""One card, several accounts: the machine's price says which of them pays."""

from __future__ import annotations

from tests.firmware_agent.rig import (
    ANNA,
    BERT,
    MACHINES,
    PER_KWH,
    PER_MINUTE,
    WASH,
    Rig,
    entry,
)
from wire.errors import Code
from wire.events import CardRefused, SessionEnded, SessionStarted
from wire.machines import Machine, Mode
from wire.money import Unit
from wire.tariff import Tariff

WASHES = Unit("WSH", 0)
ONE_WASH = Tariff(id="wash", version=2, name="one wash", unit=WASHES, start_fee_micros=1_000_000)
FREE_DOOR = Machine(id="laser", name="Door", tariff="minute", mode=Mode.ACCESS)
PURSES = {"WSH": "anna-washes"}


def two_units(rig: Rig) -> None:
    rig.configure(tariffs=(PER_MINUTE, PER_KWH, ONE_WASH))


def wash(rig: Rig) -> None:
    rig.tap("back")
    rig.run(500)


def test_the_account_in_the_price_s_unit_pays(rig):
    two_units(rig)
    rig.hub.wallets = {"anna": 1_000, "anna-washes": 3}
    rig.cards(entry(purses=PURSES))
    wash(rig)
    rig.tap("front")
    rig.run(60_000)

    started = rig.kinds(SessionStarted)
    assert [event.account for event in started] == ["anna-washes", "anna"]
    assert [want.account for want in rig.hub.wants][:2] == ["anna-washes", "anna"]
    assert rig.hub.wallets == {"anna": 500, "anna-washes": 2}


def test_a_purse_pays_offline_from_what_is_held_for_it(offline):
    two_units(offline)
    offline.cards(entry(purses=PURSES))
    offline.hub.grants = {"anna-washes": 2}
    offline.deliver(offline.hub.right("anna-washes", target_minor=None))
    wash(offline)

    assert offline.kinds(SessionStarted)[0].account == "anna-washes"
    assert offline.state("washer") == "starting"
    offline.feedback("washer", active=True)
    assert offline.lines("washer")[0] == "Running 1 WSH"


def test_a_purse_has_no_floor_whatever_the_card_has(offline):
    two_units(offline)
    offline.cards(entry(purses=PURSES, floor_minor=500))
    wash(offline)

    assert not offline.is_on("washer")
    (refused,) = offline.kinds(CardRefused)
    assert (refused.code, refused.account) == (Code.BALANCE_TOO_LOW_OFFLINE, "anna-washes")
    assert offline.lines("washer")[:2] == ("Balance not known", "1 WSH missing")


def test_a_card_without_an_account_in_that_unit_is_refused_in_words(offline):
    two_units(offline)
    offline.cards(entry(purses={"PTS": "anna-points"}))
    wash(offline)

    assert offline.kinds(CardRefused)[0].code == Code.UNIT_MISMATCH
    assert offline.lines("washer")[0] == "Card can't pay this"


def test_a_limit_is_of_the_card_s_own_account(offline):
    two_units(offline)
    offline.cards(entry(purses=PURSES, limit_minor=0))
    offline.hub.grants = {"anna-washes": 2}
    offline.deliver(offline.hub.right("anna-washes", target_minor=None))
    wash(offline)
    offline.tap("front")

    assert offline.kinds(SessionStarted)[0].account == "anna-washes"
    assert not offline.is_on("laser")
    assert offline.kinds(CardRefused)[0].code == Code.SPENDING_LIMIT


def test_the_card_that_started_with_a_purse_stops_what_it_started(offline):
    two_units(offline)
    metered = Machine(id="laser", name="Laser", tariff="wash")
    offline.configure(machines=(metered,), tariffs=(PER_MINUTE, ONE_WASH))
    offline.cards(entry(ANNA, purses=PURSES), entry(BERT, "bert", purses={"WSH": "bert-washes"}))
    offline.hub.grants = {"anna-washes": 2}
    offline.deliver(offline.hub.right("anna-washes", target_minor=None))
    offline.tap("front")
    offline.run(3_000)
    assert offline.is_on("laser")

    offline.tap("front", BERT)
    assert offline.is_on("laser"), "someone else's card doesn't stop it"
    offline.tap("front")

    offline.run(1_000)
    assert offline.kinds(SessionEnded)[0].account == "anna-washes"


def test_what_costs_nothing_needs_no_purse(offline):
    offline.configure(machines=(FREE_DOOR, *MACHINES[1:]), tariffs=(PER_MINUTE, PER_KWH, WASH))
    offline.cards(entry(unit="PTS"))
    offline.tap("front")

    assert offline.is_on("laser")


def test_a_card_waiting_at_a_shared_reader_keeps_its_purses(rig):
    energy = Tariff(id="kwh", version=2, name="energy", unit=WASHES, quantity=PER_KWH.quantity)
    rig.configure(tariffs=(PER_MINUTE, energy, WASH))
    rig.hub.wallets = {"anna-washes": 5_000}
    rig.cards(entry(purses=PURSES))
    rig.tap("wall")
    rig.run(2_000)
    rig.press("socket-2")
    rig.run(500)

    assert rig.is_on("socket-2")
    assert rig.kinds(SessionStarted)[0].account == "anna-washes"

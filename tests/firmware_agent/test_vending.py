"""A vend is set aside when chosen, paid when it came out, free when it didn't, and told
apart when nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, strategies as st

from firmware_agent.core.modes import bought_usage, charge_for
from hardware.money.ports import VendResult
from tests.firmware_agent.money_rig import MONEY_MACHINES, PRICES, MoneyRig
from tests.firmware_agent.rig import BERT, entry
from wire.downlink import Action
from wire.errors import Code
from wire.events import (
    CardRefused,
    SessionEnded,
    SessionProgress,
    SessionStarted,
    VendOutcome,
)
from wire.machines import PRICE_UNIT, Cycle, HubDown, Machine, Mode
from wire.money import EUR
from wire.rating import rate
from wire.tariff import Measure, Tariff, Tier
from wire.usage import total_quantity


@pytest.fixture
def rig(tmp_path) -> Iterator[MoneyRig]:
    """Without network; Anna has a floor of 5.00, Bert nothing."""
    rig = MoneyRig(tmp_path, online=False)
    rig.set_up(MONEY_MACHINES, entry(), entry(BERT, "bert", floor_minor=0))
    yield rig
    rig.agent.close()


def ended(rig: MoneyRig) -> SessionEnded:
    (found,) = rig.kinds(SessionEnded)
    return found


def test_a_display_names_no_price_for_all_goods(rig):
    assert rig.lines("snacks") == ("Snacks", "Tap your card")


def test_what_came_out_is_paid(rig):
    rig.tap("snack")
    assert rig.state("snacks") == "choosing"
    assert rig.vendors["snacks"].funds_minor == 500
    assert rig.lines("snacks") == ("Choose something", "€5.00 left")
    assert not rig.kinds(SessionStarted)

    assert rig.choose(150) == ("approve", "r1")
    assert rig.state("snacks") == "starting"
    rig.vended(VendResult.SUCCESS)

    end = ended(rig)
    assert (end.charge_minor, end.reason, end.mode) == (150, "vended", "vend")
    (outcome,) = rig.kinds(VendOutcome)
    assert (outcome.session, outcome.outcome, outcome.item) == (end.session, "success", "12")
    assert rig.state("snacks") == "free"
    assert rig.vendors["snacks"].funds_minor is None
    assert rig.lines("snacks") == ("Thank you", "€1.50")


def test_the_session_is_journalled_with_its_price_before_the_machine_is_told(rig):
    rig.tap("snack")
    vendor = rig.vendors["snacks"]
    seen = []
    vendor.approve = lambda *_: seen.extend(rig.kinds(SessionStarted, SessionProgress))

    vendor.told.append(("none", ""))
    rig.choose(150)

    assert [type(one) for one in seen] == [SessionStarted, SessionProgress]
    assert seen[1].charge_minor == 150


def test_what_did_not_come_out_costs_nothing(rig):
    rig.tap("snack")
    rig.choose(150)
    rig.vended(VendResult.FAILED, reason="jammed")

    assert (ended(rig).charge_minor, ended(rig).reason) == (0, "vend_failed")
    (outcome,) = rig.kinds(VendOutcome)
    assert (outcome.outcome, outcome.detail) == ("failure", "jammed")
    assert rig.lines("snacks") == ("Nothing came out", "Nothing charged")


def test_what_nobody_knows_is_charged_and_told_apart(rig):
    rig.tap("snack")
    rig.choose(150)
    rig.run(121_000)

    assert (ended(rig).charge_minor, ended(rig).reason) == (150, "vend_unknown")
    assert rig.kinds(VendOutcome)[0].outcome == "unknown"
    assert rig.rights().unbacked_minor == 150


def test_what_the_machine_says_too_late_is_journalled_for_whoever_decides(rig):
    rig.tap("snack")
    rig.choose(150)
    rig.vended(VendResult.UNKNOWN, reason="silence")
    rig.vended(VendResult.FAILED, reason="jammed")
    rig.vended(VendResult.FAILED, reason="jammed")

    outcomes = [(one.outcome, one.late) for one in rig.kinds(VendOutcome)]
    assert outcomes == [("unknown", False), ("failure", True)]
    assert rig.kinds(VendOutcome)[1].session == ended(rig).session


@pytest.mark.parametrize("how", ["power", "bus", "end"])
def test_a_vend_that_is_cut_off_is_unknown(rig, how):
    rig.tap("snack")
    rig.choose(150)
    if how == "power":
        rig.restart()
    elif how == "bus":
        rig.bus_down("silent")
    else:
        rig.agent.runtime.shut_down()

    assert (ended(rig).charge_minor, ended(rig).reason) == (150, "vend_unknown")
    assert rig.kinds(VendOutcome)[0].outcome == "unknown"


def test_more_than_there_is_isnt_given(rig):
    rig.tap("snack")

    assert rig.choose(501) == ("deny", "r1")

    refused = rig.kinds(CardRefused)[0]
    assert (refused.code, refused.short_minor) == (Code.BALANCE_TOO_LOW, 1)
    assert rig.state("snacks") == "choosing"
    assert rig.choose(500, "r2") == ("approve", "r2")


def test_what_is_asked_out_of_turn_is_denied(rig):
    assert rig.choose(100) == ("deny", "r1")
    rig.tap("snack")
    assert rig.choose(0, "r2") == ("deny", "r2")
    rig.choose(100, "r3")
    assert rig.choose(100, "r4") == ("deny", "r4")
    assert len(rig.kinds(SessionStarted)) == 1


def test_who_chooses_nothing_leaves(rig):
    rig.tap("snack")
    rig.run(61_000)
    assert rig.state("snacks") == "free"
    assert rig.vendors["snacks"].funds_minor is None

    rig.tap("snack")
    rig.tap("snack")
    assert rig.state("snacks") == "free"
    rig.tap("snack")
    rig.tap("snack", BERT)
    assert rig.kinds(CardRefused)[-1].code == Code.MACHINE_BUSY
    assert not rig.kinds(SessionStarted)


def test_without_money_nothing_is_offered(rig):
    rig.tap("snack", BERT)

    assert rig.kinds(CardRefused)[-1].code == Code.BALANCE_TOO_LOW_OFFLINE
    assert rig.vendors["snacks"].funds_minor is None


def test_a_machine_whose_bus_is_down_is_out_of_order(rig):
    rig.bus_down("unplugged")
    assert rig.state("snacks") == "fault"
    rig.tap("snack")
    assert rig.kinds(CardRefused)[-1].code == Code.OUTPUT_FAILED

    rig.bus_down()
    assert rig.state("snacks") == "free"


def test_a_vend_cannot_be_stopped_by_command(tmp_path):
    rig = MoneyRig(tmp_path)
    rig.hub.wallets = {"anna": 2_000}
    rig.set_up()
    rig.run(2_000)
    rig.tap("snack")
    rig.run(500)
    rig.choose(150)
    rig.deliver(rig.hub.command(action=Action.STOP, machine="snacks"))
    rig.run(100)

    assert rig.hub.results[-1].code == Code.STATE_CONFLICT
    assert rig.state("snacks") == "starting"
    rig.vended(VendResult.SUCCESS)
    assert ended(rig).charge_minor == 150
    rig.agent.close()


def test_the_hub_is_asked_first_and_backs_what_is_offered(tmp_path):
    rig = MoneyRig(tmp_path)
    rig.hub.wallets = {"anna": 2_000}
    rig.set_up()
    rig.tap("snack")
    rig.run(1_000)

    assert rig.hub.wants[0].amount_minor == 500
    assert rig.vendors["snacks"].funds_minor == 1_000
    rig.choose(700)
    rig.vended(VendResult.SUCCESS)
    assert (ended(rig).backed_minor, ended(rig).unbacked_minor) == (500, 200)
    rig.agent.close()


def test_who_may_not_rest_on_the_floor_is_offered_what_is_backed(tmp_path):
    rig = MoneyRig(tmp_path)
    rig.hub.wallets = {"anna": 2_000}
    snacks = msgspec.structs.replace(MONEY_MACHINES[1], hub_down=HubDown.DENY)
    rig.set_up((snacks,))
    rig.tap("snack")
    rig.run(1_000)

    assert rig.vendors["snacks"].funds_minor == 500
    rig.agent.close()


def test_a_vend_by_pulse_is_paid_when_the_machine_says_that_it_gave(tmp_path):
    rig = MoneyRig(tmp_path, online=False)
    once = Tariff(id="prices", version=2, name="Soap", unit=EUR, start_fee_micros=1_500_000)
    soap = Machine(
        id="washer",
        name="Soap",
        mode=Mode.VEND,
        tariff="prices",
        cycle=Cycle(pulse_ms=200, feedback_within_ms=3_000),
    )
    rig.configure(machines=(soap,), tariffs=(once,))
    rig.cards(entry())
    rig.run(1_000)

    rig.tap("wash")
    assert rig.is_on("washer")
    rig.run(1_000)
    assert not rig.is_on("washer")
    rig.feedback("washer", active=True)
    rig.run(1_000)
    assert (ended(rig).charge_minor, ended(rig).reason) == (150, "vended")

    rig.feedback("washer", active=False)
    rig.tap("wash")
    rig.run(4_000)
    assert rig.kinds(SessionEnded)[1].charge_minor == 0
    rig.agent.close()


@given(
    price=st.integers(1, 10**7),
    micros=st.integers(1, 20_000),
    fee=st.integers(0, 10**6),
    tax_ppm=st.integers(0, 10**6),
)
def test_a_vends_price_is_the_tariffs_and_both_sides_agree(price, micros, fee, tax_ppm):
    tariff = msgspec.structs.replace(
        PRICES,
        start_fee_micros=fee,
        tax_rate_ppm=tax_ppm,
        quantity=Measure(unit=PRICE_UNIT, per=1, tiers=(Tier(micros),)),
    )
    usage = bought_usage(MONEY_MACHINES[1], tariff, 1_700_000_000_000, price)
    charge = charge_for(MONEY_MACHINES[1], tariff, usage)

    assert total_quantity(usage) == price
    assert charge == rate(tariff, usage) >= 0
    exact = fee + price * micros
    assert abs(charge * EUR.micros_per_minor - exact) * 2 <= EUR.micros_per_minor
    if (fee, micros) == (0, EUR.micros_per_minor):
        assert charge == price


@given(st.integers(1, 10**7))
def test_prices_are_passed_on_to_the_cent(price):
    usage = bought_usage(MONEY_MACHINES[1], PRICES, 1_700_000_000_000, price)

    assert charge_for(MONEY_MACHINES[1], PRICES, usage) == price

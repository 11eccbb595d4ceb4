"""Coins and notes are credited at once, also offline: never lost, never twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware_agent.core.inputs import AlarmChanged
from firmware_agent.core.model import Alarm
from tests.firmware_agent.money_rig import MINUTE_MS, MONEY_MACHINES, MoneyRig
from tests.firmware_agent.rig import BERT, entry
from wire.downlink import Standing
from wire.errors import Code
from wire.events import (
    CardRefused,
    CashHeld,
    CashTaken,
    CashUnclaimed,
    MachineFault,
    Released,
    SessionEnded,
)


@pytest.fixture
def rig(tmp_path) -> Iterator[MoneyRig]:
    """Without network; Anna's card is known and has nothing."""
    rig = MoneyRig(tmp_path, online=False)
    rig.set_up(MONEY_MACHINES, entry(floor_minor=0), entry(BERT, "bert", floor_minor=0))
    yield rig
    rig.agent.close()


def test_money_is_credited_at_once_without_network(rig):
    rig.tap("pay")
    assert rig.lines("payer") == ("Put money in", "€0.00 left")

    assert rig.insert(200)
    assert rig.insert(500, "notes")

    assert rig.lines("payer") == ("Credited", "€5.00")
    rig.run(5_000)
    assert rig.lines("payer") == ("Put money in", "€7.00 left")
    taken = rig.kinds(CashTaken)
    assert [(one.account, one.amount_minor, one.acceptor) for one in taken] == [
        ("anna", 200, "coins"),
        ("anna", 500, "notes"),
    ]
    assert taken[-1].totals.taken_in == 700
    assert rig.rights().backed_minor == 700


def test_it_can_be_spent_at_once_at_another_machine(rig):
    rig.tap("pay")
    rig.insert(200)

    rig.tap("gate")
    assert rig.is_on("door")
    rig.run(6_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.charge_minor, ended.backed_minor, ended.reason) == (200, 200, "opened")


def test_without_a_card_it_is_held_and_the_next_one_gets_it(rig):
    rig.insert(100)
    rig.insert(50)
    assert rig.lines("payer") == ("€1.50 paid in", "Tap your card")

    rig.tap("pay")

    held = rig.kinds(CashHeld)
    assert [(one.amount_minor, one.held_minor) for one in held] == [(100, 100), (50, 150)]
    assert len({one.holding for one in held}) == 1
    (taken,) = rig.kinds(CashTaken)
    assert (taken.account, taken.amount_minor) == ("anna", 150)
    assert (taken.cash, taken.holding) == (held[0].holding, held[0].holding)
    rig.run(10 * MINUTE_MS)
    assert not rig.kinds(CashUnclaimed)


def test_what_nobody_claims_in_time_is_said_so_and_credited_to_nobody(rig):
    rig.insert(100)
    rig.run(121_000)

    (unclaimed,) = rig.kinds(CashUnclaimed)
    assert (unclaimed.amount_minor, unclaimed.unit) == (100, "EUR")
    rig.tap("pay")
    assert not rig.kinds(CashTaken)
    rig.insert(20)
    assert rig.kinds(CashTaken)[0].amount_minor == 20


def test_held_money_is_unclaimed_after_a_power_cut(rig):
    rig.insert(100)
    rig.restart()

    (unclaimed,) = rig.kinds(CashUnclaimed)
    assert unclaimed.holding == rig.kinds(CashHeld)[0].holding
    rig.tap("pay")
    rig.restart()
    assert len(rig.kinds(CashUnclaimed)) == 1
    assert not rig.kinds(CashTaken)


def test_credited_money_survives_a_power_cut(rig):
    rig.tap("pay")
    rig.insert(200)
    rig.restart()

    assert rig.rights().backed_minor == 200
    assert len(rig.kinds(CashTaken)) == 1
    assert not rig.kinds(CashUnclaimed)


def test_another_card_takes_the_place_of_the_one_before(rig):
    rig.tap("pay")
    rig.tap("pay", BERT)
    rig.insert(100)

    assert [one.account for one in rig.kinds(CashTaken)] == ["bert"]


def test_a_second_tap_ends_it_and_what_comes_then_is_held(rig):
    rig.tap("pay")
    rig.insert(100)
    rig.tap("pay")
    assert rig.lines("payer")[0] == "Thank you"

    rig.insert(50)

    assert [one.amount_minor for one in rig.kinds(CashTaken)] == [100]
    assert [one.amount_minor for one in rig.kinds(CashHeld)] == [50]


def test_after_a_while_money_is_no_longer_for_the_card(rig):
    rig.tap("pay")
    rig.run(50_000)
    rig.insert(100)
    rig.run(50_000)
    rig.insert(100)
    rig.run(61_000)
    rig.insert(100)

    assert len(rig.kinds(CashTaken)) == 2
    assert len(rig.kinds(CashHeld)) == 1


def test_no_more_is_accepted_than_the_balance_may_be(rig):
    """Notes are up to 10.00, coins up to 2.00, and 50.00 may be there as far as is known."""
    rig.tap("pay")
    for _ in range(4):
        assert rig.insert(1_000, "notes")
    assert rig.insert(50)

    assert not rig.insert(500, "notes")
    for _ in range(4):
        assert rig.insert(200)
    rig.run(5_000)

    assert not rig.insert(10)
    assert rig.lines("payer") == ("No more money here", "€48.50 left")
    assert rig.rights().taken_in_minor == 4_850


@pytest.mark.parametrize("change", ["locked", "out_of_service"])
def test_a_machine_that_rests_accepts_nothing(rig, change):
    import msgspec

    value = True if change == "locked" else "full"
    payer = msgspec.structs.replace(MONEY_MACHINES[0], **{change: value})
    rig.configure(machines=(payer,))

    assert not rig.insert(100)


def test_what_cannot_be_journalled_waits_and_is_booked_later(rig):
    rig.tap("pay")
    down = Alarm(Code.JOURNAL_UNWRITABLE, "full", writable=False)
    coins = rig.acceptors["coins"]
    rig.agent.runtime._decider.feed(AlarmChanged(down))

    coins.insert(100)  # the coin was on its way before the box was told to refuse
    rig.agent.step()
    assert not rig.insert(100)
    assert not rig.kinds(CashTaken)

    rig.agent.runtime._decider.feed(AlarmChanged(None))
    rig.run(1_000)

    assert [one.amount_minor for one in rig.kinds(CashTaken)] == [100]
    assert sum(coins.box) == rig.rights().taken_in_minor
    assert rig.insert(50)


def test_a_gap_in_what_a_device_counts_is_told_and_not_credited(rig):
    rig.tap("pay")
    rig.lose(2)

    (fault,) = rig.kinds(MachineFault)
    assert (fault.code, fault.machine) == (Code.CASH_LOST, "payer")
    assert "2 more" in fault.detail
    assert rig.rights().taken_in_minor == 0


def test_a_machine_is_out_of_order_only_when_all_its_acceptors_are(rig):
    rig.acceptor_down("coins", "unplugged")
    assert rig.state("payer") == "free"
    assert rig.kinds(MachineFault)[-1].code == Code.ACCEPTOR_DOWN

    rig.acceptor_down("notes", "jammed")
    assert rig.state("payer") == "fault"
    rig.tap("pay")
    assert rig.kinds(CardRefused)[-1].code == Code.OUTPUT_FAILED

    rig.acceptor_down("coins")
    assert rig.state("payer") == "free"
    rig.acceptor_down("notes")
    assert rig.kinds(MachineFault)[-1].cleared


def test_a_card_of_another_unit_or_blocked_one_pays_nothing_in(rig):
    rig.cards(entry(unit="PTS"), entry(BERT, "bert", standing=Standing.BLOCKED))
    rig.tap("pay")
    rig.tap("pay", BERT)
    rig.insert(100)

    codes = [one.code for one in rig.kinds(CardRefused)]
    assert codes == [Code.UNIT_MISMATCH, Code.CARD_BLOCKED]
    assert not rig.kinds(CashTaken)
    assert len(rig.kinds(CashHeld)) == 1


def test_a_purse_in_the_unit_of_the_coins_is_credited(rig):
    rig.cards(entry(unit="PTS", purses={"EUR": "anna-eur"}))
    rig.tap("pay")
    rig.insert(100)

    assert [one.account for one in rig.kinds(CashTaken)] == ["anna-eur"]


def test_coins_at_a_washer_start_it_for_the_card_that_comes(rig):
    for _ in range(6):
        assert rig.insert(100, "slot")
    rig.tap("wash")

    assert rig.kinds(CashTaken)[0].amount_minor == 600
    assert rig.state("washer") == "starting"
    rig.feedback("washer", active=True)
    assert rig.state("washer") == "running"


def test_with_the_hub_what_was_paid_in_goes_to_the_account_once_nobody_pays(tmp_path):
    rig = MoneyRig(tmp_path)
    rig.set_up()
    rig.tap("pay")
    rig.insert(200)
    assert not rig.kinds(Released)

    rig.run(61_000)

    (released,) = rig.kinds(Released)
    assert (released.account, released.amount_minor) == ("anna", 200)
    assert rig.rights().backed_minor == 0
    rig.agent.close()

"""Used-up rights: stop, finish on a reserve, or wait for a top-up; and free machines."""

from __future__ import annotations

import msgspec
import pytest

from hardware.ports import Signal
from tests.firmware_agent.rig import ANNA, MACHINES, PER_KWH, PER_MINUTE, WASH, entry
from wire.errors import Code
from wire.events import CardRefused, Ended, SessionEnded
from wire.machines import AtZero, Cycle, HubDown, Mode
from wire.tariff import Band, Tier

TARIFFS = (PER_MINUTE, PER_KWH, WASH)


def with_laser(rig, **fields):
    laser = msgspec.structs.replace(MACHINES[0], **fields)
    rig.configure(machines=(laser, *MACHINES[1:]), tariffs=fields.get("tariffs", TARIFFS))


def poor(rig, minor):
    rig.hub.wallets = {"anna": minor}
    rig.cards(entry(floor_minor=0))


def test_a_reserve_is_kept_for_the_end_and_then_used(rig):
    with_laser(rig, at_zero=AtZero.FINISH_CYCLE, reserve_minor=10)
    poor(rig, 30)
    rig.tap("front")
    rig.run(125_000)
    assert rig.lines("laser") == ("Balance used up", "Finishing")
    assert rig.is_on("laser")
    rig.run(70_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.ZERO_BALANCE, 30)


def test_a_start_needs_the_reserve_too(rig):
    with_laser(rig, at_zero=AtZero.FINISH_CYCLE, reserve_minor=50)
    poor(rig, 40)
    rig.tap("front")

    (refused,) = rig.kinds(CardRefused)
    assert (refused.code, refused.short_minor) == (Code.BALANCE_TOO_LOW, 11)


def test_a_paused_machine_goes_on_after_a_top_up(rig):
    with_laser(rig, at_zero=AtZero.PROMPT_TOP_UP)
    poor(rig, 10)
    rig.tap("front")
    rig.run(65_000)
    assert rig.state("laser") == "paused"
    assert not rig.is_on("laser")
    assert rig.lines("laser") == ("Balance used up", "Top up to go on")
    rig.hub.wallets["anna"] = 10
    rig.run(40_000)
    assert rig.is_on("laser")
    rig.run(300_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.ZERO_BALANCE, 20)


def test_a_paused_machine_ends_when_nobody_tops_up(rig):
    with_laser(rig, at_zero=AtZero.PROMPT_TOP_UP)
    poor(rig, 10)
    rig.tap("front")
    rig.run(65_000)
    rig.run(125_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.charge_minor == 10
    assert sum(segment.time_ms for segment in ended.usage) < 66_000


def test_a_longest_session_ends(rig):
    with_laser(rig, session_ms_max=120_000)
    rig.tap("front")
    rig.run(125_000)

    assert rig.kinds(SessionEnded)[0].charge_minor == 20


def test_a_low_balance_is_shown_before_it_ends(rig):
    with_laser(rig, want_minor=30)
    poor(rig, 30)
    rig.tap("front")
    rig.run(60_000)
    assert rig.parts.indicators["laser"].signal is Signal.RUNNING
    rig.run(75_000)

    assert rig.parts.indicators["laser"].signal is Signal.LOW
    assert rig.lines("laser")[1].startswith("Low: €0.0")


def test_access_is_free_for_who_may(rig):
    with_laser(rig, mode=Mode.ACCESS, permission="door", tariff="")
    rig.cards(entry(floor_minor=0, permissions={"door": 0}))
    rig.link.wanted = False
    rig.run(1_000)
    rig.tap("front")
    assert rig.is_on("laser")
    rig.run(60_000)
    rig.tap("front")
    rig.run(1_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.charge_minor, ended.tariff) == (0, "")


@pytest.mark.parametrize("mode", [Mode.VEND, Mode.REVALUE])
def test_a_mode_that_is_not_served_is_refused(rig, mode):
    with_laser(rig, mode=mode)
    rig.tap("front")

    assert rig.kinds(CardRefused)[0].code == Code.MACHINE_NOT_CONFIGURED


def test_a_price_in_another_unit_than_the_meters_is_refused(rig):
    litres = msgspec.structs.replace(
        PER_KWH, quantity=msgspec.structs.replace(PER_KWH.quantity, unit="ml")
    )
    rig.configure(tariffs=(PER_MINUTE, litres, WASH))
    rig.press("socket-1")
    rig.tap("wall")

    assert rig.kinds(CardRefused)[0].code == Code.MACHINE_NOT_CONFIGURED


def test_a_cycle_that_needs_feedback_without_any_is_refused(rig):
    with_laser(rig, mode=Mode.CYCLE, tariff="wash", cycle=Cycle(feedback_within_ms=5_000))
    rig.tap("front")

    assert rig.kinds(CardRefused)[0].code == Code.MACHINE_NOT_CONFIGURED


def test_a_held_cycle_without_feedback_ends_by_time_and_is_paid(rig):
    cycle = Cycle(pulse_ms=0, feedback_within_ms=0, duration_ms=60_000)
    with_laser(rig, mode=Mode.CYCLE, tariff="wash", cycle=cycle)
    rig.tap("front")
    rig.run(59_000)
    assert rig.is_on("laser")
    rig.run(3_000)
    assert not rig.is_on("laser")

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.CYCLE_DONE, 250)


def test_a_held_cycle_that_is_cut_by_a_stop_of_the_agent_is_free(rig):
    cycle = Cycle(pulse_ms=0, feedback_within_ms=0, duration_ms=60_000)
    with_laser(rig, mode=Mode.CYCLE, tariff="wash", cycle=cycle)
    rig.tap("front")
    rig.run(30_000)
    rig.agent.close()

    assert rig.kinds(SessionEnded)[0].charge_minor == 0


def test_the_accounts_own_price_holds(rig):
    half = msgspec.structs.replace(
        PER_MINUTE, id="half", time=msgspec.structs.replace(PER_MINUTE.time, tiers=(Tier(50_000),))
    )
    rig.configure(tariffs=(*TARIFFS, half))
    rig.cards(entry(tariffs={"laser": "half"}))
    rig.tap("front")
    rig.run(60_000)
    rig.tap("front")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.tariff, ended.charge_minor) == ("half", 5)


def test_use_across_a_bands_edge_is_split_there(rig):
    minute_of_day = rig.clock.now().wall_ms // 60_000 % 1_440
    night = Band(name="night", from_minute=minute_of_day + 2, time_tiers=(Tier(0),))
    banded = msgspec.structs.replace(PER_MINUTE, bands=(night,))
    rig.configure(tariffs=(banded,))
    rig.tap("front")
    rig.run(180_000)
    rig.tap("front")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert [segment.band for segment in ended.usage] == [-1, 0]
    assert 10 <= ended.charge_minor < 20


def test_deny_starts_nothing_without_the_hub(rig):
    with_laser(rig, hub_down=HubDown.DENY)
    rig.tap("front")
    assert rig.is_on("laser"), "the hub answered"
    rig.run(5_000)
    rig.tap("front")
    rig.run(3_000)
    rig.link.wanted = False
    rig.run(1_000)
    rig.tap("front")

    assert not rig.is_on("laser")
    assert rig.kinds(CardRefused)[0].code == Code.BALANCE_TOO_LOW_OFFLINE
    assert ANNA

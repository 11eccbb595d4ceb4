"""Bad cards, failing parts, wrong clocks: what a person and the journal are told."""

from __future__ import annotations

import msgspec
import pytest

from hardware.ports import HEALTH_UP, Health, HealthState, Quality, Signal
from tests.firmware_agent.rig import ANNA, BERT, MACHINES, TOML, Rig, entry
from wire.downlink import Standing
from wire.errors import Code
from wire.events import (
    CardRefused,
    ClockAdjusted,
    ClockState,
    Ended,
    MachineFault,
    SessionEnded,
    SessionStarted,
)

UNKNOWN = bytes.fromhex("04ffffffffffff")
RANDOM = bytes.fromhex("08010203")
DAY_MS = 86_400_000


def refused_codes(rig):
    return [Code(event.code) for event in rig.kinds(CardRefused)]


def test_an_unknown_card_is_refused(rig):
    rig.tap("front", UNKNOWN)

    assert refused_codes(rig) == [Code.CARD_UNKNOWN]
    assert rig.lines("laser") == ("Card not known", "Ask the staff")
    assert rig.parts.indicators["laser"].signal is Signal.REFUSED
    assert not rig.is_on("laser")


def test_a_random_uid_names_nobody(rig):
    rig.tap("front", RANDOM)

    (refused,) = rig.kinds(CardRefused)
    assert (refused.code, refused.card) == (Code.CARD_RANDOM_UID, "")


@pytest.mark.parametrize(
    ("standing", "code"),
    [(Standing.BLOCKED, Code.CARD_BLOCKED), (Standing.CLOSED, Code.ACCOUNT_CLOSED)],
)
def test_a_blocked_card_is_refused(rig, standing, code):
    rig.cards(entry(standing=standing))
    rig.tap("front")

    assert refused_codes(rig) == [code]


def test_a_card_that_does_not_prove_itself_is_a_copy(rig):
    rig.cards(entry(level=1))
    rig.tap("front", level=0)
    rig.tap("front", level=1)

    assert refused_codes(rig) == [Code.CARD_UNPROVED]
    assert rig.is_on("laser")


def test_two_cards_charge_nobody(rig):
    rig.tap_several("front")

    assert refused_codes(rig) == [Code.CARDS_SEVERAL]
    assert rig.lines("laser") == ("Several cards", "Show only one")


def test_a_removed_card_loses_its_account(rig):
    rig.cards(msgspec.structs.replace(entry(), account=""))
    rig.tap("front")

    assert refused_codes(rig) == [Code.CARD_UNKNOWN]


def test_a_permission_is_checked_and_ends(rig):
    laser = msgspec.structs.replace(MACHINES[0], permission="laser-course")
    rig.configure(machines=(laser, *MACHINES[1:]))
    rig.tap("front")
    assert refused_codes(rig) == [Code.PERMISSION_MISSING]

    rig.cards(entry(permissions={"laser-course": rig.clock.now().wall_ms + DAY_MS}))
    rig.tap("front")
    assert rig.is_on("laser")
    rig.run(5_000)
    rig.tap("front")
    rig.run(2_000)
    rig.clock.advance(DAY_MS)
    rig.tap("front")

    assert refused_codes(rig)[-1] is Code.PERMISSION_ENDED


def test_a_missing_deposit_is_told(rig):
    laser = msgspec.structs.replace(MACHINES[0], deposit_minor=1_000)
    rig.configure(machines=(laser, *MACHINES[1:]))
    rig.tap("front")

    assert refused_codes(rig) == [Code.DEPOSIT_TOO_LOW]


def test_an_account_of_another_unit_is_refused(rig):
    rig.cards(entry(unit="PTS"))
    rig.tap("front")

    assert refused_codes(rig) == [Code.UNIT_MISMATCH]


def test_playing_with_a_card_does_not_fill_the_journal(rig):
    for _ in range(30):
        rig.tap("front", UNKNOWN)
    assert len(rig.kinds(CardRefused)) == 10
    rig.run(61_000)
    rig.tap("front", UNKNOWN)

    assert len(rig.kinds(CardRefused)) == 11


def test_a_reader_unplugged_in_a_session_does_not_end_it(rig):
    rig.tap("front")
    rig.unplug("front")
    rig.run(60_000)
    assert rig.is_on("laser")
    assert rig.hub.views[-1].readers_down == ("front",)
    rig.press("laser")
    rig.run(2_000)
    rig.plug_in("front")

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.BUTTON
    down, up = rig.kinds(MachineFault)
    assert (down.code, down.cleared, up.cleared) == (Code.READER_DOWN, False, True)


def start_socket(rig):
    rig.press("socket-1")
    rig.tap("wall")
    assert rig.is_on("socket-1")
    return rig.parts.meters["socket-1"]


def test_a_meter_that_falls_is_a_fault_and_never_a_refund(rig):
    meter = start_socket(rig)
    meter.total += 400
    rig.run(1_000)
    meter.total = 5
    rig.run(1_000)
    meter.total += 600
    rig.run(1_000)
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert sum(segment.quantity for segment in ended.usage) == 1_000
    assert ended.charge_minor == 50
    (fault,) = rig.kinds(MachineFault)
    assert fault.code == Code.METER_BACKWARDS


BOUNDED_WH = 'meter = {{ unit = "Wh", pin = 9, units_per_hour_max = 3600, wraps_at = 65536 }}'


@pytest.fixture
def bounded(tmp_path):
    """A rig whose first socket has a meter with bounds."""
    plain = 'meter = {{ unit = "Wh", pin = 9 }}'
    made = Rig(tmp_path, toml=TOML.replace(plain, BOUNDED_WH))
    made.hub.wallets = {"anna": 2_000}
    made.configure()
    made.cards(entry())
    made.run(2_000)
    yield made
    made.agent.close()


def end_socket(rig):
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(2_000)
    (ended,) = rig.kinds(SessionEnded)
    return sum(segment.quantity for segment in ended.usage), ended.charge_minor


def test_another_meter_that_stands_higher_is_not_charged_for(bounded):
    meter = start_socket(bounded)
    meter.total += 40
    bounded.run(1_000)
    meter.total += 75_000_000
    bounded.run(1_000)
    meter.total += 20
    bounded.run(1_000)

    assert end_socket(bounded) == (60, 3)
    (fault,) = bounded.kinds(MachineFault)
    assert (fault.code, fault.detail) == (
        Code.METER_JUMPED,
        "rose by 75000000, more than it can",
    )


def test_a_register_that_begins_again_is_charged_across_its_end(bounded):
    bounded.parts.meters["socket-1"].total = 65_500
    meter = start_socket(bounded)
    meter.total = 24
    bounded.run(3_000)

    assert end_socket(bounded) == (60, 3)
    assert bounded.kinds(MachineFault) == []


def test_a_meter_that_is_exchanged_while_nobody_uses_it_is_told(rig):
    meter = rig.parts.meters["socket-1"]
    meter.total = 5_000
    rig.run(6_000)
    meter.total = 3
    rig.run(6_000)

    (fault,) = rig.kinds(MachineFault)
    assert (fault.code, fault.detail) == (Code.METER_BACKWARDS, "fell by 4997")


def test_a_meter_that_is_silent_for_long_ends_what_it_should_price(rig):
    meter = start_socket(rig)
    meter.total += 100
    rig.run(1_000)
    meter.quality = Quality.SILENT
    rig.run(40_000)

    assert rig.kinds(SessionEnded)[0].reason is Ended.FAULT
    assert rig.kinds(SessionEnded)[0].charge_minor == 5
    assert rig.kinds(MachineFault)[0].code == Code.METER_SILENT
    rig.press("socket-1")
    rig.tap("wall")
    assert refused_codes(rig) == [Code.METER_SILENT]
    meter.quality = Quality.OK
    rig.run(10_000)
    rig.press("socket-1")
    rig.tap("wall")
    assert rig.is_on("socket-1")


def test_what_a_meter_counted_while_silent_is_use(rig):
    meter = start_socket(rig)
    rig.run(1_000)
    meter.quality = Quality.SILENT
    meter.total += 200
    rig.run(3_000)
    meter.quality = Quality.OK
    rig.run(1_000)
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(2_000)

    assert rig.kinds(SessionEnded)[0].charge_minor == 10
    assert not rig.kinds(MachineFault)


def test_lost_units_are_told_and_not_charged(rig):
    meter = start_socket(rig)
    meter.total += 200
    meter.lost = 7
    rig.run(3_000)
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.units_lost, ended.charge_minor) == (7, 10)


def test_what_a_meter_sends_just_after_the_output_went_off_is_counted(rig):
    meter = start_socket(rig)
    meter.total += 200
    rig.run(3_000)
    rig.press("socket-1")
    rig.tap("wall")
    assert rig.state("socket-1") == "stopping"
    meter.total += 20
    rig.run(2_000)

    assert rig.kinds(SessionEnded)[0].charge_minor == 11


def test_an_output_that_fails_costs_nothing_and_is_told(rig):
    rig.parts.outputs["laser"].fails = "no current"
    rig.tap("front")
    rig.run(1_000)

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.FAULT, 0)
    assert rig.state("laser") == "fault"
    assert rig.kinds(MachineFault)[0].code == Code.OUTPUT_FAILED
    rig.parts.outputs["laser"].fails = ""
    rig.run(60_000)
    assert rig.state("laser") == "free"


def test_an_output_that_knows_that_it_is_gone_is_told_before_the_next_start(rig):
    laser = rig.parts.outputs["laser"]
    laser.health = Health(HealthState.DOWN, "the plug doesn't answer")
    rig.run(6_000)
    rig.tap("front")
    assert not rig.is_on("laser")
    laser.health = HEALTH_UP
    rig.run(40_000)
    rig.tap("front")

    assert rig.is_on("laser")
    down, up = rig.kinds(MachineFault)
    assert (down.code, down.detail) == (Code.OUTPUT_FAILED, "the plug doesn't answer")
    assert (down.cleared, up.cleared) == (False, True)


def test_an_output_that_goes_away_in_a_session_ends_it(rig):
    rig.tap("front")
    rig.run(10_000)
    rig.parts.outputs["laser"].health = Health(HealthState.DOWN, "the plug lost its connection")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.FAULT
    assert 0 < ended.charge_minor <= 20


def test_an_output_stays_on_by_renewal_and_falls_off_without(rig):
    rig.tap("front")
    rig.run(60_000)
    assert rig.parts.outputs["laser"].switched == [True]
    rig.clock.advance(10_000)

    assert not rig.is_on("laser")


def test_a_stalled_controller_charges_no_time_beyond_the_lease(rig):
    rig.tap("front")
    rig.run(1_000)
    rig.clock.advance(600_000)
    rig.run(1_000)
    rig.tap("front")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert sum(segment.time_ms for segment in ended.usage) < 8_000


def test_a_wrong_clock_is_corrected_by_the_hub_and_journalled(offline):
    offline.hub.epoch = offline.agent.state.epoch
    real_ms = offline.clock.now().wall_ms + 30 * DAY_MS
    offline.restart()
    journal = offline.agent._wires.records.journal
    head = {"through_seq": journal.head_seq, "head_hash": journal.head_hash.hex()}
    offline.deliver(offline.hub.ack(**head, hub_time_ms=real_ms))
    offline.tap("front")

    (adjusted,) = offline.kinds(ClockAdjusted)
    assert abs(adjusted.offset_ms - 30 * DAY_MS) < 10_000
    assert abs(offline.kinds(SessionStarted)[0].at.wall_ms - real_ms) < 10_000


def test_time_does_not_go_back_over_a_restart_without_network(offline):
    before_ms = offline.journal()[-1].at.wall_ms
    offline.clock.jump_wall(-30 * DAY_MS)
    offline.restart()

    assert offline.journal()[-1].at.wall_ms >= before_ms
    assert offline.journal()[-1].at.clock is ClockState.STALE


def test_a_session_is_not_longer_when_the_clock_jumps(rig):
    rig.tap("front")
    rig.run(30_000)
    rig.clock.jump_wall(DAY_MS)
    rig.run(30_000)
    rig.tap("front")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert sum(segment.time_ms for segment in ended.usage) == 60_000
    assert ended.charge_minor == 10


def test_a_machine_that_already_runs_is_not_sold(rig):
    rig.feedback("washer", active=True)
    rig.tap("back")

    assert refused_codes(rig) == [Code.MACHINE_BUSY]


def test_a_tap_right_after_the_start_does_not_stop(rig):
    rig.tap("front")
    rig.run(500)
    rig.tap("front")
    rig.run(500)

    assert rig.is_on("laser")
    assert ANNA != BERT


def test_a_part_that_cannot_be_opened_takes_its_machine_out_and_nothing_else(tmp_path):
    rig = Rig(tmp_path, online=False, missing=("meter socket-1", "feedback washer"))
    rig.configure()
    rig.cards(entry())
    rig.run(120_000)

    assert {name: rig.state(name) for name in ("socket-1", "washer", "socket-2", "laser")} == {
        "socket-1": "fault",
        "washer": "fault",
        "socket-2": "free",
        "laser": "free",
    }
    rig.agent.close()

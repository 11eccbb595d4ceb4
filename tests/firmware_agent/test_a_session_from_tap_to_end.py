"""Whole sessions on the real runtime, store and core; parts and hub in memory."""

from __future__ import annotations

import msgspec

from tests.firmware_agent.rig import BERT, MACHINES, PER_MINUTE, entry
from wire.errors import Code
from wire.events import CardRefused, Ended, Released, SessionEnded, SessionStarted
from wire.tariff import Tier
from wire.usage import total_time_ms


def test_a_tap_starts_and_a_tap_stops(rig):
    rig.tap("front")
    assert rig.is_on("laser")
    rig.run(120_000)
    rig.tap("front")
    assert not rig.is_on("laser")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.TAP
    assert ended.charge_minor == 20
    assert (ended.backed_minor, ended.unbacked_minor) == (20, 0)
    assert rig.state("laser") == "free"


def test_what_is_left_goes_back_to_the_hub(rig):
    rig.tap("front")
    rig.run(60_000)
    rig.tap("front")
    rig.run(5_000)

    ended, released = rig.kinds(SessionEnded, Released)
    assert released.seq == ended.seq + 1
    assert released.amount_minor == 500 - 10
    assert released.totals.spent + released.totals.released == 500
    assert len(rig.hub.events) == len(rig.journal())


def test_the_session_is_on_disk_before_the_output_is_on(rig):
    seen = []
    output = rig.parts.outputs["laser"]
    set_on = output.set_on
    output.set_on = lambda lease_ms: (
        seen.append(len(rig.kinds(SessionStarted))),
        set_on(lease_ms),
    )

    rig.tap("front")

    assert seen[0] == 1


def test_a_session_without_network_rests_on_the_floor_and_is_sent_later(offline):
    offline.tap("front")
    assert offline.is_on("laser")
    offline.run(60_000)
    offline.tap("front")
    offline.run(2_000)
    assert not offline.hub.events

    offline.link.wanted = True
    offline.run(5_000)

    (ended,) = offline.kinds(SessionEnded)
    assert (ended.backed_minor, ended.unbacked_minor) == (0, 10)
    assert len(offline.hub.events) == len(offline.journal())


def test_the_floor_is_never_exceeded_over_several_sessions(offline):
    offline.cards(entry(floor_minor=50))
    for _ in range(3):
        offline.tap("front")
        offline.run(6 * 60_000)

    spent = sum(event.unbacked_minor for event in offline.kinds(SessionEnded))
    assert spent == 50
    assert offline.kinds(SessionEnded)[0].reason is Ended.ZERO_BALANCE
    (refused, *_) = offline.kinds(CardRefused)
    assert refused.code == Code.BALANCE_TOO_LOW_OFFLINE


def test_a_card_without_money_is_refused_with_the_reason(rig):
    rig.tap("front", BERT)
    rig.run(500)

    (refused,) = rig.kinds(CardRefused)
    assert refused.code == Code.BALANCE_TOO_LOW
    assert refused.account == "bert"
    assert rig.lines("laser")[0] == "Balance too low"
    assert not rig.is_on("laser")


def test_a_cycle_is_charged_once_the_machine_says_that_it_runs(rig):
    rig.tap("back")
    assert rig.state("washer") == "starting"
    assert rig.is_on("washer")
    rig.run(1_000)
    assert not rig.is_on("washer"), "the start pulse is over"
    rig.feedback("washer", active=True)
    rig.run(600_000)
    assert rig.state("washer") == "running"
    rig.feedback("washer", active=False)
    rig.run(10_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.CYCLE_DONE
    assert ended.charge_minor == 250


def test_a_cycle_that_does_not_start_is_not_charged(rig):
    rig.tap("back")
    rig.run(15_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.FEEDBACK_MISSING
    assert ended.charge_minor == 0
    assert ended.totals.spent == 0
    assert rig.kinds(Released)[0].amount_minor == 250


def test_a_tap_does_not_stop_a_paid_cycle(rig):
    rig.tap("back")
    rig.feedback("washer", active=True)
    rig.run(60_000)
    rig.tap("back")
    rig.run(1_000)

    assert rig.state("washer") == "running"


def test_a_button_stops_a_session_of_a_machine_with_its_own_reader(rig):
    rig.tap("front")
    rig.run(60_000)
    rig.press("laser")
    rig.run(1_000)

    assert rig.kinds(SessionEnded)[0].reason is Ended.BUTTON


def test_an_idle_session_ends(rig):
    socket = msgspec.structs.replace(MACHINES[2], idle_ms=60_000)
    rig.configure(machines=(*MACHINES[:2], socket, MACHINES[3]))
    rig.press("socket-1")
    rig.tap("wall")
    rig.parts.meters["socket-1"].total += 100
    rig.run(30_000)
    assert rig.state("socket-1") == "running"
    rig.run(120_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.IDLE
    assert ended.charge_minor == 5


def test_a_session_keeps_its_tariff_when_the_prices_change(rig):
    rig.tap("front")
    rig.run(60_000)
    dearer = msgspec.structs.replace(
        PER_MINUTE,
        version=2,
        time=msgspec.structs.replace(PER_MINUTE.time, tiers=(Tier(900_000),)),
    )
    rig.configure(tariffs=(dearer,))
    rig.run(60_000)
    rig.tap("front")
    rig.run(3_000)
    rig.tap("front")

    (ended,) = rig.kinds(SessionEnded)
    assert (ended.tariff_version, ended.charge_minor) == (1, 20)
    assert rig.kinds(SessionStarted)[1].tariff_version == 2


def test_another_persons_card_is_refused_while_a_machine_is_in_use(rig):
    rig.tap("front")
    rig.run(10_000)
    rig.tap("front", BERT)
    rig.run(500)

    assert rig.kinds(CardRefused)[0].code == Code.MACHINE_BUSY
    assert rig.is_on("laser")


def test_a_running_session_asks_for_more_before_it_ends(rig):
    small = msgspec.structs.replace(MACHINES[0], want_minor=50)
    rig.configure(machines=(small, *MACHINES[1:]))
    rig.tap("front")
    rig.run(5 * 60_000)

    assert len(rig.hub.wants) == 2
    assert rig.hub.wants[0].request != rig.hub.wants[1].request
    assert rig.state("laser") == "running"


def test_a_session_ends_at_zero_and_not_beyond(rig):
    rig.hub.wallets = {"anna": 30}
    rig.cards(entry(floor_minor=0))
    rig.tap("front")
    rig.run(10 * 60_000)

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.ZERO_BALANCE
    assert (ended.charge_minor, ended.unbacked_minor) == (30, 0)


def test_use_is_charged_up_to_the_moment_of_the_last_tap(rig):
    rig.tap("front")
    rig.run(61_130)
    used_ms = rig.parts.outputs["laser"].on_ms_total

    rig.tap("front")
    rig.run(2_000)

    (ended,) = rig.kinds(SessionEnded)
    assert used_ms <= total_time_ms(ended.usage) == rig.parts.outputs["laser"].on_ms_total

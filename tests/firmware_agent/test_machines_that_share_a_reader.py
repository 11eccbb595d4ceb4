"""One reader, a button per machine: press and tap, or tap and press."""

from __future__ import annotations

from tests.firmware_agent.rig import BERT, entry
from wire.errors import Code
from wire.events import CardRefused, Ended, SessionEnded

STRANGER = bytes.fromhex("04998877665544")


def test_press_then_tap_starts_that_machine(rig):
    rig.press("socket-2")
    assert rig.lines("reader/wall") == ("Socket 2", "Tap your card")
    rig.tap("wall")

    assert rig.is_on("socket-2")
    assert not rig.is_on("socket-1")


def test_tap_then_press_starts_that_machine(rig):
    rig.tap("wall")
    assert rig.lines("reader/wall") == ("Card read", "Press a button")
    rig.press("socket-1")
    rig.agent.step()

    assert rig.is_on("socket-1")


def test_a_choice_runs_out(rig):
    rig.press("socket-1")
    rig.run(16_000)
    rig.tap("wall")
    rig.run(16_000)

    assert not rig.is_on("socket-1")
    (refused,) = rig.kinds(CardRefused)
    assert (refused.code, refused.account) == (Code.MACHINE_NOT_CHOSEN, "anna")


def test_a_tap_alone_or_a_button_alone_stops_nothing(rig):
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(5_000)
    rig.press("socket-1")
    rig.run(16_000)
    rig.tap("wall")
    rig.run(16_000)

    assert rig.is_on("socket-1")


def test_choosing_the_own_running_machine_and_tapping_stops_it(rig):
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(5_000)
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(2_000)

    assert rig.kinds(SessionEnded)[0].reason is Ended.TAP


def test_one_account_can_use_two_machines_on_one_right(rig):
    rig.hub.wallets = {"anna": 40}
    rig.cards(entry(floor_minor=0))
    for machine in ("socket-1", "socket-2"):
        rig.press(machine)
        rig.tap("wall")
        rig.run(1_000)
        assert rig.is_on(machine)
    for _ in range(100):
        for machine in ("socket-1", "socket-2"):
            rig.parts.meters[machine].total += 20 * rig.is_on(machine)
        rig.run(250)
    rig.run(2_000)

    ended = rig.kinds(SessionEnded)
    assert {event.reason for event in ended} == {Ended.ZERO_BALANCE}
    assert 35 <= sum(event.charge_minor for event in ended) <= 40
    assert sum(event.unbacked_minor for event in ended) == 0


def test_another_person_cannot_take_over_a_choice_that_is_in_use(rig):
    rig.press("socket-1")
    rig.tap("wall")
    rig.run(5_000)
    rig.press("socket-1")
    rig.tap("wall", BERT)

    assert rig.kinds(CardRefused)[0].code == Code.MACHINE_BUSY
    assert rig.is_on("socket-1")


def test_an_unknown_card_is_told_at_the_reader(rig):
    rig.tap("wall", bytes.fromhex("04000000000001"))

    assert rig.lines("reader/wall") == ("Card not known", "Ask the staff")


def test_a_card_that_is_not_known_does_not_start_on_the_card_before(rig):
    rig.tap("wall")
    rig.tap("wall", STRANGER)
    rig.press("socket-1")

    assert rig.state("socket-1") == "free"
    assert not rig.is_on("socket-1")


def test_two_cards_at_once_do_not_start_on_the_card_before(rig):
    rig.tap("wall")
    rig.tap_several("wall")
    rig.press("socket-1")

    assert rig.state("socket-1") == "free"

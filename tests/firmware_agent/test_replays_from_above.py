"""Whoever carries messages may keep them and send them again: it must change nothing.

All that came down in a life with sessions, rights, a card list, a configuration and
commands is sent once more: at once, and after a restart before anything new comes.
"""

from __future__ import annotations

import pytest

from firmware_agent.link import Came
from tests.firmware_agent.rig import ANNA, entry
from wire.downlink import Action
from wire.errors import Code
from wire.events import ClockState
from wire.topics import (
    DOWN_ACCOUNTS,
    DOWN_ACK,
    DOWN_COMMAND,
    DOWN_CONFIG,
    DOWN_KEY,
    LEAVES_DOWN,
    UP_JOURNAL,
)

DAY_MS = 86_400_000
KINDS = [DOWN_ACK, DOWN_ACCOUNTS, DOWN_CONFIG, DOWN_COMMAND]


def test_every_kind_of_message_is_tried_here():
    # A key of the hub is tried in test_the_hubs_next_key.
    assert {*KINDS, DOWN_KEY} == set(LEAVES_DOWN)


@pytest.fixture
def lived(rig):
    """A controller with a past, and all that it was told in it."""
    told: list[Came] = []
    downlink = rig.agent._wires.downlink
    opened = downlink.open

    def listening(leaf, payload):
        told.append(Came(leaf, payload))
        return opened(leaf, payload)

    downlink.open = listening
    rig.hub.wallets = {"anna": 2_000}
    rig.cards(entry(ANNA, "anna", floor_minor=100))
    rig.configure()
    for number in range(3):
        rig.tap("front")
        rig.run(30_000)
        rig.tap("front")
        rig.run(3_000)
        rig.deliver(rig.hub.command(id=f"cmd_{number}", action=Action.LOCK, machine="washer"))
        rig.deliver(rig.hub.command(id=f"cmd_u{number}", action=Action.UNLOCK, machine="washer"))
        rig.run(3_000)
    downlink.open = opened
    assert {one.leaf for one in told} == set(KINDS)
    return rig, told


def picture(rig):
    records = rig.agent._wires.records
    return {
        "rights": records.accounts.load("anna"),
        "journal": (records.journal.head_seq, records.journal.acked_seq),
        "cards": (records.cards.revision, records.cards.find(entry(ANNA).card)),
        "config": rig.agent.state.config_version,
        "alarm": rig.agent.state.alarm,
        "machines": {name: rig.state(name) for name in ("laser", "washer")},
        "on": rig.is_on("laser") or rig.is_on("washer"),
    }


@pytest.mark.parametrize("leaf", KINDS)
def test_what_was_taken_once_is_nothing_the_second_time(lived, leaf):
    rig, told = lived
    before, sent = picture(rig), len(rig.link.sent)

    rig.deliver(*[one for one in told if one.leaf == leaf])

    assert picture(rig) == before
    again = [name for name, _ in rig.link.sent[sent:] if name == UP_JOURNAL]
    assert again == []


@pytest.mark.parametrize("leaf", KINDS)
def test_after_a_restart_what_was_taken_before_is_nothing(lived, leaf):
    rig, told = lived
    rig.hub.acks = False
    rig.restart()
    before = picture(rig)

    rig.deliver(*[one for one in told if one.leaf == leaf])

    assert picture(rig) == before


def test_an_old_message_does_not_turn_back_the_clock(lived):
    rig, told = lived
    rig.hub.acks = False
    rig.clock.advance(10 * DAY_MS)
    rig.restart()
    late = rig.agent._wires.time.moment().wall_ms

    rig.deliver(*told)

    moment = rig.agent._wires.time.moment()
    assert moment.clock is not ClockState.SYNCED
    assert moment.wall_ms >= late


def test_a_command_that_was_held_back_is_not_obeyed_by_a_clock_turned_back(lived):
    rig, told = lived
    held = rig.hub.command(id="held", action=Action.START, machine="laser", card=entry(ANNA).card)
    rig.hub.acks = False
    rig.clock.advance(10 * DAY_MS)
    rig.restart()

    rig.deliver(*told, held)

    assert not rig.is_on("laser")
    assert rig.agent._wires.downlink.dropped[Code.MESSAGE_REPLAYED] > 0


def test_an_old_ack_after_a_restart_does_not_stop_a_controller_that_has_pruned(lived):
    rig, told = lived
    rig.agent._wires.records.journal._move_base(5, drop_upto=5)
    rig.hub.acks = False
    rig.restart()

    rig.deliver(*[one for one in told if one.leaf == DOWN_ACK])

    assert rig.agent.state.alarm is None

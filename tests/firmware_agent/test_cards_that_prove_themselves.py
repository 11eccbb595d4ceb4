"""What a card proves decides what it may do, and is told with each start and refusal."""

from __future__ import annotations

import pytest

from tests.firmware_agent.rig import BERT, entry, identity
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import CardRefused, SessionEnded, SessionStarted
from wire.ids import card_ref
from wire.machines import Policy

FLOOR_MINOR = 500


def proving(level: int = 1, **fields) -> CardEntry:
    return entry(level=level, **fields)


def test_a_copy_of_a_uid_cannot_stop_its_owners_session(rig):
    rig.cards(proving())
    rig.tap("front", level=1)
    rig.run(3_000)

    rig.tap("front", level=0)

    assert rig.is_on("laser")
    assert rig.kinds(SessionEnded) == []
    rig.tap("front", level=1)
    rig.run(2_000)
    assert not rig.is_on("laser")


@pytest.mark.parametrize("level", [1, 2])
def test_a_card_listed_as_proving_itself_is_refused_without_its_proof(rig, level):
    rig.cards(proving(level))

    rig.tap("front", level=level - 1)

    assert [event.code for event in rig.kinds(CardRefused)] == [Code.CARD_UNPROVED]
    assert rig.lines("laser") == ("Card not accepted", "Ask the staff")


def test_where_the_policy_takes_unproved_cards_they_start_on_backed_rights_only(offline):
    rig = offline
    rig.configure(policy=Policy(takes_unproved_cards=True))
    rig.cards(proving(floor_minor=FLOOR_MINOR))

    rig.tap("front", level=0)

    assert [event.code for event in rig.kinds(CardRefused)] == [Code.BALANCE_TOO_LOW_OFFLINE]
    rig.tap("front", level=1)
    (started,) = rig.kinds(SessionStarted)
    assert started.floor_used


def test_the_floor_offline_is_what_the_list_says_of_each_card(offline):
    rig = offline
    bert = card_ref(identity().card_salt, BERT)
    rig.cards(
        proving(floor_minor=FLOOR_MINOR),
        CardEntry(card=bert, account="anna", level=0, floor_minor=0),
    )

    rig.tap("front", BERT, level=0)

    assert [event.code for event in rig.kinds(CardRefused)] == [Code.BALANCE_TOO_LOW_OFFLINE]
    rig.tap("front", level=1)
    assert len(rig.kinds(SessionStarted)) == 1

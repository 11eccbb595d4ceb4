"""What a card proves decides what it may do, and is told with each start and refusal."""

from __future__ import annotations

import pytest

from hardware.cards.keyring import CardProof
from hardware.ports import CardPresent
from tests.firmware_agent.rig import ANNA, BERT, entry, identity
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import CardRefused, SessionEnded, SessionStarted
from wire.ids import card_ref
from wire.machines import Policy
from wire.proof import Proof

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


def test_a_card_that_went_away_before_it_had_proved_itself_isn_t_called_a_copy(rig):
    rig.cards(proving())
    rig.tap("front", level=1)
    rig.run(3_000)

    lose_a_proof(rig)

    assert rig.is_on("laser")
    (refused,) = rig.kinds(CardRefused)
    assert (refused.code, refused.proof) == (Code.CARD_REMOVED_EARLY, None)
    assert rig.lines("laser") == ("Card gone too soon", "Hold it a moment")


def test_a_card_that_needs_no_proof_may_lose_it(rig):
    rig.cards(proving(level=0))

    lose_a_proof(rig)

    assert len(rig.kinds(SessionStarted)) == 1


def lose_a_proof(rig):
    """A card of which nobody knows what it would have proved."""
    now_ms = rig.clock.now().mono_ms
    rig.parts.readers["front"].emit(
        CardPresent("front", ANNA, "iso14443-4", 0, now_ms, proof_lost=True)
    )
    rig.agent.step()
    rig.agent.step()


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


def test_a_start_and_a_refusal_tell_what_the_card_proved(rig):
    rig.cards(proving(), entry(BERT, "bert", level=2, floor_minor=0))

    rig.tap("front", level=1, proof=CardProof("sun", 3, 77))
    rig.tap("front", BERT, level=2, proof=CardProof("ev2", 1))

    (started,), (refused,) = rig.kinds(SessionStarted), rig.kinds(CardRefused)
    assert started.proof == Proof(method="sun", level=1, key_version=3, counter=77)
    assert refused.proof == Proof(method="ev2", level=2, key_version=1)


def test_a_tap_that_waits_for_the_hub_or_a_choice_keeps_its_proof(rig):
    proof = CardProof("ev2", 1, 5)
    told = Proof(method="ev2", level=1, key_version=1, counter=5)
    rig.cards(proving(floor_minor=0))

    rig.tap("front", level=1, proof=proof)
    rig.run(2_000)

    assert [started.proof for started in rig.kinds(SessionStarted)] == [told]

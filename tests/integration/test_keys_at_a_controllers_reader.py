"""Cards are given keys, renewed and wiped at a reader, whatever a hand does meanwhile.

The real commands and nfcpy's own driver tell virtual cards what to do; no hub is there.
"""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import pytest

from firmware_agent.card_desk import CardDeskError
from firmware_agent.card_issuing import Desk, personalise
from firmware_agent.card_keys import MasterKey, SiteKeys, add_master
from firmware_agent.card_links import waiting
from firmware_agent.clock import SystemClock
from firmware_agent.commands import card_issue as command
from firmware_agent.identity import save_identity
from hardware import factory
from hardware.cards.proving import prove_card
from hardware.specs import ReaderSpec
from simulator.parts.desfire import EV1, Desfire
from simulator.parts.iso_dep import Tear
from simulator.parts.ntag424 import Ntag424
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Ntag
from tests.firmware_agent.rig import identity
from wire.ids import card_ref

UID = bytes.fromhex("04a1b2c3d4e5f6")
REF = card_ref(identity().card_salt, UID)
FIRST, SECOND = (MasterKey(version, random.Random(version).randbytes(16)) for version in (1, 2))
OTHER_SITE = MasterKey(1, random.Random(9).randbytes(16))
LEVELS = {Ntag424: 1, Desfire: 2}
entropy = random.Random(3).randbytes
both = pytest.mark.parametrize("make", list(LEVELS), ids=["NTAG 424", "DESFire"])


@pytest.fixture
def config(tmp_path) -> Path:
    save_identity(tmp_path, identity())
    add_master(tmp_path, FIRST)
    path = tmp_path / "agent.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[[readers]]\nid = "front"\nport = "{tmp_path / "front"}"\n'
    )
    return path


@pytest.fixture
def chip(tmp_path):
    chip = Pn532Chip(tmp_path / "front")
    chip.plug()
    yield chip
    chip.unplug()


@pytest.fixture
def where(config, chip) -> command.Where:
    return command.Where(config)


class InHand:
    """A card without air between."""

    def __init__(self, card):
        self.card = card
        card.power_up()

    def exchange(self, apdu):
        return self.card.chip.obey(apdu)


def proved(card, *masters):
    return prove_card(InHand(card), card.uid, SiteKeys(masters), entropy)


@both
def test_a_blank_card_gets_keys_and_waits_to_be_linked_with_its_level(
    where, chip, tmp_path, make, capsys
):
    card = make(UID, entropy)
    chip.place(card)

    assert command.personalise(where, "ana", "fob") == 0

    done = proved(card, FIRST)
    assert (done.level, done.proof.key_version) == (LEVELS[make], 1)
    (kept,) = waiting(tmp_path)
    assert (kept.card, kept.account, kept.label) == (REF, "ana", "fob")
    assert (kept.level, kept.key_version) == (LEVELS[make], 1)
    said = capsys.readouterr().out
    assert "card send" in said
    assert UID.hex() not in said.lower()


@both
@pytest.mark.parametrize("when", list(Tear), ids=lambda when: when.name.lower())
def test_a_card_that_is_taken_away_meanwhile_is_finished_when_it_is_back(
    where, chip, make, when, capsys
):
    """At which command doesn't matter: tests of each family try them all."""
    card = make(UID, entropy)
    card.tear(12, when)
    chip.place(card)

    assert command.personalise(where, "ana", "") == 0

    assert "Lay it down again" in capsys.readouterr().out
    assert proved(card, FIRST).level == LEVELS[make]


@both
def test_a_card_that_is_never_held_is_given_up_and_can_be_finished_later(where, chip, make, capsys):
    card = make(UID, entropy)
    chip.place(card)
    card.lose_answers(100_000)

    assert command.personalise(where, "ana", "") == 1

    assert "lost 10 times" in capsys.readouterr().err
    card.lose_answers(0)
    assert command.personalise(where, "ana", "") == 0
    assert proved(card, FIRST).level == LEVELS[make]


@both
def test_another_card_doesn_t_take_the_place_of_one_that_isn_t_done(
    where, chip, tmp_path, make, capsys
):
    other = make(UID[:-1] + b"\0", entropy)

    class Swapped(make):
        def _obey(self, apdu):
            chip.remove(self)
            chip.place(other)

    chip.place(Swapped(UID, entropy))

    assert command.personalise(where, "ana", "") == 1

    assert "another card" in capsys.readouterr().err
    assert waiting(tmp_path) == []
    assert proved(other, FIRST).level == 0


@both
def test_a_card_of_an_older_key_is_brought_to_the_newest(where, chip, tmp_path, make):
    card = make(UID, entropy)
    chip.place(card)
    command.personalise(where, "ana", "fob")
    add_master(tmp_path, SECOND)

    assert command.rekey(where) == 0

    assert proved(card, SECOND).proof.key_version == 2
    assert proved(card, FIRST).level == 0
    (kept,) = waiting(tmp_path)
    assert (kept.account, kept.label, kept.level) == ("ana", "fob", LEVELS[make])
    assert kept.key_version == 2


@both
def test_a_blank_card_and_one_of_another_site_are_not_rekeyed(where, chip, tmp_path, make, capsys):
    card = make(UID, entropy)
    chip.place(card)
    assert command.rekey(where) == 1
    assert "card personalise" in capsys.readouterr().err
    assert proved(card, FIRST).level == 0

    give(card, OTHER_SITE)
    for done in (command.rekey(where), command.personalise(where, "ana", "")):
        assert done == 1
    assert proved(card, OTHER_SITE).level == LEVELS[make]
    assert waiting(tmp_path) == []


def give(card, master):
    """Keys of a master, as its site would give them."""
    from hardware.cards.proving import family_of

    port = InHand(card)
    family = family_of(port)
    (key,) = SiteKeys((master,)).keys_for(card.uid, family.kind)
    family.give_keys(port, key, (), entropy)


@both
def test_a_card_is_wiped_only_when_it_is_said_in_full(where, chip, tmp_path, make, monkeypatch):
    card = make(UID, entropy)
    chip.place(card)
    command.personalise(where, "ana", "")
    for answer in ("yes\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert command.wipe(where, yes=False) == 1
    assert proved(card, FIRST).level == LEVELS[make]

    monkeypatch.setattr(sys, "stdin", io.StringIO("wipe\n"))
    assert command.wipe(where, yes=False) == 0

    assert proved(card, FIRST).level == 0
    (kept,) = waiting(tmp_path)
    assert (kept.is_wiped, kept.account, kept.level, kept.key_version) == (True, "", 0, 0)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (Ntag(UID), "card link"),
        (Desfire(UID, entropy, EV1), "take an EV2 or EV3"),
        (Desfire(bytes.fromhex("08010203"), entropy), "makes up a new UID"),
    ],
    ids=["a plain one", "one of before EV2", "a phone"],
)
def test_a_card_that_can_t_prove_itself_is_refused_in_words(
    where, chip, tmp_path, card, said, capsys
):
    chip.place(card)

    assert command.personalise(where, "ana", "") == 1

    assert said in capsys.readouterr().err
    assert waiting(tmp_path) == []


def test_two_cards_are_one_too_many_to_be_told_something(where, chip, capsys):
    chip.place(Ntag424(UID, entropy))
    chip.place(Ntag424(UID[:-1] + b"\0", entropy))

    assert command.personalise(where, "ana", "") == 1

    assert "one only" in capsys.readouterr().err


def test_a_card_that_waits_for_somebody_else_isn_t_written_on(where, chip, tmp_path, capsys):
    card = Ntag424(UID, entropy)
    chip.place(card)
    command.personalise(where, "ana", "")
    add_master(tmp_path, SECOND)

    assert command.personalise(where, "ben", "") == 1

    assert "linked to ana" in capsys.readouterr().err
    assert proved(card, FIRST).level == 1


def test_without_keys_nothing_is_begun(where, tmp_path, capsys):
    (tmp_path / "card-keys.json").unlink()

    assert command.personalise(where, "ana", "") == 1

    assert "keys import" in capsys.readouterr().err


def test_a_reader_that_only_types_can_t_tell_a_card_anything(tmp_path):
    clock, keys = SystemClock(), SiteKeys((FIRST,))
    spec = ReaderSpec(id="front", port=str(tmp_path / "event3"), driver="keyboard")
    reader = factory.open_reader(spec, clock)
    desk = Desk(reader, keys, entropy, clock, print)

    with pytest.raises(CardDeskError, match="only types"):
        desk.with_card(personalise)


def test_nobody_comes_with_a_card(chip, tmp_path):
    clock, keys = SystemClock(), SiteKeys((FIRST,))
    reader = factory.open_reader(ReaderSpec(id="front", port=str(tmp_path / "front")), clock)
    desk = Desk(reader, keys, entropy, clock, print)

    with pytest.raises(CardDeskError, match="no card came"):
        desk.with_card(personalise, wait_ms=100)


def test_a_reader_that_is_pulled_out_is_said(where, chip, capsys):
    chip.unplug()

    assert command.personalise(where, "ana", "") == 1

    assert "can't open" in capsys.readouterr().err

"""What another program makes of cards that we gave keys to: pylibsdm, over nfcpy.

We wrote both the reader and the virtual card, so both could share a mistake. pylibsdm was
written by others, from the same data sheet.
"""

from __future__ import annotations

import random
import warnings

import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import pytest

from hardware.cards import ntag424
from hardware.cards.keyring import CardKey
from hardware.cards.sun import check_sun, decrypted_picc_data
from simulator.parts.ntag424 import Ntag424

with warnings.catch_warnings():
    # It is written for the version before of a library that it checks fields with.
    warnings.simplefilter("ignore")
    from pylibsdm.tag.ntag424dna import AccessCondition, CommMode, Tag

UID = bytes.fromhex("04a1b2c3d4e5f6")
KEY = CardKey(1, bytes(range(16)))
ANOTHER = bytes(range(50, 66))
PLACES = range(5)
SIGNING = 2
entropy = random.Random(1).randbytes


class _Desk:
    def __init__(self, card):
        self.card = card

    def exchange(self, apdu):
        return self.card.chip.obey(apdu)


@pytest.fixture
def card(chip):
    """One of ours, on the reader."""
    card = Ntag424(UID, entropy)
    ntag424.give_keys(_Desk(card), KEY, (), entropy)
    chip.place(card)
    return card


@pytest.fixture
def found(card, chip, tmp_path):
    """The card as nfcpy finds it."""
    field = nfc.clf.ContactlessFrontend()
    line = nfc.clf.transport.TTY(str((tmp_path / "front").resolve()))
    field.device = nfc.clf.pn532.init(line)
    yield nfc.tag.activate(field, field.sense(nfc.clf.RemoteTarget("106A")))
    field.close()


@pytest.fixture
def foreign(found):
    """The card as pylibsdm sees it, with the keys that we gave it."""
    foreign = Tag(found)
    for number in PLACES:
        foreign.set_key(number, ntag424.slot_key(KEY, number))
    return foreign


@pytest.mark.parametrize("number", PLACES)
def test_it_authenticates_with_each_of_the_keys(foreign, number):
    assert foreign.authenticate_ev2_first(number)


def test_it_reads_the_settings_as_we_mean_them(foreign):
    settings = foreign.get_file_settings(2)

    assert settings.file_option.sdm_enabled
    assert settings.file_option.comm_mode is CommMode.PLAIN
    rights = settings.access_rights
    assert rights.read is AccessCondition.FREE_ACCESS
    assert {rights.write, rights.read_write, rights.change} == {AccessCondition.KEY_0}
    signing = settings.sdm_access_rights
    assert (signing.meta_read, signing.file_read) == (AccessCondition.KEY_2,) * 2
    assert signing.ctr_ret is AccessCondition.KEY_1
    assert (settings.sdm_options.uid, settings.sdm_options.read_ctr) == (True, True)


def test_a_key_that_it_changed_is_one_for_us(foreign, card):
    foreign.change_key(0, ANOTHER, 9)

    assert (card.chip.memory.slots[0].key, card.chip.memory.slots[0].version) == (ANOTHER, 9)
    foreign.set_key(0, ANOTHER)
    foreign.reset_session()
    assert foreign.authenticate_ev2_first(0)


def test_a_phone_reads_a_text_that_the_card_signed(found):
    (record,) = found.ndef.records

    secret, mac = (bytes.fromhex(word) for word in record.text.split())
    key = ntag424.slot_key(KEY, SIGNING)
    tap = decrypted_picc_data(key, secret)
    assert tap.uid == UID
    check_sun(key, tap, mac)

"""The virtual chip and cards, as nfcpy's own card code sees them."""

from __future__ import annotations

import nfc
import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import pytest

from simulator.parts.tags import Ntag, NtagModel, make_tag

UID = bytes.fromhex("04a1b2c3d4e5f6")


@pytest.fixture
def frontend(chip, tmp_path):
    transport = nfc.clf.transport.TTY(str((tmp_path / "front").resolve()))
    frontend = nfc.clf.ContactlessFrontend()
    frontend.device = nfc.clf.pn532.init(transport)
    yield frontend
    frontend.close()


@pytest.mark.parametrize("model", list(NtagModel))
def test_nfcpy_recognises_the_model_and_reads_its_memory(chip, frontend, model):
    chip.place(Ntag(UID, model))
    target = frontend.sense(nfc.clf.RemoteTarget("106A"))
    tag = nfc.tag.activate(frontend, target)
    assert tag.identifier == UID
    assert model.name in tag.product
    tag.write(6, b"\x01\x02\x03\x04")
    assert tag.read(6)[:4] == b"\x01\x02\x03\x04"
    assert tag.ndef is not None
    assert tag.ndef.length == 0


def test_a_card_that_left_does_not_answer(chip, frontend):
    card = Ntag(UID)
    chip.place(card)
    tag = nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))
    chip.remove(card)
    assert not tag.is_present


def test_a_card_can_be_asked_for_by_its_uid(chip, frontend):
    chip.place(Ntag(bytes.fromhex("04ffeeddccbbaa")))
    wanted = nfc.clf.RemoteTarget("106A", sel_req=UID)
    assert frontend.sense(wanted) is None
    chip.place(Ntag(UID))
    assert frontend.sense(wanted).sdd_res == UID


@pytest.mark.parametrize("kind", ["visa", ""])
def test_an_unknown_kind_of_card_names_the_known_ones(kind):
    with pytest.raises(ValueError, match="ntag213"):
        make_tag(kind, UID, None)

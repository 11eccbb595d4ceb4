"""NTAG 424 DNA: proved, given keys, renewed and wiped, also when it is torn away."""

from __future__ import annotations

import random

import pytest

from hardware.cards import ntag424
from hardware.cards.errors import CardError, CardLostError, ProofError
from hardware.cards.keyring import CardKey
from hardware.cards.sun import check_sun, decrypted_picc_data
from simulator.parts.ntag424 import Ntag424Chip

UID = bytes.fromhex("04a1b2c3d4e5f6")
FIRST = CardKey(1, bytes(range(16)))
SECOND = CardKey(2, bytes(range(16, 32)))
COMMANDS_MAX = 60
"""More than any flow sends."""


class Wire:
    """A card at the end of a line that can break before or after any command."""

    def __init__(self, chip):
        self.chip = chip
        self.sent = 0
        self.breaks_at = None
        self.is_obeyed = False

    def lay_down(self, breaks_at=None, *, is_obeyed=False):
        self.chip.power_up()
        self.sent, self.breaks_at, self.is_obeyed = 0, breaks_at, is_obeyed
        return self

    def exchange(self, apdu):
        self.sent += 1
        if self.breaks_at is not None and self.sent >= self.breaks_at:
            if self.is_obeyed and self.sent == self.breaks_at:
                self.chip.obey(apdu)
            raise CardLostError("torn away")
        return self.chip.obey(apdu)


@pytest.fixture
def entropy():
    return random.Random(1).randbytes


@pytest.fixture
def wire(entropy):
    return Wire(Ntag424Chip(UID, entropy))


def test_a_blank_card_proves_nothing(wire, entropy):
    with pytest.raises(ProofError):
        ntag424.prove(wire.lay_down(), [FIRST], entropy)


def test_a_card_with_keys_proves_them_and_counts_its_reads(wire, entropy):
    done = ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
    proofs = [ntag424.prove(wire.lay_down(), [SECOND, FIRST], entropy) for _ in range(3)]

    assert done == ntag424.Done(1, 5)
    assert [proof.counter for proof in proofs] == [1, 2, 3]
    assert {(proof.method, proof.key_version) for proof in proofs} == {("ev2", 1)}


def test_each_place_has_a_key_of_its_own(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)

    held = [slot.key for slot in wire.chip.memory.slots]
    assert len({*held, FIRST.key, bytes(16)}) == len(held) + 2


def test_giving_the_same_keys_again_changes_nothing(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
    ntag424.prove(wire.lay_down(), [FIRST], entropy)

    assert ntag424.give_keys(wire.lay_down(), FIRST, [FIRST], entropy).changed == 0
    assert ntag424.prove(wire.lay_down(), [FIRST], entropy).counter == 2


def test_renewed_keys_are_the_only_ones_and_the_count_goes_on(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
    ntag424.prove(wire.lay_down(), [FIRST], entropy)

    assert ntag424.give_keys(wire.lay_down(), SECOND, [FIRST], entropy).changed == 5

    with pytest.raises(ProofError):
        ntag424.prove(wire.lay_down(), [FIRST], entropy)
    proof = ntag424.prove(wire.lay_down(), [FIRST, SECOND], entropy)
    assert proof.key_version == 2
    assert proof.counter == 3


def test_keys_that_aren_t_known_can_t_be_renewed_or_wiped(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
    before = [slot.key for slot in wire.chip.memory.slots]

    with pytest.raises(ProofError):
        ntag424.give_keys(wire.lay_down(), SECOND, [], entropy)
    with pytest.raises(ProofError):
        ntag424.wipe(wire.lay_down(), [SECOND], entropy)

    assert [slot.key for slot in wire.chip.memory.slots] == before


def test_a_key_of_the_right_version_and_wrong_bytes_is_refused_by_the_card(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)

    with pytest.raises(ProofError, match="another key"):
        ntag424.prove(wire.lay_down(), [CardKey(1, bytes(16))], entropy)


def test_a_wiped_card_is_as_it_was_delivered(wire, entropy):
    fresh = Ntag424Chip(UID, entropy)
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert ntag424.wipe(wire.lay_down(), [FIRST], entropy).version == 0

    assert wire.chip.memory.slots == fresh.memory.slots
    files = wire.chip.memory.files
    assert {n: (f.data, f.settings) for n, f in files.items()} == {
        n: (f.data, f.settings) for n, f in fresh.memory.files.items()
    }


@pytest.mark.parametrize("is_obeyed", [False, True], ids=["before it obeyed", "after it obeyed"])
@pytest.mark.parametrize(
    "wanted", [FIRST, SECOND, ntag424.FACTORY], ids=lambda key: f"version {key.version}"
)
def test_a_card_torn_away_at_any_command_is_finished_by_doing_it_again(entropy, wanted, is_obeyed):
    for breaks_at in range(1, COMMANDS_MAX):
        wire = Wire(Ntag424Chip(UID, entropy))
        if wanted != FIRST:
            ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
        try:
            bring(wire.lay_down(breaks_at, is_obeyed=is_obeyed), wanted, entropy)
        except CardLostError:
            bring(wire.lay_down(), wanted, entropy)
        else:
            assert breaks_at > 5
            break
        assert {slot.version for slot in wire.chip.memory.slots} == {wanted.version}
    else:
        pytest.fail("a flow sends more than it should")


def bring(port, wanted, entropy):
    if wanted == ntag424.FACTORY:
        return ntag424.wipe(port, [FIRST], entropy)
    return ntag424.give_keys(port, wanted, [FIRST], entropy)


def test_what_a_phone_reads_is_signed(wire, entropy):
    ntag424.give_keys(wire.lay_down(), FIRST, [], entropy)
    chip = wire.lay_down().chip
    chip.obey(bytes.fromhex("00a4040c07d276000085010100"))
    chip.obey(bytes.fromhex("00a4000c02e10400"))
    text = chip.obey(bytes.fromhex("00b0000900"))[:-2][:49].decode()

    secret, mac = text.split(" ")
    key = ntag424.slot_key(FIRST, ntag424.SIGNING)
    tap = decrypted_picc_data(key, bytes.fromhex(secret))
    check_sun(key, tap, bytes.fromhex(mac))
    assert (tap.uid, tap.counter) == (UID, 1)


class Forger:
    """A card whose answers are changed on their way, from a command on."""

    def __init__(self, chip, forged_from, forge):
        self.chip, self.left, self.forge = chip, forged_from, forge

    def exchange(self, apdu):
        self.left -= 1
        answer = self.chip.obey(apdu)
        return answer if self.left >= 0 else self.forge(answer)


@pytest.mark.parametrize(
    "forge",
    [
        lambda answer: b"\x91\x00",
        lambda answer: bytes(8) + b"\x91\x00",
        lambda answer: (
            answer[:-3] + bytes((answer[-3] ^ 1,)) + answer[-2:] if len(answer) > 2 else b""
        ),
        lambda answer: b"",
        lambda answer: bytes(300),
    ],
    ids=["a bare status", "a MAC of zeros", "a changed byte", "nothing", "too much"],
)
@pytest.mark.parametrize("forged_from", range(12))
def test_forged_answers_never_pass_for_done(wire, entropy, forge, forged_from):
    """Also where a status is all that an answer says."""
    forger = Forger(wire.lay_down().chip, forged_from, forge)

    with pytest.raises(CardError):
        ntag424.give_keys(forger, FIRST, [], entropy)

    wire.lay_down()
    assert ntag424.give_keys(wire, FIRST, [], entropy).version == 1

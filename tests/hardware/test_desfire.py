"""DESFire EV2 and EV3: proved, given keys, renewed and wiped, also when it is torn away."""

from __future__ import annotations

import random

import pytest

from hardware.cards import desfire
from hardware.cards.errors import CardError, CardLostError, CardRefusedError, ProofError
from hardware.cards.key_places import FACTORY, Done
from hardware.cards.keyring import CardKey, CardProof
from simulator.parts.desfire import EV1, EV2, EV3, Application, DesfireChip
from simulator.parts.ev2_chip import Slot

UID = bytes.fromhex("04a1b2c3d4e5f6")
FIRST = CardKey(1, bytes(range(16)))
SECOND = CardKey(2, bytes(range(16, 32)))
COMMANDS_MAX = 40
"""More than any flow sends."""


class Wire:
    """A card at the end of a line that can break before or after any command."""

    def __init__(self, chip):
        self.chip = chip
        self.lay_down()

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
    return Wire(DesfireChip(UID, entropy))


def held(wire):
    """Versions of the keys of our application; none: the card has no such."""
    found = wire.chip.memory.applications.get(desfire.APPLICATION)
    return [] if found is None else [slot.version for slot in found.slots]


def test_a_blank_card_proves_nothing(wire, entropy):
    with pytest.raises(ProofError, match="no keys"):
        desfire.prove(wire.lay_down(), [FIRST], entropy)


@pytest.mark.parametrize("generation", [EV2, EV3])
def test_a_card_with_keys_proves_them(entropy, generation):
    wire = Wire(DesfireChip(UID, entropy, generation))

    done = desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert done == Done(1, 2)
    assert desfire.prove(wire.lay_down(), [SECOND, FIRST], entropy) == CardProof("ev2", 1, None)


def test_each_place_has_a_key_of_its_own(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    keys = [slot.key for slot in wire.chip.memory.applications[desfire.APPLICATION].slots]
    assert len({*keys, FIRST.key, FACTORY.key}) == len(keys) + 2


def test_giving_the_same_keys_again_changes_nothing(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert desfire.give_keys(wire.lay_down(), FIRST, [FIRST], entropy).changed == 0


def test_renewed_keys_are_the_only_ones(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert desfire.give_keys(wire.lay_down(), SECOND, [FIRST], entropy).changed == 2

    with pytest.raises(ProofError, match="version 2"):
        desfire.prove(wire.lay_down(), [FIRST], entropy)
    assert desfire.prove(wire.lay_down(), [FIRST, SECOND], entropy).key_version == 2


def test_keys_that_aren_t_known_can_t_be_renewed_or_wiped(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    for known in ([], [SECOND]):
        with pytest.raises(ProofError):
            desfire.give_keys(wire.lay_down(), SECOND, known, entropy)
        with pytest.raises(ProofError):
            desfire.wipe(wire.lay_down(), known, entropy)

    assert held(wire) == [1, 1]


def test_a_key_of_the_right_version_and_wrong_bytes_is_refused_by_the_card(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    with pytest.raises(ProofError, match="another key"):
        desfire.prove(wire.lay_down(), [CardKey(1, bytes(16))], entropy)


def test_wiping_takes_off_ours_and_leaves_what_others_have_on_the_card(wire, entropy):
    others = Application(0x0F, [Slot(bytes(16), 7)])
    wire.chip.memory.applications[b"BUS"] = others
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert desfire.wipe(wire.lay_down(), [FIRST], entropy) == Done(0, 2)

    assert wire.chip.memory.applications == {b"BUS": others}
    assert desfire.wipe(wire.lay_down(), [FIRST], entropy) == Done(0, 0)


def test_a_card_whose_issuer_lets_nobody_on_it_says_so(wire, entropy):
    wire.chip.memory.settings = 0x0B

    with pytest.raises(CardRefusedError, match="take a blank one"):
        desfire.give_keys(wire.lay_down(), FIRST, [], entropy)


def test_a_card_of_before_ev2_is_refused_before_anything_is_written(entropy):
    wire = Wire(DesfireChip(UID, entropy, EV1))

    with pytest.raises(CardError, match="take an EV2 or EV3"):
        desfire.give_keys(wire.lay_down(), FIRST, [], entropy)

    assert held(wire) == []


@pytest.mark.parametrize("is_obeyed", [False, True], ids=["before it obeyed", "after it obeyed"])
@pytest.mark.parametrize("wanted", [FIRST, SECOND, FACTORY], ids=lambda key: f"to {key.version}")
def test_a_card_torn_away_at_any_command_is_finished_by_doing_it_again(entropy, wanted, is_obeyed):
    for breaks_at in range(1, COMMANDS_MAX):
        wire = Wire(DesfireChip(UID, entropy))
        if wanted != FIRST:
            desfire.give_keys(wire.lay_down(), FIRST, [], entropy)
        try:
            bring(wire.lay_down(breaks_at, is_obeyed=is_obeyed), wanted, entropy)
        except CardLostError:
            bring(wire.lay_down(), wanted, entropy)
        else:
            assert breaks_at > 4
            break
        assert held(wire) == ([] if wanted == FACTORY else [wanted.version] * 2)
    else:
        pytest.fail("a flow sends more than it should")


def bring(port, wanted, entropy):
    if wanted == FACTORY:
        return desfire.wipe(port, [FIRST], entropy)
    return desfire.give_keys(port, wanted, [FIRST], entropy)


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
        lambda answer: answer[:-3] + bytes((answer[-3] ^ 1,)) + answer[-2:] if answer[2:] else b"",
        lambda answer: b"",
        lambda answer: bytes(300),
    ],
    ids=["a bare status", "a MAC of zeros", "a changed byte", "nothing", "too much"],
)
@pytest.mark.parametrize("forged_from", range(12))
def test_forged_answers_never_pass_for_done(wire, entropy, forge, forged_from):
    forger = Forger(wire.lay_down().chip, forged_from, forge)

    with pytest.raises(CardError):
        desfire.give_keys(forger, FIRST, [], entropy)

    assert desfire.give_keys(wire.lay_down(), FIRST, [], entropy).version == 1


@pytest.mark.parametrize("forged_from", range(5))
def test_an_application_that_only_seems_to_be_gone_is_told(wire, entropy, forged_from):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)
    forger = Forger(wire.lay_down().chip, forged_from, lambda _: b"\x91\x00")

    with pytest.raises(CardError):
        desfire.wipe(forger, [FIRST], entropy)


def test_a_chip_that_is_told_anything_answers_and_keeps_its_keys(wire, entropy):
    desfire.give_keys(wire.lay_down(), FIRST, [], entropy)
    rng = random.Random(2)
    codes = [0x45, 0x51, 0x5A, 0x60, 0x64, 0x6A, 0x71, 0xAF, 0xC4, 0xDA, 0xFF]
    for _ in range(2_000):
        data = rng.randbytes(rng.randrange(40))
        told = bytes((0x90, rng.choice(codes), 0, 0, len(data))) + data + b"\0"
        assert len(wire.chip.obey(told[: rng.randrange(1, len(told) + 1)])) >= 2

    assert desfire.prove(wire.lay_down(), [FIRST], entropy).key_version == 1

"""Cards that take commands, through nfcpy's own driver and a chip behind a pseudo-terminal."""

from __future__ import annotations

import random
import threading

import pytest

from hardware.cards import ntag424
from hardware.cards.errors import CardLostError, CardRefusedError, ProofError
from hardware.cards.keyring import CardKey, CardProof
from hardware.cards.port import Authenticated, iso_command
from hardware.drivers import Around
from hardware.errors import PartError
from hardware.ports import CardGone, CardPresent, ReaderDown, ReaderUp
from hardware.readers.field import MISSES_GONE
from hardware.readers.pn532 import Pn532Reader
from hardware.readers.pn532_port import Pn532Port
from hardware.specs import ReaderSpec
from simulator.parts.iso_dep import CommandCard, Tear
from simulator.parts.ntag424 import Ntag424

UID = bytes.fromhex("04a1b2c3d4e5f6")
KEY = CardKey(1, bytes(range(16)))
NEXT = CardKey(2, bytes(range(16, 32)))
SELECT = bytes.fromhex("00a4040c07d276000085010100")
entropy = random.Random(1).randbytes


class Keys:
    """Keys of one card."""

    def __init__(self, *keys):
        self.keys = keys

    def keys_for(self, uid, kind):
        return self.keys if (uid, kind) == (UID, "ntag424") else ()


@pytest.fixture
def card():
    """One of ours."""
    card = Ntag424(UID, entropy)
    ntag424.give_keys(_Direct(card), KEY, [], entropy)
    card.power_up()
    return card


class _Direct:
    """A card without air between."""

    def __init__(self, card):
        self.card = card

    def exchange(self, apdu):
        return self.card.chip.obey(apdu)


@pytest.fixture
def proving(tmp_path, clock, chip):
    """A reader that has the card's keys, started by the test."""
    around = Around(clock, keys=Keys(NEXT, KEY), entropy=entropy)
    reader = Pn532Reader(ReaderSpec(id="front", port=str(tmp_path / "front")), around)
    yield reader
    reader.close()


@pytest.fixture
def port(tmp_path, chip):
    """The chip, opened without a reader's thread."""
    port = Pn532Port("reader front", str(tmp_path / "front"))
    yield port
    port.close()


def talk(port):
    [found] = port.cards()
    return port.talk(found)


def test_a_card_of_ours_is_reported_with_its_proof_and_its_count(chip, proving, log, card):
    proving.start(log)
    log.expect(ReaderUp)
    for count in (1, 2):
        chip.place(card)
        [seen] = log.expect(CardPresent)
        assert (seen.uid, seen.kind, seen.level) == (UID, "ntag424", 1)
        assert seen.proof == CardProof("ev2", 1, count)
        assert log.none_for(0.2)
        chip.remove(card)
        log.expect(CardGone)


@pytest.mark.parametrize("held", [None, CardKey(1, bytes(range(1, 17)))], ids=["blank", "forged"])
def test_a_copy_of_a_uid_is_of_level_0(chip, proving, log, held):
    copy = Ntag424(UID, entropy)
    if held is not None:
        ntag424.give_keys(_Direct(copy), held, [], entropy)
    proving.start(log)
    log.expect(ReaderUp)
    chip.place(copy)

    [seen] = log.expect(CardPresent)

    assert (seen.uid, seen.level, seen.proof) == (UID, 0, None)
    assert not seen.proof_lost


def test_a_reader_without_keys_asks_for_no_proof(chip, reader, log, card):
    reader.start(log)
    log.expect(ReaderUp)
    chip.place(card)

    [seen] = log.expect(CardPresent)

    assert (seen.uid, seen.level, seen.proof) == (UID, 0, None)


@pytest.mark.parametrize("when", list(Tear))
@pytest.mark.parametrize("command", [1, 4, 6, 9])
def test_a_card_that_a_hand_takes_away_while_it_proves_is_one_tap(
    chip, proving, log, card, command, when
):
    """It is back with the next look: the tap is reported once, with its proof."""
    card.tear(command, when)
    proving.start(log)
    log.expect(ReaderUp)
    chip.place(card)

    [seen] = log.expect(CardPresent)

    assert (seen.level, seen.proof.key_version) == (1, 1)
    assert log.none_for(0.2)


def test_a_card_that_is_always_lost_is_told_once_and_then_gone(chip, proving, log, card):
    chip.place(card)
    card.lose_answers(100_000)
    proving.start(log)
    log.expect(ReaderUp)

    [seen] = log.expect(CardPresent)

    assert (seen.uid, seen.level, seen.proof) == (UID, 0, None)
    assert seen.proof_lost
    assert log.none_for(0.5)
    chip.remove(card)
    log.expect(CardGone)


def test_a_card_that_is_held_still_after_all_proves_itself_without_being_laid_down_anew(
    chip, proving, log, card
):
    chip.place(card)
    card.lose_answers(100_000)
    proving.start(log)
    _, lost = log.expect(ReaderUp, CardPresent)
    card.lose_answers(0)

    [seen] = log.expect(CardPresent)

    assert (lost.proof_lost, seen.proof_lost, seen.level) == (True, False, 1)
    chip.remove(card)
    log.expect(CardGone)
    assert log.none_for(0.2)


def test_a_lost_card_on_a_reader_that_is_pulled_out_is_gone_first(chip, proving, log, card):
    chip.place(card)
    card.lose_answers(100_000)
    proving.start(log)
    log.expect(ReaderUp, CardPresent)
    chip.unplug()
    log.expect(CardGone, ReaderDown)


def test_answers_lost_on_the_air_are_asked_for_again_and_done_once(port, chip, card):
    """ISO/IEC 14443-4 repeats the block, and the card its answer: the count stays right."""
    chip.place(card)
    with talk(port) as commands:
        for lost in (1, 3):
            card.lose_answers(lost)
            assert ntag424.prove(commands, [KEY], entropy).counter in (1, 2)
    assert card.chip.memory.files[2].counter == 2


def test_a_card_that_asks_for_time_gets_it(port, chip, card):
    chip.place(card)
    card.ask_for_time(3)
    with talk(port) as commands:
        assert ntag424.prove(commands, [KEY], entropy).counter == 1


@pytest.mark.parametrize("when", list(Tear))
@pytest.mark.parametrize("command", [8, 11, 13, 16])
def test_keys_that_were_being_renewed_when_the_card_was_torn_away_are_finished(
    port, chip, card, command, when
):
    """Before and after look the same from here: one more time settles it."""
    chip.place(card)
    card.tear(command, when)
    with talk(port) as commands, pytest.raises(CardLostError):
        ntag424.give_keys(commands, NEXT, [KEY], entropy)
    port.field_off()

    with talk(port) as commands:
        ntag424.give_keys(commands, NEXT, [KEY], entropy)
    port.field_off()
    with talk(port) as commands:
        assert ntag424.prove(commands, [NEXT], entropy).key_version == 2


def test_a_card_that_left_answers_nothing(port, chip, card):
    chip.place(card)
    with talk(port) as commands:
        chip.remove(card)
        with pytest.raises(CardLostError):
            ntag424.prove(commands, [KEY], entropy)


def test_long_commands_and_answers_are_cut_into_blocks(port, chip):
    class Echo:
        """Answers what it was sent."""

        def power_up(self):
            pass

        def obey(self, apdu):
            return apdu + b"\x90\x00"

    chip.place(CommandCard(UID, Echo()))
    with talk(port) as commands:
        for length in (1, 124, 125, 126, 250, 260):
            apdu = random.Random(length).randbytes(length)
            assert commands.exchange(apdu) == apdu + b"\x90\x00"


def test_cards_that_were_only_brushed_over_the_reader_leave_no_trace(
    chip, proving, log, eventually
):
    """Not even a refusal, however often it happens: each time counts for itself."""
    card = Brushed(chip)
    proving.start(log)
    log.expect(ReaderUp)
    for times in range(1, 5):
        chip.place(card)
        eventually(lambda times=times: card.left == times and proving._misses >= MISSES_GONE)
    card.is_held = True
    chip.place(card)

    [seen] = log.expect(CardPresent)

    assert (seen.level, seen.proof_lost) == (1, False)


class Brushed(Ntag424):
    """A card that leaves as soon as it is told something, until it is held."""

    def __init__(self, chip):
        super().__init__(UID, entropy)
        ntag424.give_keys(_Direct(self), KEY, [], entropy)
        self.antenna = chip
        self.is_held = False
        self.left = 0

    def _obey(self, apdu):
        if self.is_held:
            return super()._obey(apdu)
        self.antenna.remove(self)
        self.left += 1
        return None


@pytest.mark.parametrize(
    "endless",
    [b"\xf2\x01", b"\xf2\x00", b"\x12\x00"],
    ids=["more time", "no time", "more data"],
)
def test_a_card_that_never_comes_to_an_end_is_lost(port, chip, endless):
    """More time again and again, or an answer that goes on: it doesn't hold the reader."""

    class Chatterbox(CommandCard):
        def _block(self, frame):
            block = super()._block(frame)
            if frame[0] == 0xE0 or block is None:
                return block
            return bytes((endless[0] | frame[0] & 1,)) + endless[1:]

    chip.place(Chatterbox(UID, _Nothing()))
    with talk(port) as commands, pytest.raises(CardLostError):
        commands.exchange(b"\x90\x60\x00\x00\x00")


class _Nothing:
    """A chip without commands."""

    def power_up(self):
        pass

    def obey(self, apdu):
        return b"\x6d\x00"


def test_a_reader_that_is_unplugged_while_a_card_proves_itself_is_down(chip, proving, log):
    """The card isn't blamed for it, and proves itself when the reader is back."""
    card = Cut(chip)
    proving.start(log)
    log.expect(ReaderUp)
    chip.place(card)
    [down] = log.expect(ReaderDown)
    assert "stopped answering" in down.reason

    chip.plug()
    log.expect(ReaderUp)
    [seen] = log.expect(CardPresent)

    assert seen.level == 1


class Cut(Brushed):
    """A card at whose first command the reader's plug is pulled."""

    def _obey(self, apdu):
        if self.is_held:
            return super()._obey(apdu)
        self.is_held = True
        threading.Thread(target=self.antenna.unplug).start()
        return None


def test_a_chip_that_hangs_while_a_card_is_told_something_is_the_readers_fault(port, chip, card):
    def prove_on_a_hung_chip():
        with talk(port) as commands:
            chip.hang()
            ntag424.prove(commands, [KEY], entropy)

    chip.place(card)

    with pytest.raises(PartError, match="stopped answering"):
        prove_on_a_hung_chip()


def test_what_a_card_refuses_changes_nothing_on_it(port, chip, card):
    """Beyond a file's end, and without the right: it says no, and that is known."""
    chip.place(card)
    before = bytes(card.chip.memory.files[2].data), card.chip.memory.files[2].settings
    beyond = b"\x02" + (250).to_bytes(3, "little") + (16).to_bytes(3, "little")
    writable, signed = b"\x03\x00\xe0", before[1]
    with talk(port) as commands:
        iso_command(commands, "selection", SELECT)
        master = Authenticated(commands, 0, ntag424.slot_key(KEY, 0), entropy(16))
        master.command("settings", 0x5F, b"\x02", writable)
        with pytest.raises(CardRefusedError) as refused:
            master.command("writing", 0x8D, beyond, bytes(16))
        assert refused.value.status == 0x91BE
        master = Authenticated(commands, 0, ntag424.slot_key(KEY, 0), entropy(16))
        master.command("settings", 0x5F, b"\x02", signed)
        proving = Authenticated(commands, 1, ntag424.slot_key(KEY, 1), entropy(16))
        with pytest.raises(CardRefusedError) as refused:
            proving.command("settings", 0x5F, b"\x02", writable)
        assert refused.value.status == 0x919D

    assert (bytes(card.chip.memory.files[2].data), card.chip.memory.files[2].settings) == before


def test_a_wrong_key_is_a_no_and_the_card_says_so(port, chip, card):
    chip.place(card)
    with talk(port) as commands, pytest.raises(ProofError, match="another key"):
        ntag424.prove(commands, [CardKey(1, bytes(range(1, 17)))], entropy)
    port.field_off()
    with talk(port) as commands:
        assert ntag424.prove(commands, [KEY], entropy).key_version == 1

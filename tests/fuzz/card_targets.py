"""Cards: what a broken or hostile one may say, and what a reader may tell a virtual one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

import nfc.clf

from hardware.cards import desfire, ev2, key_change, messaging, ntag424, sun
from hardware.cards.errors import CardError, CardLostError
from hardware.cards.ev2 import Session, SessionKeys
from hardware.cards.key_places import Done
from hardware.cards.keyring import CardKey
from hardware.cards.port import ApduPort
from hardware.readers.iso_dep import BROKEN, IsoDepPort
from simulator.parts.desfire import DesfireChip
from simulator.parts.iso_dep import Chip
from simulator.parts.ntag424 import Ntag424Chip
from tests.fuzz.target import FaultError, Target, plain

UID = bytes.fromhex("04a1b2c3d4e5f6")
OURS = CardKey(1, bytes(range(16)))
OTHERS = CardKey(1, bytes(range(16, 32)))
NOTHING_THERE = Done(0, 0)
ANSWER_BYTES_MAX = 258
"""A short answer of ISO/IEC 7816-4, with its status."""
COMMANDS_MAX = 100
"""More than any flow needs: a card that keeps a reader busy longer holds it up for ever."""
SECONDS_MAX = 6.0
"""A little more than a command may take."""
KEY = bytes(range(32, 48))
SESSION = Session(SessionKeys(KEY, KEY), b"\x01\x02\x03\x04", 7)

FRAMES_MAX = 3_000
"""Of one command: the shortest waits that a card can ask for, as many as fit the time."""

Flow = Callable[[ApduPort], object]


def flows(seed: int) -> Sequence[tuple[ModuleType, Flow]]:
    """What is done with cards; another seed, so that what was said once never fits again."""
    entropy = random.Random(seed).randbytes
    return tuple(
        (family, flow)
        for family in FAMILIES
        for flow in (
            partial(family.prove, keys=[OURS], entropy=entropy),
            partial(family.give_keys, wanted=OURS, known=[OURS], entropy=entropy),
            partial(family.wipe, known=[OURS], entropy=entropy),
        )
    )


FAMILIES: Mapping[ModuleType, Callable[..., Chip]] = {ntag424: Ntag424Chip, desfire: DesfireChip}
FLOWS = len(flows(0))


def chip_of(family: ModuleType, key: CardKey) -> Any:
    """A virtual card with keys, as it comes into the field."""
    chip = FAMILIES[family](UID, random.Random(2).randbytes)
    family.give_keys(_Plain(chip), key, [], random.Random(3).randbytes)
    chip.power_up()
    return chip


class Liar:
    """A card that answers as one of another site, until it says anything.

    Args:
        family: Of which family.
        honest: How many answers are a real card's.
        lies: What it says then, each after a byte of its length; then it is gone.
    """

    def __init__(self, family: ModuleType, honest: int, lies: bytes) -> None:
        self._chip = chip_of(family, OTHERS)
        self._honest, self._lies, self._asked = honest, lies, 0

    def exchange(self, apdu: bytes) -> bytes:
        """Answer, or be gone."""
        self._asked += 1
        if self._asked > COMMANDS_MAX:
            raise FaultError("a flow doesn't end")
        if self._asked <= self._honest:
            answer: bytes = self._chip.obey(apdu)
            return answer
        if not self._lies:
            raise CardLostError("it went away")
        length = self._lies[0]
        lie, self._lies = self._lies[1 : 1 + length], self._lies[1 + length :]
        return lie


class _Plain:
    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    def exchange(self, apdu: bytes) -> bytes:
        return self._chip.obey(apdu)


def check_answers(data: bytes) -> None:
    """No answers but those of our key's holder let a flow end well."""
    if not data:
        return
    (family, flow), honest = flows(1)[data[0] % FLOWS], data[0] // FLOWS % 16
    with suppress(CardError):
        came = flow(Liar(family, honest, data[1:]))
        if came == NOTHING_THERE and family is desfire:
            return  # it says that it has no application of ours: nothing to be wiped
        raise FaultError(f"a card without our key passed: {came}")


def check_chips(data: bytes) -> None:
    """The virtual cards answer whatever they are told, and give and change nothing for it."""
    for family in FAMILIES:
        chip, untouched = chip_of(family, OTHERS), chip_of(family, OTHERS)
        rest = data
        while rest:
            apdu, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
            answer = chip.obey(apdu)
            if not 2 <= len(answer) <= ANSWER_BYTES_MAX:
                raise FaultError(f"{apdu.hex()} was answered by {answer.hex()}")
        if kept_by(chip) != kept_by(untouched):
            raise FaultError("somebody without a key changed what is kept under one")


def kept_by(chip: Any) -> object:
    """What nobody may change without a key."""
    if isinstance(chip, DesfireChip):
        return chip.memory.applications[desfire.APPLICATION]
    settings = [file.settings for file in chip.memory.files.values()]
    return chip.memory.slots, settings


class Air:
    """Stands for nfcpy's device: the card says these frames, over and over if it likes."""

    def __init__(self, frames: list[bytes], *, endless: bool) -> None:
        self._frames, self._endless, self._asked = frames, endless, 0

    def send_cmd_recv_rsp(self, _target: object, _data: object, timeout: float) -> bytearray:
        """Give the next frame, or nothing in time."""
        self._asked += 1
        if self._asked > FRAMES_MAX or timeout > SECONDS_MAX:
            raise FaultError(f"{self._asked} frames, and {timeout} s to wait for the next")
        at = self._asked - 1
        if self._endless and self._frames:
            return bytearray(self._frames[at % len(self._frames)])
        if at >= len(self._frames):
            raise nfc.clf.TimeoutError("nothing came")
        return bytearray(self._frames[at])


def check_blocks(data: bytes) -> None:
    """Blocks of a card become an answer or a lost one, and soon."""
    if not data:
        return
    frames, rest = [], data[1:]
    while rest:
        frames.append(rest[1 : 1 + rest[0]])
        rest = rest[1 + rest[0] :]
    air = Air(frames, endless=bool(data[0] & 1))
    with suppress(CardLostError, *BROKEN):
        port = IsoDepPort(air, b"\x44\x03", 0x20, UID)
        for length in (5, 300):
            port.exchange(bytes(length))


def check_messages(data: bytes) -> None:
    """Each decoder refuses as it says, and takes nothing that wasn't made with the key."""
    tap = sun.Tap(UID, 1)
    kept: Sequence[Callable[[], object]] = (
        lambda: ev2.session_of(KEY, KEY, KEY, data),
        lambda: ev2.card_answer(KEY, KEY, data, bytes(4)),
        lambda: messaging.checked_answer(SESSION, data),
        lambda: messaging.checked_command(SESSION, 0x60, data),
        lambda: sun.check_sun(KEY, tap, data[:8], data[8:]),
    )
    for decode in kept:
        with suppress(CardError):
            came = decode()
            raise FaultError(f"taken: {came}")
    free: Sequence[Callable[[], object]] = (
        lambda: ev2.answer_to(KEY, data, KEY),
        lambda: messaging.decrypted_data(SESSION, data),
        lambda: messaging.decrypted_command(SESSION, data),
        lambda: sun.decrypted_picc_data(KEY, data),
        lambda: sun.decrypted_file_data(KEY, tap, data),
        lambda: key_change.own_key_data(data, len(data)),
        lambda: key_change.other_key_data(data, KEY, len(data)),
    )
    for decode in free:
        with suppress(CardError):
            decode()


def _told() -> Iterator[bytes]:
    """What a card is told in each flow, one after the other."""
    for family, flow in flows(4):
        ears = _Ears(family)
        flow(ears)
        yield ears.told


class _Ears:
    """An honest card of ours that keeps what it is told, and what it says."""

    def __init__(self, family: ModuleType) -> None:
        self._chip = chip_of(family, OURS)
        self.told, self.said = b"", b""

    def exchange(self, apdu: bytes) -> bytes:
        """Obey, and keep both."""
        answer: bytes = self._chip.obey(apdu)
        self.told += bytes((len(apdu),)) + apdu
        self.said += bytes((len(answer),)) + answer
        return answer


def _answers() -> Iterator[bytes]:
    for number, (family, flow) in enumerate(flows(4)):
        ears = _Ears(family)
        flow(ears)
        for honest in range(0, 8, 2):
            first = bytes((number + FLOWS * honest,))
            yield first + b"\x02\x91\x00" * 5
            yield first + b"\x03\x01\x91\x00" * 5
        yield bytes((number,)) + ears.said


def _blocks() -> Iterator[bytes]:
    ats = b"\x06\x06\x77\x77\x71\x02\x80"
    done = b"\x03\x02\x91\x00\x03\x03\x91\x00"
    for first in (b"\0", b"\1"):
        yield first + ats + done
        yield first + ats + b"\x02\xf2\x01" * 3 + done
        yield first + ats + b"\x02\x12\x00\x02\x03\x00" + done
        yield first + ats + b"\x01\xa2\x01\xa3" * 4 + done
        yield first + ats + b"\x02\xf2\x00"
        yield first + b"\x01\x01" + done


TARGETS = (
    Target(
        name="card-answers",
        about="what a card without our key answers when it is proved, given keys and wiped",
        open=lambda _: plain(check_answers),
        seeds=_answers,
        examples=40,
    ),
    Target(
        name="card-blocks",
        about="blocks of ISO/IEC 14443-4 from a card, also without end",
        open=lambda _: plain(check_blocks),
        seeds=_blocks,
        examples=40,
    ),
    Target(
        name="card-chip",
        about="what a reader tells virtual cards",
        open=lambda _: plain(check_chips),
        seeds=_told,
        examples=40,
    ),
    Target(
        name="card-messages",
        about="messages of cards: authentication, secure messaging, signed reads",
        open=lambda _: plain(check_messages),
        seeds=lambda: (bytes(8), bytes(16), bytes(32), bytes(40)),
    ),
)

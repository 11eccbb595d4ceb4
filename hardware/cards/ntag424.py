"""NTAG 424 DNA: proving a card, and giving it keys.

Source: NXP NT4H2421Gx data sheet rev. 3.0; sections are named where they are used.

A card of ours holds five keys, all made from the one key that a `CardKeys` has for it:

    0  changes the others and the file's settings; never used at a machine
    1  proves the card, and shows how often it was read
    2  signs and encrypts what a phone reads
    3, 4  nothing; they aren't the factory's, so that nobody else writes on the card

A key's version on the card is the version of the site's key that it was made from, 0
for the factory's. So a card that was torn away says how far it came, and doing it again
finishes it. Key 0 goes last: until then the card can be opened as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardware.cards.cmac import KEY_BYTES, diversified_key
from hardware.cards.errors import CardDataError, ProofError
from hardware.cards.key_change import other_key_data, own_key_data
from hardware.cards.keyring import CardKey, CardProof
from hardware.cards.port import ApduPort, Authenticated, iso_command, plain_command

Entropy = Callable[[int], bytes]
"""Gives as many random bytes as asked for."""
KIND = "ntag424"
KEY_NUMBERS = range(5)
MASTER, PROVING, SIGNING = 0, 1, 2
FACTORY = CardKey(0, bytes(KEY_BYTES))
"""What a blank card holds in all five places (section 8.2.3.1)."""
COUNTER_BYTES = 3

_SELECT_APPLICATION = bytes.fromhex("00a4040c07d276000085010100")
"""ISOSelectFile by the application's name (section 10.9.2)."""
_SELECT_NDEF = bytes.fromhex("00a4000c02e10400")
_READ_START = bytes.fromhex("00b0000010")
"""The first sixteen bytes: the first read after a selection counts (section 9.3.5)."""
_GET_KEY_VERSION = 0x64
_CHANGE_KEY = 0xC4
_CHANGE_FILE_SETTINGS = 0x5F
_WRITE_DATA = 0x8D
_GET_FILE_COUNTERS = 0xF6
_GET_FILE_SETTINGS = 0xF5
_NDEF_FILE = b"\x02"
_FILE_TYPE = b"\x00"
_FILE_SIZE = (256).to_bytes(3, "little")

_TEXT = b"0" * 32 + b" " + b"0" * 16
"""Room for PICCData and MAC in hexadecimal digits."""
_LANGUAGE = b"\x02en"
_NDEF = b"\xd1\x01" + bytes((len(_LANGUAGE + _TEXT),)) + b"T" + _LANGUAGE + _TEXT
"""What a phone reads: a text record (NFC Forum RTD Text 1.0, section 3)."""
_PICC_DATA_OFFSET = 2 + len(_NDEF) - len(_TEXT)
_MAC_OFFSET = 2 + len(_NDEF) - 16
"""In the file, which begins with two bytes of length."""
_SIGNED_SETTINGS = (
    # SDM and mirroring, plain; read free, write and change by key 0 (section 10.7.1, table 69).
    b"\x40\x00\xe0"
    # UID and count mirrored as text; count by key 1, PICCData by key 2, MAC by key 2.
    b"\xc1\xf1\x22"
    + _PICC_DATA_OFFSET.to_bytes(3, "little")
    + _MAC_OFFSET.to_bytes(3, "little")
    + _MAC_OFFSET.to_bytes(3, "little")
)
_FACTORY_SETTINGS = b"\x00\xe0\xee"
"""Read and write free, change by key 0: as delivered (section 8.2.3.3)."""
_WRITABLE_SETTINGS = b"\x03\x00\xe0"
"""Written by key 0, encrypted; for as long as the file is written."""
_RIGHTS_BYTES = 3


@dataclass(frozen=True, slots=True)
class Done:
    """What a flow found and did.

    Attributes:
        version: Version of the site's key that the card holds now; 0: the factory's.
        changed: How many keys were changed; 0: the card was as it should be.
    """

    version: int
    changed: int


def slot_key(key: CardKey, number: int) -> bytes:
    """One of the card's five keys (AN10922, with the number as input).

    Args:
        key: The card's key; version 0 is the factory's, which is the same in all places.
        number: 0 to 4.
    """
    if key.version == FACTORY.version:
        return key.key
    return diversified_key(key.key, b"NTAG 424 key" + bytes((number,)))


def prove(port: ApduPort, keys: Sequence[CardKey], entropy: Entropy) -> CardProof:
    """Have a card prove that it holds one of its keys, and count the tap on it.

    Args:
        port: The card.
        keys: What it may hold, newest first.
        entropy: Random bytes.

    Raises:
        ProofError: It holds none of them: a copy, a blank card, or one of another site.
        CardLostError: It went away.
        CardError: It doesn't do what such a card does.
    """
    iso_command(port, "selection of the application", _SELECT_APPLICATION)
    _count_read(port)
    version = _version_of(port, PROVING)
    key = _of_version(keys, version)
    if key is None:
        raise ProofError(f"the card's key has version {version}, which isn't kept here")
    opened = _opened(port, PROVING, key, entropy)
    answer = opened.secret_answer("reading its count", _GET_FILE_COUNTERS, _NDEF_FILE)
    if len(answer) < COUNTER_BYTES:
        raise CardDataError("the card's count is cut short")
    return CardProof("ev2", key.version, int.from_bytes(answer[:COUNTER_BYTES], "little"))


def give_keys(port: ApduPort, wanted: CardKey, known: Sequence[CardKey], entropy: Entropy) -> Done:
    """Make a blank card one of ours, or renew the keys of one: also one that was torn away.

    Args:
        port: The card.
        wanted: Its key from now on.
        known: Keys that it may hold now, besides the factory's.
        entropy: Random bytes.

    Raises:
        ProofError: It holds keys that aren't known here.
        CardLostError: It went away: lay it down again and repeat.
        CardError: It doesn't do what such a card does.
    """
    return _bring_to(port, wanted, known, _sign_reads, entropy)


def wipe(port: ApduPort, known: Sequence[CardKey], entropy: Entropy) -> Done:
    """Bring a card of ours back to what it was when it was delivered.

    Raises:
        CardError: As `give_keys`.
    """
    return _bring_to(port, FACTORY, known, _forget_reads, entropy)


def _bring_to(
    port: ApduPort,
    wanted: CardKey,
    known: Sequence[CardKey],
    prepare: Callable[[Authenticated], None],
    entropy: Entropy,
) -> Done:
    iso_command(port, "selection of the application", _SELECT_APPLICATION)
    may_be = (wanted, *known, FACTORY)
    held = [_held(port, number, may_be) for number in KEY_NUMBERS]
    master = _opened(port, MASTER, held[MASTER], entropy)
    prepare(master)
    changed = 0
    for number in KEY_NUMBERS[1:]:
        if held[number] != wanted:
            _change_other(master, number, held[number], wanted)
            changed += 1
    if held[MASTER] != wanted:
        secret = own_key_data(slot_key(wanted, MASTER), wanted.version)
        master.last_command("change of key 0", _CHANGE_KEY, bytes((MASTER,)), secret)
        changed += 1
        _opened(port, MASTER, wanted, entropy)
    return Done(wanted.version, changed)


def _held(port: ApduPort, number: int, may_be: Sequence[CardKey]) -> CardKey:
    version = _version_of(port, number)
    key = _of_version(may_be, version)
    if key is None:
        raise ProofError(f"the card's key {number} has version {version}, which isn't kept here")
    return key


def _change_other(master: Authenticated, number: int, held: CardKey, wanted: CardKey) -> None:
    old, new = slot_key(held, number), slot_key(wanted, number)
    secret = other_key_data(new, old, wanted.version)
    master.command(f"change of key {number}", _CHANGE_KEY, bytes((number,)), secret)


def _sign_reads(master: Authenticated) -> None:
    """Have the card put its count and a MAC into what a phone reads."""
    _set_file(master, len(_NDEF).to_bytes(2) + _NDEF, _SIGNED_SETTINGS)


def _forget_reads(master: Authenticated) -> None:
    _set_file(master, bytes(2 + len(_NDEF)), _FACTORY_SETTINGS)


def _set_file(master: Authenticated, data: bytes, settings: bytes) -> None:
    """Write the file and its settings, unless it has them: they start its count anew."""
    rights, rest = settings[:_RIGHTS_BYTES], settings[_RIGHTS_BYTES:]
    held = master.command("reading settings", _GET_FILE_SETTINGS, _NDEF_FILE)
    if held == _FILE_TYPE + rights + _FILE_SIZE + rest:
        return
    what = "settings of the file"
    master.command(what, _CHANGE_FILE_SETTINGS, _NDEF_FILE, _WRITABLE_SETTINGS)
    place = (0).to_bytes(3, "little") + len(data).to_bytes(3, "little")
    master.command("writing the file", _WRITE_DATA, _NDEF_FILE + place, data)
    master.command(what, _CHANGE_FILE_SETTINGS, _NDEF_FILE, settings)


def _opened(port: ApduPort, number: int, key: CardKey, entropy: Entropy) -> Authenticated:
    return Authenticated(port, number, slot_key(key, number), entropy(KEY_BYTES))


def _count_read(port: ApduPort) -> None:
    """Read as a phone does, so that the card counts; a blank card counts nothing."""
    iso_command(port, "selection of its file", _SELECT_NDEF)
    iso_command(port, "reading its file", _READ_START)


def _version_of(port: ApduPort, number: int) -> int:
    answer = plain_command(port, "version of a key", _GET_KEY_VERSION, bytes((number,)))
    if len(answer) != 1:
        raise CardDataError(f"a key's version has 1 byte, not {len(answer)}")
    return answer[0]


def _of_version(keys: Sequence[CardKey], version: int) -> CardKey | None:
    return next((key for key in keys if key.version == version), None)

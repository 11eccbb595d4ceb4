"""NTAG 424 DNA: proving a card, and giving it keys.

Source: NXP NT4H2421Gx data sheet rev. 3.0; sections are named where they are used.

A card of ours holds five keys, all made from the one key that a `CardKeys` has for it:

    0  changes the others and the file's settings; never used at a machine
    1  proves the card, and shows how often it was read
    2  signs and encrypts what a phone reads
    3, 4  nothing; they aren't the factory's, so that nobody else writes on the card

How they are changed: `hardware.cards.key_places`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardware.cards.errors import CardDataError
from hardware.cards.key_places import FACTORY, Done, Entropy, KeyPlaces
from hardware.cards.keyring import CardKey, CardProof
from hardware.cards.port import ApduPort, Authenticated, iso_command

__all__ = ["FACTORY", "KIND", "Done", "give_keys", "prove", "slot_key", "wipe"]
KIND = "ntag424"
PROVING, SIGNING = 1, 2
PLACES = KeyPlaces(b"NTAG 424 key", 5)
"""All five hold the factory's key at first (section 8.2.3.1)."""
COUNTER_BYTES = 3

_SELECT_APPLICATION = bytes.fromhex("00a4040c07d276000085010100")
"""ISOSelectFile by the application's name (section 10.9.2)."""
_SELECT_NDEF = bytes.fromhex("00a4000c02e10400")
_READ_START = bytes.fromhex("00b0000010")
"""The first sixteen bytes: the first read after a selection counts (section 9.3.5)."""
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


def slot_key(key: CardKey, number: int) -> bytes:
    """One of the card's five keys, `number` 0 to 4; see `KeyPlaces.key_at`."""
    return PLACES.key_at(key, number)


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
    key = PLACES.held(port, PROVING, keys)
    opened = PLACES.opened(port, PROVING, key, entropy)
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
    iso_command(port, "selection of the application", _SELECT_APPLICATION)
    return PLACES.bring_to(port, wanted, known, _sign_reads, entropy)


def wipe(port: ApduPort, known: Sequence[CardKey], entropy: Entropy) -> Done:
    """Bring a card of ours back to what it was when it was delivered.

    Raises:
        CardError: As `give_keys`.
    """
    iso_command(port, "selection of the application", _SELECT_APPLICATION)
    return PLACES.bring_to(port, FACTORY, known, _forget_reads, entropy)


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


def _count_read(port: ApduPort) -> None:
    """Read as a phone does, so that the card counts; a blank card counts nothing."""
    iso_command(port, "selection of its file", _SELECT_NDEF)
    iso_command(port, "reading its file", _READ_START)

"""Messages that an NTAG 424 DNA signs itself at each read: SUN, "secure unique NFC". Pure.

NXP NT4H2421Gx data sheet rev. 3.0, section 9.3 (secure dynamic messaging); AN12196 rev.
2.0, section 3.4 shows one with all its bytes. The card counts its reads and puts UID,
count and a MAC of them into what is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.cards import cmac
from hardware.cards.cmac import BLOCK_BYTES, decrypted, encrypted
from hardware.cards.errors import CardDataError, ProofError

UID_BYTES = 7
COUNTER_BYTES = 3
_HAS_UID, _HAS_COUNTER, _UID_LENGTH = 0x80, 0x40, 0x0F
_FOR_ENCRYPTION = bytes.fromhex("c33c00010080")
_FOR_MAC = bytes.fromhex("3cc300010080")
"""Label, counter and length of SV1 and SV2 (section 9.3.9)."""


@dataclass(frozen=True, slots=True)
class Tap:
    """What a card said of one read of it.

    Attributes:
        uid: 7 bytes.
        counter: How often it was read, 0 to FFFFFFh.
    """

    uid: bytes
    counter: int


def decrypted_picc_data(meta_key: bytes, secret: bytes) -> Tap:
    """UID and count, where they are encrypted (section 9.3.4).

    Args:
        meta_key: SDMMetaReadKey, 16 bytes.
        secret: PICCData, 16 bytes.

    Raises:
        CardDataError: It isn't what a card with this key writes.
    """
    if len(secret) != BLOCK_BYTES:
        raise CardDataError(f"PICCData has {BLOCK_BYTES} bytes, not {len(secret)}")
    plain = decrypted(meta_key, bytes(BLOCK_BYTES), secret)
    wanted = _HAS_UID | _HAS_COUNTER | UID_BYTES
    if plain[0] & (_HAS_UID | _HAS_COUNTER | _UID_LENGTH) != wanted:
        raise CardDataError("PICCData holds no UID and count: it was made with another key")
    uid = plain[1 : 1 + UID_BYTES]
    counter = plain[1 + UID_BYTES : 1 + UID_BYTES + COUNTER_BYTES]
    return Tap(uid, int.from_bytes(counter, "little"))


def encrypted_picc_data(meta_key: bytes, tap: Tap, filling: bytes) -> bytes:
    """What a card writes; for virtual cards. `filling`: 5 random bytes."""
    plain = bytes((_HAS_UID | _HAS_COUNTER | UID_BYTES,)) + _named(tap) + filling
    return encrypted(meta_key, bytes(BLOCK_BYTES), plain)


def session_mac_key(file_key: bytes, tap: Tap) -> bytes:
    """KSesSDMFileReadMAC: the key of one read's MAC (section 9.3.9.1)."""
    return cmac.cmac(file_key, _FOR_MAC + _named(tap))


def session_encryption_key(file_key: bytes, tap: Tap) -> bytes:
    """KSesSDMFileReadENC: the key of one read's data (section 9.3.9.2)."""
    return cmac.cmac(file_key, _FOR_ENCRYPTION + _named(tap))


def sun_mac(file_key: bytes, tap: Tap, message: bytes = b"") -> bytes:
    """The MAC that a card puts into what is read (section 9.3.8), 8 bytes.

    Args:
        file_key: SDMFileReadKey, 16 bytes.
        tap: What was read.
        message: What lies between the MAC's input offset and the MAC, as it is read.
    """
    return cmac.truncated_mac(session_mac_key(file_key, tap), message)


def check_sun(file_key: bytes, tap: Tap, mac: bytes, message: bytes = b"") -> None:
    """Check a MAC that was read.

    Raises:
        ProofError: The card doesn't hold the key, or the message was changed.
    """
    if not cmac.is_same_mac(mac, sun_mac(file_key, tap, message)):
        raise ProofError("the card's signature is wrong")


def decrypted_file_data(file_key: bytes, tap: Tap, secret: bytes) -> bytes:
    """File data that is mirrored encrypted (section 9.3.6); whole blocks.

    Raises:
        CardDataError: They aren't whole blocks.
    """
    key = session_encryption_key(file_key, tap)
    counter = tap.counter.to_bytes(COUNTER_BYTES, "little").ljust(BLOCK_BYTES, b"\0")
    return decrypted(key, encrypted(key, bytes(BLOCK_BYTES), counter), secret)


def _named(tap: Tap) -> bytes:
    if len(tap.uid) != UID_BYTES:
        raise CardDataError(f"a UID of such a card has {UID_BYTES} bytes, not {len(tap.uid)}")
    return tap.uid + tap.counter.to_bytes(COUNTER_BYTES, "little")

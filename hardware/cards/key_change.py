"""What ChangeKey (C4h) carries to a card: its key's successor. Pure.

NXP NT4H2421Gx data sheet rev. 3.0, section 10.6.1, table 63; AN12196 rev. 2.0, sections
5.16.1 and 5.16.2, tables 25 and 26. DESFire EV2 and EV3 take the same (MF3D(H)x3 data
sheet, section 11.4.4).
"""

from __future__ import annotations

import zlib

from hardware.cards.cmac import KEY_BYTES, xor
from hardware.cards.errors import CardDataError

VERSION_MAX = 0xFF
_COMPLEMENT = 0xFFFFFFFF


def own_key_data(new_key: bytes, version: int) -> bytes:
    """For the key that this session was opened with; the session ends with it.

    Args:
        new_key: 16 bytes.
        version: 0 to 255.

    Raises:
        CardDataError: A length or the version is wrong.
    """
    _check(new_key, version)
    return new_key + bytes((version,))


def other_key_data(new_key: bytes, old_key: bytes, version: int) -> bytes:
    """For another key: its difference from what it was, with a checksum of the new one.

    Args:
        new_key: 16 bytes.
        old_key: 16 bytes; when it isn't the card's, the card refuses.
        version: 0 to 255.

    Raises:
        CardDataError: A length or the version is wrong.
    """
    _check(new_key, version)
    _check(old_key, version)
    return xor(new_key, old_key) + bytes((version,)) + checksum(new_key)


def checksum(key: bytes) -> bytes:
    """CRC32NK, least byte first: that of IEEE 802.3 without its last complement.

    The data sheet's words leave both open; the value in AN12196, table 25, settles them.
    """
    return (zlib.crc32(key) ^ _COMPLEMENT).to_bytes(4, "little")


def _check(key: bytes, version: int) -> None:
    if len(key) != KEY_BYTES:
        raise CardDataError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    if not 0 <= version <= VERSION_MAX:
        raise CardDataError(f"a key's version is 0 to {VERSION_MAX}, not {version}")

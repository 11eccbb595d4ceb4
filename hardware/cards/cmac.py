"""AES-CMAC, the truncation that cards use, and keys made from a site's key. Pure.

NIST SP 800-38B and RFC 4493 (CMAC); NXP AN10922 rev. 2.2, section 2.2 (keys of AES-128
made from a card's number).
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from hardware.cards.errors import CardDataError

BLOCK_BYTES = 16
KEY_BYTES = 16
MAC_BYTES = 8
"""What cards send of a CMAC: every second of its bytes."""
_DIVERSIFIED = 0x01
"""AN10922, section 2.2.1: "constant for AES-128"."""
INPUT_BYTES_MAX = 31
"""AN10922, section 2.2: the constant and the input fill two blocks at most."""


def cmac(key: bytes, message: bytes) -> bytes:
    """The CMAC of a message (RFC 4493, section 2.4).

    Args:
        key: 16 bytes.
        message: Any number of bytes.

    Returns:
        16 bytes.
    """
    made = CMAC(algorithms.AES(key))
    made.update(message)
    return made.finalize()


def truncated_mac(key: bytes, message: bytes) -> bytes:
    """The eight bytes that cards send of a CMAC (NT4H2421Gx data sheet, section 9.1.3).

    Args:
        key: 16 bytes.
        message: Any number of bytes.

    Returns:
        The second, fourth, … sixteenth byte of the CMAC.
    """
    return cmac(key, message)[1::2]


def is_same_mac(one: bytes, other: bytes) -> bool:
    """Compare in a time that tells nothing of how much is right."""
    return hmac.compare_digest(one, other)


def diversified_key(master_key: bytes, diversification: bytes) -> bytes:
    """A card's own key (AN10922, section 2.2.1).

    Args:
        master_key: 16 bytes, the same for many cards.
        diversification: 1 to 31 bytes that no other card has: UID, application, system.

    Returns:
        16 bytes.

    Raises:
        CardDataError: There is no input, or too much of it.
    """
    if not 1 <= len(diversification) <= INPUT_BYTES_MAX:
        raise CardDataError(
            f"a key is made from 1 to {INPUT_BYTES_MAX} bytes, not {len(diversification)}"
        )
    message = bytes((_DIVERSIFIED,)) + diversification
    first, second = _subkeys(master_key)
    # Always two blocks, also where one would do: plain CMAC would pad to one.
    is_whole = len(message) == 2 * BLOCK_BYTES
    padded = message if is_whole else padded_to(message, 2 * BLOCK_BYTES)
    last = xor(padded[BLOCK_BYTES:], first if is_whole else second)
    return encrypted(master_key, bytes(BLOCK_BYTES), padded[:BLOCK_BYTES] + last)[-BLOCK_BYTES:]


def encrypted(key: bytes, start: bytes, plain: bytes) -> bytes:
    """AES-128 in CBC (NIST SP 800-38A, section 6.2) on whole blocks.

    Args:
        key: 16 bytes.
        start: The vector that it begins with, 16 bytes.
        plain: Whole blocks of 16 bytes.
    """
    encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def decrypted(key: bytes, start: bytes, secret: bytes) -> bytes:
    """The plain blocks of `encrypted`.

    Raises:
        CardDataError: They aren't whole blocks.
    """
    if len(secret) % BLOCK_BYTES:
        raise CardDataError(f"{len(secret)} bytes aren't whole blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
    return decryptor.update(secret) + decryptor.finalize()


def padded_to(message: bytes, length: int) -> bytes:
    """A message, 80h, and zeros up to a length (ISO/IEC 9797-1, padding method 2)."""
    return (message + b"\x80").ljust(length, b"\0")


def padded(message: bytes) -> bytes:
    """A message padded to whole blocks, by one at least (ISO/IEC 9797-1, method 2)."""
    return padded_to(message, (len(message) // BLOCK_BYTES + 1) * BLOCK_BYTES)


def unpadded(message: bytes) -> bytes:
    """What `padded` took.

    Raises:
        CardDataError: It wasn't padded in that way.
    """
    plain = message.rstrip(b"\0")
    if not plain.endswith(b"\x80") or len(message) - len(plain) >= BLOCK_BYTES:
        raise CardDataError("the padding is wrong")
    return plain[:-1]


def xor(one: bytes, other: bytes) -> bytes:
    """Byte by byte; both are of one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 and K2 (RFC 4493, section 2.3)."""
    zero = encrypted(key, bytes(BLOCK_BYTES), bytes(BLOCK_BYTES))
    first = _doubled(zero)
    return first, _doubled(first)


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block) << 1
    reduced = number ^ 0x87 if number >> 128 else number
    return (reduced & ((1 << 128) - 1)).to_bytes(BLOCK_BYTES)

"""Virtual NFC-A cards, at the level of RF frames without CRC.

NTAG213/215/216: NXP data sheet NTAG213_215_216, sections 8.5 (memory) and 10
(commands). Random UID: ISO/IEC 14443-3 section 6.5.4.
"""

from __future__ import annotations

import random
from enum import Enum
from functools import reduce
from operator import xor

_PAGE_BYTES = 4
_ACK = b"\x0a"
_CRC_A_START = 0x6363
_CASCADE_TAG = 0x88
_NXP = 0x04
_NTAG_UID_BYTES = 7
_USER_PAGE_FIRST, _CONFIG_PAGES = 4, 5


class Tag:
    """A card that only tells who it is.

    Args:
        uid: 4, 7 or 10 bytes.
        sens_res: ATQA as sent, low byte first.
        sel_res: SAK.
    """

    def __init__(self, uid: bytes, *, sens_res: bytes = b"\x04\x00", sel_res: int = 0x08) -> None:
        if len(uid) not in (4, 7, 10):
            raise ValueError(f"a UID has 4, 7 or 10 bytes, not {len(uid)}")
        self.uid = uid
        self.sens_res = sens_res
        self.sel_res = sel_res

    def power_up(self) -> None:
        """Start anew, as a card does when the field comes."""

    def answer(self, frame: bytes) -> bytes | None:
        """Answer one frame after selection; None is silence."""
        del frame
        return None


class RandomUidTag(Tag):
    """A card that shows another UID each time the field comes, as phones do.

    Args:
        rng: Where UIDs come from.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__(_random_uid(rng), sens_res=b"\x44\x03", sel_res=0x20)
        self._rng = rng

    def power_up(self) -> None:
        self.uid = _random_uid(self._rng)


class NtagModel(Enum):
    """GET_VERSION's storage size byte, pages of memory, capability container size byte."""

    NTAG213 = (0x0F, 45, 0x12)
    NTAG215 = (0x11, 135, 0x3E)
    NTAG216 = (0x13, 231, 0x6D)


class Ntag(Tag):
    """An NTAG213, 215 or 216 without password.

    Args:
        uid: 7 bytes; NXP's begin with 04.
        model: Which one.
    """

    def __init__(self, uid: bytes, model: NtagModel = NtagModel.NTAG215) -> None:
        if len(uid) != _NTAG_UID_BYTES:
            raise ValueError("an NTAG's UID has 7 bytes")
        super().__init__(uid, sens_res=b"\x44\x00", sel_res=0x00)
        storage, self._pages, container = model.value
        self._version = bytes([0x00, _NXP, 0x04, 0x02, 0x01, 0x00, storage, 0x03])
        self._memory = bytearray(self._pages * _PAGE_BYTES)
        first = uid[:3] + _check(bytes([_CASCADE_TAG]) + uid[:3])
        self._memory[0:10] = first + uid[3:] + _check(uid[3:]) + b"\x48"
        self._memory[12:16] = bytes([0xE1, 0x10, container, 0x00])
        self._memory[16:19] = b"\x03\x00\xfe"  # an empty NDEF message

    def answer(self, frame: bytes) -> bytes | None:
        match frame[0], len(frame):
            case (0x60, 1):
                return self._version
            case (0x30, 2) if frame[1] < self._pages:
                start = frame[1] * _PAGE_BYTES
                return bytes(self._memory[start:] + self._memory[:16])[:16]
            case (0x3A, 3) if frame[1] <= frame[2] < self._pages:
                return bytes(self._memory[frame[1] * _PAGE_BYTES : (frame[2] + 1) * _PAGE_BYTES])
            case (0xA2, 6) if _USER_PAGE_FIRST <= frame[1] < self._pages - _CONFIG_PAGES:
                self._memory[frame[1] * _PAGE_BYTES : (frame[1] + 1) * _PAGE_BYTES] = frame[2:]
                return _ACK
        return b"\x00"  # NAK


def crc_a(data: bytes) -> bytes:
    """CRC_A of ISO/IEC 14443-3 annex B, low byte first."""
    crc = _CRC_A_START
    for byte in data:
        mixed = (byte ^ crc) & 0xFF
        mixed = (mixed ^ mixed << 4) & 0xFF
        crc = crc >> 8 ^ mixed << 8 ^ mixed << 3 ^ mixed >> 4
    return crc.to_bytes(2, "little")


def make_tag(kind: str, uid: bytes, rng: random.Random) -> Tag:
    """Make a card that only tells who it is, by name.

    "ntag213", "ntag215", "ntag216", "uid" (a plain fob) or "random" (a phone).

    Args:
        kind: Its name.
        uid: Its UID; not used by "random".
        rng: Source of random UIDs.

    Raises:
        ValueError: The kind is unknown, or the UID doesn't fit it.
    """
    if kind == "random":
        return RandomUidTag(rng)
    if kind == "uid":
        return Tag(uid)
    names = {model.name.lower(): model for model in NtagModel}
    if kind not in names:
        raise ValueError(f"unknown card {kind!r}; known are {', '.join(names)}, uid, random")
    return Ntag(uid, names[kind])


def _check(data: bytes) -> bytes:
    return bytes([reduce(xor, data)])


def _random_uid(rng: random.Random) -> bytes:
    return b"\x08" + rng.randbytes(3)

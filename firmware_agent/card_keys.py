"""The keys that cards of this site are made with, on this controller's disk.

A card's own key is made from a master key of the site and the card's UID (NXP AN10922),
so a card that is taken apart gives away no other. The masters are kept encrypted in the
data folder, readable by the agent's user only. What they are encrypted under is made
from things of this board: on a Raspberry Pi, the serial number of its processor, which
isn't on the SD card. Who has the board, or runs code as this user or as root, has the
keys; see `docs/card-security.md`. They are never logged, and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from firmware_agent.errors import CardKeysError
from firmware_agent.identity import write_private
from firmware_agent.ids import new_bytes
from hardware.cards.cmac import diversified_key
from hardware.cards.keyring import CardKey
from wire.errors import DecodeError
from wire.keys import decode_bytes, encode_bytes

KEYS_NAME = "card-keys.json"
KEY_BYTES = 16
"""AES-128, as the cards have it."""
VERSION_MAX = 255
"""A card keeps a key's version in one byte; 0 is what cards come with."""
MASTERS_MAX = 8
"""A reader tries a card's keys in turn; older ones are for cards not yet brought up."""
FILE_BYTES_MAX = 16 * 1024
MARK_BYTES = 3
BOARD_FILES = (
    Path("/sys/firmware/devicetree/base/serial-number"),
    Path("/etc/machine-id"),
)
"""What ties the file to this board: the first isn't on the disk, where it exists."""

_SALT_BYTES, _NONCE_BYTES = 16, 12
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 14, 8, 1
"""16 MB and about 0.1 s on a controller, once a start. A Pi's serial has some 32 bits that
differ, so each guess at it must cost something."""
_PURPOSE = b"standpipe card keys, format 1"
_SYSTEM = b"standpipe"
"""AN10922's system identifier: the same UID under another system has another key."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One version of the site's key.

    Attributes:
        version: 1 to `VERSION_MAX`; cards are brought up to the highest.
        key: `KEY_BYTES` secret bytes; left out where it is printed.
    """

    version: int
    key: bytes = field(repr=False)

    @property
    def mark(self) -> str:
        """Six hex digits to tell keys apart by; says nothing of the key (a CMAC of zeros)."""
        code = CMAC(AES128(self.key))
        code.update(bytes(KEY_BYTES))
        return code.finalize()[:MARK_BYTES].hex()


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    salt: str
    nonce: str
    sealed: str


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is encrypted in it: version to key."""

    masters: dict[int, str]


def load_masters(folder: Path, board_files: Iterable[Path] = BOARD_FILES) -> tuple[MasterKey, ...]:
    """The masters of this controller, newest first; none: it has no keys.

    Raises:
        CardKeysError: The file can't be read, is damaged, or is another board's.
    """
    path = folder / KEYS_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CardKeysError(f"{path} can't be read: {error}") from None
    try:
        return _open(data, board_files)
    except (InvalidTag, ValueError, msgspec.MsgspecError, DecodeError):
        raise CardKeysError(
            f"{path} is damaged, or was written on another board: "
            "remove it and import the keys again"
        ) from None


def add_master(folder: Path, master: MasterKey, board_files: Iterable[Path] = BOARD_FILES) -> bool:
    """Keep a master; False: it is kept already.

    Raises:
        CardKeysError: Not a key, or another one has its version, or there are too many,
            or the file can't be read or written.
    """
    if not 1 <= master.version <= VERSION_MAX:
        raise CardKeysError(f"a key's version is 1 to {VERSION_MAX}, not {master.version}")
    if len(master.key) != KEY_BYTES or len(set(master.key)) == 1:
        raise CardKeysError(
            f"a key is {KEY_BYTES} random bytes, {2 * KEY_BYTES} hex digits; "
            "make one with: openssl rand -hex 16"
        )
    known = load_masters(folder, board_files)
    for other in known:
        if other.version == master.version:
            if other.key == master.key:
                return False
            raise CardKeysError(
                f"version {master.version} is another key (mark {other.mark}): "
                "give a new key a higher version"
            )
    if len(known) >= MASTERS_MAX:
        raise CardKeysError(f"{MASTERS_MAX} versions are the most: remove the oldest first")
    _save(folder, (*known, master), board_files)
    return True


def remove_master(folder: Path, version: int, board_files: Iterable[Path] = BOARD_FILES) -> None:
    """Forget a master: cards of that version prove nothing here any more.

    Raises:
        CardKeysError: There is none of that version, or the file can't be read or written.
    """
    known = load_masters(folder, board_files)
    left = tuple(master for master in known if master.version != version)
    if len(left) == len(known):
        raise CardKeysError(f"there is no key of version {version} here")
    _save(folder, left, board_files)


class SiteKeys:
    """A `CardKeys`: makes the keys of a card from the masters (NXP AN10922).

    Args:
        masters: Newest first, as `load_masters` gives them.
    """

    def __init__(self, masters: Iterable[MasterKey]) -> None:
        self._masters = tuple(masters)

    def keys_for(self, uid: bytes, kind: str) -> tuple[CardKey, ...]:
        """The keys that a card may have, newest version first; none: there is no master."""
        named = uid + kind.encode() + _SYSTEM
        return tuple(
            CardKey(master.version, diversified_key(master.key, named)) for master in self._masters
        )


def is_bound_to_the_board(board_files: tuple[Path, ...] = BOARD_FILES) -> bool:
    """Whether something that isn't on the disk is needed to open the file."""
    return bool(_read(board_files[0]))


def _open(data: bytes, board_files: Iterable[Path]) -> tuple[MasterKey, ...]:
    if len(data) > FILE_BYTES_MAX:
        raise ValueError("too long")
    sealed = msgspec.json.decode(data, type=_Sealed)
    cipher = AESGCM(_wrapping_key(decode_bytes(sealed.salt), board_files))
    plain = cipher.decrypt(decode_bytes(sealed.nonce), decode_bytes(sealed.sealed), _PURPOSE)
    kept = msgspec.json.decode(plain, type=_Kept)
    masters = [MasterKey(version, decode_bytes(key)) for version, key in kept.masters.items()]
    return tuple(sorted(masters, key=lambda master: master.version, reverse=True))


def _save(folder: Path, masters: tuple[MasterKey, ...], board_files: Iterable[Path]) -> None:
    salt, nonce = new_bytes(_SALT_BYTES), new_bytes(_NONCE_BYTES)
    kept = _Kept(masters={master.version: encode_bytes(master.key) for master in masters})
    cipher = AESGCM(_wrapping_key(salt, board_files))
    sealed = cipher.encrypt(nonce, msgspec.json.encode(kept), _PURPOSE)
    file = _Sealed(salt=encode_bytes(salt), nonce=encode_bytes(nonce), sealed=encode_bytes(sealed))
    try:
        write_private(folder / KEYS_NAME, msgspec.json.encode(file))
    except OSError as error:
        raise CardKeysError(f"{folder / KEYS_NAME} can't be written: {error}") from None


def _wrapping_key(salt: bytes, board_files: Iterable[Path]) -> bytes:
    board = b"\n".join(_read(path) for path in board_files)
    derive = Scrypt(salt=salt, length=KEY_BYTES, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)
    return derive.derive(_PURPOSE + b"\n" + board)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().strip(b"\0\n ")
    except OSError:
        return b""

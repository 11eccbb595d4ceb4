"""Ids: made by who acts first, stored before sending.

An id is a prefix that says what it names and 26 characters: 48 bits of
milliseconds and 80 random bits in Crockford's base 32, so that ids of one kind
sort by the time they were made (the layout of ULID).
"""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BODY_LENGTH = 26
RANDOM_BYTES = 10
"""How many random bytes an id takes."""

NAME_LENGTH_MAX = 64
"""Longest id or name in a topic or a key: what fits a column and a screen."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
CARD_REF_BYTES = 16
"""Half of SHA-256 is enough to make two cards with one reference impossible in practice."""


class IdSource(Protocol):
    """A maker of unique ids."""

    def new(self, prefix: str) -> str:
        """Make an id `<prefix>_<26 characters>` that no one else makes."""
        ...


def format_id(prefix: str, wall_ms: int, randomness: bytes) -> str:
    """Build an id from its parts.

    Args:
        prefix: What it names: `acc`, `crd`, `ses`, `top`, …
        wall_ms: When it is made, 0 ≤ wall_ms < 2**48.
        randomness: `RANDOM_BYTES` bytes.

    Raises:
        ValueError: `wall_ms` or `randomness` is out of range.
    """
    if not 0 <= wall_ms < 1 << 48 or len(randomness) != RANDOM_BYTES:
        raise ValueError("an id takes 48 bits of time and 10 random bytes")
    value = wall_ms << 80 | int.from_bytes(randomness, "big")
    body = "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -5, -5))
    assert len(body) == _BODY_LENGTH
    return f"{prefix}_{body}"


def is_name(text: str) -> bool:
    """Tell whether `text` can name a site, controller, machine or tariff.

    Names go into topics and addresses: lower case, digits, `_ . -`, at most 64.
    """
    return _NAME.fullmatch(text) is not None


def card_ref(salt: bytes, uid: bytes) -> str:
    """Name a card without telling its UID: 32 hex digits.

    The salt is the operator's secret, so that a list of references can't be
    turned back into UIDs by trying all of them.
    """
    return hashlib.blake2b(uid, key=salt[:64], digest_size=CARD_REF_BYTES).hexdigest()


def is_random_uid(uid: bytes) -> bool:
    """Tell whether a UID is made anew at each tap and so names nobody.

    ISO/IEC 14443-3 section 6.5.4: a single-size UID that begins with 08 is random.
    """
    return len(uid) == 4 and uid[0] == 0x08  # noqa: PLR2004 the standard's single size


class CountingIds:
    """Ids in counting order: for tests and simulations that must repeat."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return format_id(prefix, 0, self._count.to_bytes(RANDOM_BYTES, "big"))

"""Ways in which a file that was sound is damaged: pages torn, emptied, spoilt, a tail lost."""

from __future__ import annotations

import random
from collections.abc import Callable

PAGE_BYTES = 4_096
"""SQLite's page, unless told otherwise."""
SECTOR_BYTES = 512

Damage = Callable[[bytes, random.Random], bytes]
"""Gives a damaged page for a sound one."""


def _zeroed(page: bytes, _: random.Random) -> bytes:
    return bytes(len(page))


def _end_zeroed(page: bytes, _: random.Random) -> bytes:
    half = len(page) // 2
    return page[:half] + bytes(half)


def _beginning_zeroed(page: bytes, _: random.Random) -> bytes:
    half = len(page) // 2
    return bytes(half) + page[half:]


def _sector_spoilt(page: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(page) // SECTOR_BYTES) * SECTOR_BYTES
    return page[:at] + chance.randbytes(SECTOR_BYTES) + page[at + SECTOR_BYTES :]


def _spoilt(page: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(page))


DAMAGES: dict[str, Damage] = {
    "zeroed": _zeroed,
    "end zeroed": _end_zeroed,
    "beginning zeroed": _beginning_zeroed,
    "sector spoilt": _sector_spoilt,
    "spoilt": _spoilt,
}
"""By name, in the order of a table."""


def page_count(content: bytes) -> int:
    """Pages of a database file."""
    return len(content) // PAGE_BYTES


def damage_page(content: bytes, page: int, damage: str, chance: random.Random) -> bytes:
    """A database file with one page damaged.

    Args:
        content: Of the sound file.
        page: Which, from 0.
        damage: One of `DAMAGES`.
        chance: For what is random about it.
    """
    at = page * PAGE_BYTES
    damaged = DAMAGES[damage](content[at : at + PAGE_BYTES], chance)
    return content[:at] + damaged + content[at + PAGE_BYTES :]


def mix_page(content: bytes, older: bytes, page: int, sectors: int) -> bytes:
    """A database file with a page that was half written: new up to a sector, then old.

    Args:
        content: Of the newer file.
        older: Of the older; as long, at least up to the page's end.
        page: Which, from 0.
        sectors: How many of its sectors are new.
    """
    at = page * PAGE_BYTES
    split, end = at + sectors * SECTOR_BYTES, at + PAGE_BYTES
    return content[:split] + older[split:end] + content[end:]

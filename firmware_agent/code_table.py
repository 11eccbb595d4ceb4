"""The window of used offline codes, as stored beside the journal that it follows from."""

from __future__ import annotations

import sqlite3

from firmware_agent.core.used_codes import UsedCodes
from firmware_agent.errors import StoreCorrupt
from firmware_agent.store import Store, keep_meta
from wire.codes import WINDOW

_KEY = "used_codes"
_HIGHEST_BYTES = 8
_BYTES = _HIGHEST_BYTES + WINDOW // 8


def load_used_codes(store: Store) -> UsedCodes:
    """The stored window.

    Raises:
        StoreCorrupt: It can't be read.
    """
    return _unpack(store.meta(_KEY))


def mark_used(sql: sqlite3.Connection, counter: int) -> None:
    """Mark a code as used, in the transaction that journals it.

    Raises:
        StoreCorrupt: It was used before: a fault of the program. Nothing is written.
    """
    row = sql.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    try:
        used = _unpack(row[0] if row else None).with_used(counter)
    except ValueError as error:
        raise StoreCorrupt(str(error)) from None
    keep_meta(sql, _KEY, _pack(used))


def _pack(used: UsedCodes) -> bytes:
    return used.highest.to_bytes(_HIGHEST_BYTES, "big") + used.bits.to_bytes(WINDOW // 8, "big")


def _unpack(kept: object) -> UsedCodes:
    if kept is None:
        return UsedCodes()
    if not isinstance(kept, bytes) or len(kept) != _BYTES:
        raise StoreCorrupt("the window of used codes can't be read")
    highest, bits = kept[:_HIGHEST_BYTES], kept[_HIGHEST_BYTES:]
    return UsedCodes(int.from_bytes(highest, "big"), int.from_bytes(bits, "big"))

"""The journal's chain: each row's hash covers the one before.

`hash_n = SHA-256(hash_{n-1} || bytes_n)`, from an origin that names the epoch. A
changed, missing or moved row breaks it; only the chain finds a flipped byte that
the database itself does not notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HASH_BYTES = 32


def origin(controller: str, epoch: str) -> bytes:
    """The hash before the first row of a journal."""
    return hashlib.sha256(f"standpipe/v1 journal {controller} {epoch}".encode()).digest()


def link(previous: bytes, data: bytes) -> bytes:
    """The hash of a row that follows one with hash `previous`."""
    return hashlib.sha256(previous + data).digest()


def head(previous: bytes, rows: Iterable[bytes]) -> bytes:
    """The hash after several rows."""
    for data in rows:
        previous = link(previous, data)
    return previous

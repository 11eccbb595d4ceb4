"""One checked thing."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One checked thing.

    Attributes:
        what: What was looked at.
        ok: Whether it is right.
        words: What was found, and what to do when it isn't right.
    """

    what: str
    ok: bool
    words: str


def good(what: str, words: str) -> Finding:
    """Something is right."""
    return Finding(what=what, ok=True, words=words)


def bad(what: str, words: str) -> Finding:
    """Something isn't; `words` end with what to do."""
    return Finding(what=what, ok=False, words=words)

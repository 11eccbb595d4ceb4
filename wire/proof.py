"""What a card proved at a tap, as events tell it."""

from __future__ import annotations

import msgspec

from wire.bounds import Name, Small

COUNTER_MAX = (1 << 24) - 1
"""Cards count their reads in three bytes (NXP AN12196, SDMReadCtr)."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How a card proved who it is.

    Attributes:
        method: `ev2` or `sun`; another word is a method of a later version.
        level: What the proof is worth, see `wire.downlink.CardEntry.level`.
        key_version: Version of the site's key that the card's own is made from.
        counter: The card's own count of its reads, at most `COUNTER_MAX`; None: the
            method has none. It rises with each read, also with one by a phone.
    """

    method: Name
    level: Small = 0
    key_version: Small = 0
    counter: Small | None = None

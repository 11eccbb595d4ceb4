"""Cards of each level for `tap`: a UID alone, an NTAG 424 DNA and a DESFire with keys."""

from __future__ import annotations

import random

from simulator.bench.keyed_cards import KEYED, KEYS, SITE_KEY, keyed_card
from simulator.parts.tags import Ntag, Tag

__all__ = ["KEYS", "LEVELS", "SITE_KEY", "card_of"]
LEVELS = (0, 1, 2)
_KINDS = {level: kind for kind, level in KEYED.items()}


def card_of(level: int, uid: bytes) -> Tag:
    """Make a card of a level; at level 0, a plain one.

    Args:
        level: 0 to 2.
        uid: 7 bytes.
    """
    return keyed_card(_KINDS[level], uid, random.Random(uid)) if level else Ntag(uid)

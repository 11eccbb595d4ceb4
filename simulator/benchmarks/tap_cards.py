"""Cards of each level for `tap`: a UID alone, an NTAG 424 DNA and a DESFire with keys."""

from __future__ import annotations

import random
from typing import Any

from firmware_agent.card_keys import KEY_BYTES, MasterKey, SiteKeys
from hardware.cards.proving import FAMILIES, Family
from simulator.parts.desfire import Desfire
from simulator.parts.iso_dep import CommandCard
from simulator.parts.ntag424 import Ntag424
from simulator.parts.tags import Ntag, Tag

LEVELS = (0, 1, 2)
SITE_KEY = MasterKey(1, random.Random("tap").randbytes(KEY_BYTES))
"""Of the measured site, which is gone afterwards."""
KEYS = SiteKeys((SITE_KEY,))
_MAKES: dict[int, type[Ntag424 | Desfire]] = {1: Ntag424, 2: Desfire}


class _InHand:
    """A card without air between."""

    def __init__(self, card: CommandCard[Any]) -> None:
        self._card = card

    def exchange(self, apdu: bytes) -> bytes:
        answer: bytes = self._card.chip.obey(apdu)
        return answer


def card_of(level: int, uid: bytes) -> Tag:
    """Make a card as `standpipe-agent card personalise` leaves it; at level 0, a plain one.

    Args:
        level: 0 to 2.
        uid: 7 bytes.
    """
    if level == 0:
        return Ntag(uid)
    entropy = random.Random(uid).randbytes
    card = _MAKES[level](uid, entropy)
    family = _family_of(level)
    (key,) = KEYS.keys_for(uid, family.kind)
    family.give_keys(_InHand(card), key, (), entropy)
    card.power_up()
    return card


def _family_of(level: int) -> Family:
    return next(family for family in FAMILIES.values() if family.level == level)

"""Cards of level 1 and 2 at the bench: chips that hold a key made from the bench's own."""

from __future__ import annotations

import random
from typing import Any

from firmware_agent.card_keys import KEY_BYTES, MasterKey, SiteKeys
from hardware.cards import desfire, ntag424
from hardware.cards.proving import FAMILIES
from simulator.parts.desfire import Desfire
from simulator.parts.iso_dep import CommandCard
from simulator.parts.ntag424 import Ntag424

SITE_KEY = MasterKey(1, random.Random("bench").randbytes(KEY_BYTES))
"""Anybody can read it here: it is a key for virtual cards."""
KEYS = SiteKeys((SITE_KEY,))
KEYED = {family.kind: family.level for family in FAMILIES.values()}
"""Kinds of cards that hold keys, and of which level they are."""
_MAKES: dict[str, type[Ntag424 | Desfire]] = {ntag424.KIND: Ntag424, desfire.KIND: Desfire}


class _InHand:
    """A card without air between."""

    def __init__(self, card: CommandCard[Any]) -> None:
        self._card = card

    def exchange(self, apdu: bytes) -> bytes:
        answer: bytes = self._card.chip.obey(apdu)
        return answer


def keyed_card(kind: str, uid: bytes, rng: random.Random) -> Ntag424 | Desfire:
    """Make a card with keys, as `standpipe-agent card personalise` leaves it.

    Args:
        kind: One of `KEYED`.
        uid: 7 bytes.
        rng: Where its challenges come from.
    """
    card = _MAKES[kind](uid, rng.randbytes)
    family = next(family for family in FAMILIES.values() if family.kind == kind)
    (key,) = KEYS.keys_for(uid, kind)
    family.give_keys(_InHand(card), key, [], rng.randbytes)
    card.power_up()
    return card

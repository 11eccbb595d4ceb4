"""Cards of level 1 at the bench: chips that hold a key made from the bench's own."""

from __future__ import annotations

import random

from firmware_agent.card_keys import KEY_BYTES, MasterKey, SiteKeys
from hardware.cards import ntag424
from simulator.parts.ntag424 import Ntag424

SITE_KEY = MasterKey(1, random.Random("bench").randbytes(KEY_BYTES))
"""Anybody can read it here: it is a key for virtual cards."""


class _InHand:
    """A card without air between."""

    def __init__(self, card: Ntag424) -> None:
        self._card = card

    def exchange(self, apdu: bytes) -> bytes:
        return self._card.chip.obey(apdu)


def keyed_card(uid: bytes, rng: random.Random) -> Ntag424:
    """Make an NTAG 424 DNA with keys, as `standpipe-agent card personalise` leaves it.

    Args:
        uid: 7 bytes.
        rng: Where its challenges come from.
    """
    card = Ntag424(uid, rng.randbytes)
    (key,) = SiteKeys((SITE_KEY,)).keys_for(uid, ntag424.KIND)
    ntag424.give_keys(_InHand(card), key, [], rng.randbytes)
    card.power_up()
    return card

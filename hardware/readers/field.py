"""What lies on a reader, decided from one look after the other. Pure.

    EMPTY ── one card ──> ONE ── another card too, or instead ──> SEVERAL
      ^                    │                                         │
      └── missed twice ────┴──────────────── missed twice ───────────┘

Several cards stay several until the field is empty: who pulls one of two cards
away hasn't chosen the other one. A different card within two looks is a second
card as well, since nobody swaps cards that fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wire.ids import is_random_uid

MISSES_GONE = 2
"""Looks without a card until it is gone: one look may fail by noise or a moving hand."""


class Occupancy(Enum):
    """How many cards lie there."""

    EMPTY = "empty"
    ONE = "one"
    SEVERAL = "several"


class Change(Enum):
    """What a look changed."""

    NOTHING = "nothing"
    CARD = "card"
    SEVERAL = "several"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Field:
    """What is known about the field.

    Attributes:
        occupancy: How many cards.
        uid: The card's, when it is one.
        misses: Looks in a row that saw nothing.
    """

    occupancy: Occupancy = Occupancy.EMPTY
    uid: bytes = b""
    misses: int = 0


EMPTY = Field()
_SEVERAL = Field(Occupancy.SEVERAL)


def observe(field: Field, uids: tuple[bytes, ...]) -> tuple[Field, Change]:
    """Take in one look.

    Args:
        field: What was known before.
        uids: The cards that answered, in any order; the same card may answer twice.

    Returns:
        What is known now, and what changed.
    """
    cards = set(uids)
    if not cards:
        return _missed(field)
    if len(cards) == 1:
        return _one(field, cards.pop())
    return _several(field)


def _missed(field: Field) -> tuple[Field, Change]:
    if field.occupancy is Occupancy.EMPTY:
        return EMPTY, Change.NOTHING
    if field.misses + 1 >= MISSES_GONE:
        return EMPTY, Change.GONE
    return Field(field.occupancy, field.uid, field.misses + 1), Change.NOTHING


def _one(field: Field, uid: bytes) -> tuple[Field, Change]:
    if field.occupancy is Occupancy.SEVERAL:
        return _SEVERAL, Change.NOTHING
    if field.occupancy is Occupancy.EMPTY:
        return Field(Occupancy.ONE, uid), Change.CARD
    # A random UID is a new one each time the field comes back: still the same card.
    if uid == field.uid or (is_random_uid(uid) and is_random_uid(field.uid)):
        return Field(Occupancy.ONE, field.uid), Change.NOTHING
    return _several(field)


def _several(field: Field) -> tuple[Field, Change]:
    changed = field.occupancy is not Occupancy.SEVERAL
    return _SEVERAL, Change.SEVERAL if changed else Change.NOTHING

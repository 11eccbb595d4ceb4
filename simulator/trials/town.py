"""Who lives at the site of a trial: accounts of every kind, with their cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from simulator.trials.draws import happens, weighed

LEVEL_WEIGHTS = ((0, 40), (1, 40), (2, 20))
GIFT_PERCENT = 25
FIRST_MINOR_MAX = 3_000
POOR_MINOR_MAX = 150
"""Some have less than an hour at a machine costs: their money ends while it runs."""
CREDIT_MINOR_MAX = 4_000
GIFT_MINOR_MAX = 800
LIMIT_MINOR_MAX = 1_500
POINTS = "points"
"""An account in another unit, which nobody's card names."""
NUMBER_MAX = 2**31
"""Numbers drawn ahead for choices that are made later."""


class Billed(StrEnum):
    """How a household pays."""

    PREPAID = "prepaid"
    MIXED = "mixed"
    POSTPAID = "postpaid"
    SHARED = "shared"  # an organisation: prepaid, and its cards are members'


BILLED_WEIGHTS = (
    (Billed.PREPAID, 60),
    (Billed.MIXED, 12),
    (Billed.POSTPAID, 10),
    (Billed.SHARED, 18),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlan:
    """A card.

    Attributes:
        id: Its id at the hub.
        uid: As a reader sees it.
        level: What it proves.
    """

    id: str
    uid: bytes
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """An account and the cards of those who use it.

    Attributes:
        account: Its id.
        billed: How it pays.
        cards: One or more.
        first_minor: What it pays in before the run begins.
        credit_minor: How far below zero its wallet may go.
        gift_minor: Given to it before the run begins; 0: nothing.
        gift_kinds: Kinds of machines that the gift pays for; none: all.
        gift_ms: After how long the gift expires; 0: never.
        limit_minor: What each of its members may spend in a day, if it has members.
    """

    account: str
    billed: Billed
    cards: tuple[CardPlan, ...]
    first_minor: int
    credit_minor: int
    gift_minor: int
    gift_kinds: tuple[str, ...]
    gift_ms: int
    limit_minor: int

    def member_of(self, card: CardPlan) -> str:
        """Id of the member that has a card; empty: the account's own."""
        return f"mem_{card.id}" if self.billed is Billed.SHARED else ""


def draw_town(stream: Callable[[str], Random], accounts: int, kind: str) -> tuple[Household, ...]:
    """Who lives here; a larger town has all of a smaller one.

    Args:
        stream: Gives the stream of a name.
        accounts: How many households.
        kind: A kind of machines that some gifts are for.
    """
    return tuple(
        _household(stream(f"town/{number}"), f"h{number:02}", kind) for number in range(accounts)
    )


def _household(stream: Random, account: str, kind: str) -> Household:
    billed = weighed(stream, BILLED_WEIGHTS)
    cards = tuple(
        _card(stream, f"crd_{account}_{number}")
        for number in range(weighed(stream, ((1, 55), (2, 30), (3, 15))))
    )
    most_minor = weighed(stream, ((FIRST_MINOR_MAX, 65), (POOR_MINOR_MAX, 35)))
    first, credit = stream.randint(0, most_minor), stream.randint(200, CREDIT_MINOR_MAX)
    is_given, gift = happens(stream, GIFT_PERCENT), stream.randint(50, GIFT_MINOR_MAX)
    gift_ms = weighed(stream, ((0, 1), (3_600_000, 1), (2 * 3_600_000, 1)))
    for_kind = happens(stream, 50)
    limit = stream.randint(100, LIMIT_MINOR_MAX)
    on_credit = billed in (Billed.MIXED, Billed.POSTPAID)
    return Household(
        account=account,
        billed=billed,
        cards=cards,
        first_minor=0 if billed is Billed.POSTPAID else first,
        credit_minor=credit if on_credit else 0,
        gift_minor=gift if is_given else 0,
        gift_kinds=(kind,) if for_kind else (),
        gift_ms=gift_ms,
        limit_minor=limit,
    )


def _card(stream: Random, card: str) -> CardPlan:
    level = weighed(stream, LEVEL_WEIGHTS)
    # 04 is NXP's prefix: seven bytes that no reader takes for a random UID.
    uid = b"\x04" + stream.getrandbits(48).to_bytes(6, "big")
    return CardPlan(id=card, uid=uid, level=level)

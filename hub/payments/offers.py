"""Bonus for a top-up: tiers, and which offer gives a person most. Pure.

A larger amount never brings a smaller bonus: `check_tiers` refuses tiers by which it
would, and a budget that runs out gives what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from hub.errors import InputError
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX, PPM, div_half_up

TIERS_MAX = 16
"""More than anybody reads on a poster."""
BONUS_PPM_MAX = PPM
"""A bonus as large as the amount; more is a typing error."""
NEVER_MS = 2**62


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a top-up of at least some amount brings: a fixed bonus or a share.

    Attributes:
        from_minor: Least amount paid, ≥ 1.
        bonus_minor: Fixed bonus; 0: a share.
        bonus_ppm: Share of the amount paid, in parts per million; 0: fixed.
    """

    from_minor: int
    bonus_minor: int = 0
    bonus_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A campaign as one person may use it now.

    Attributes:
        campaign: Its id.
        name: What people read.
        tiers: In rising order.
        kinds: Machine kinds that the bonus pays; empty: all.
        expires_ms: When a bonus given now ends; None: never.
        left_minor: What is left of its budget; None: it has none.
    """

    campaign: str
    name: str = ""
    tiers: tuple[Tier, ...]
    kinds: tuple[str, ...] = ()
    expires_ms: int | None = None
    left_minor: int | None = None

    def bonus_of(self, amount_minor: int) -> int:
        """Bonus for an amount paid: of the highest tier that it reaches."""
        bonus = bonus_of(self.tiers, amount_minor)
        return bonus if self.left_minor is None else min(bonus, self.left_minor)


def bonus_of(tiers: Sequence[Tier], amount_minor: int) -> int:
    """Bonus of the highest tier that an amount reaches, in minor units; 0: it reaches none."""
    reached = [tier for tier in tiers if tier.from_minor <= amount_minor]
    return _bonus(reached[-1], amount_minor) if reached else 0


def best_offer(offers: Iterable[Offer], amount_minor: int) -> tuple[Offer | None, int]:
    """The one offer that is best for a person, and its bonus; offers are never added.

    Of equal ones the bonus that pays everywhere goes first, then the one that lasts longest.
    """
    found = [(offer.bonus_of(amount_minor), offer) for offer in offers]
    found = [(bonus, offer) for bonus, offer in found if bonus > 0]
    if not found:
        return None, 0
    bonus, offer = min(found, key=lambda one: (-one[0], *_rank(one[1])))
    return offer, bonus


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Check that tiers can be a campaign's.

    Raises:
        InputError: They aren't in rising order, one is out of range, or a larger amount
            would bring a smaller bonus.
    """
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise InputError(f"a campaign has 1 to {TIERS_MAX} tiers")
    for tier in tiers:
        _check_tier(tier)
    for lower, higher in pairwise(tiers):
        if lower.from_minor >= higher.from_minor:
            raise InputError("tiers begin at rising amounts: give each its own")
        if _bonus(lower, higher.from_minor - 1) > _bonus(higher, higher.from_minor):
            raise InputError(
                f"{higher.from_minor} would bring less than {higher.from_minor - 1}: "
                "a larger amount never brings a smaller bonus",
                Code.AMOUNT_INVALID,
            )


def _check_tier(tier: Tier) -> None:
    if not 1 <= tier.from_minor <= AMOUNT_MINOR_MAX:
        raise InputError(f"a tier begins at 1 to {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    if (tier.bonus_minor == 0) == (tier.bonus_ppm == 0):
        raise InputError("a tier has a fixed bonus or a share: give one of the two")
    if not 0 <= tier.bonus_minor <= AMOUNT_MINOR_MAX or not 0 <= tier.bonus_ppm <= BONUS_PPM_MAX:
        raise InputError(
            f"a bonus is 0 to {AMOUNT_MINOR_MAX}, a share 0 to {BONUS_PPM_MAX} ppm",
            Code.AMOUNT_INVALID,
        )


def _bonus(tier: Tier, amount_minor: int) -> int:
    return tier.bonus_minor or div_half_up(amount_minor * tier.bonus_ppm, PPM)


def _rank(offer: Offer) -> tuple[bool, int, str]:
    lasts = NEVER_MS if offer.expires_ms is None else offer.expires_ms
    return bool(offer.kinds), -lasts, offer.campaign

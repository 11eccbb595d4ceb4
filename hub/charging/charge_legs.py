"""The legs of a charge: who gives, what is revenue and what is tax. Pure."""

from __future__ import annotations

from hub.charging.backing import Payment
from hub.ledger import accounts as chart
from hub.ledger.items import Leg, Move, Spill
from wire.money import tax_within


def charge_legs(
    account: str, unit: str, payment: Payment, to: tuple[str, str], rate_ppm: int
) -> tuple[Leg, ...]:
    """Legs of a charge. The tax of the whole is exact, and each giver bears its share of it.

    Args:
        account: Who pays.
        unit: Unit of the money.
        payment: Who gives how much of it.
        to: Ledger accounts of the revenue and of the tax.
        rate_ppm: The tax rate.
    """
    revenue, taxed = to
    legs: list[Leg] = []
    upto = taken = 0
    for code, minor in payment.sources:
        # The tax within all that was given so far: the shares sum to that of the whole.
        upto += minor
        share = tax_within(upto, rate_ppm) - taken
        taken += share
        parts = ((revenue, minor - share), (taxed, share))
        legs += [Move(code, credit, part) for credit, part in parts if part]
    rest_tax = tax_within(upto + payment.rest_minor, rate_ppm) - taken
    parts = ((revenue, payment.rest_minor - rest_tax), (taxed, rest_tax))
    credits_ = tuple((credit, part) for credit, part in parts if part)
    if credits_:
        givers = (chart.wallet(account, unit), chart.overrun(account, unit))
        legs.append(Spill(givers, credits_))
    return tuple(legs)

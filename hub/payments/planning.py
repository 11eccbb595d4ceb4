"""What an amount paid in would do: fee, overrun, wallet, bonus, balance. Pure.

The same plan is shown before paying and booked afterwards. An open overrun is settled
before the wallet gets anything. The bonus is counted on the amount paid, fee and
overrun included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.errors import InputError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Leg, Move
from hub.payments.offers import Offer, best_offer
from hub.payments.rules import Fee, TopUpRules
from wire.errors import Code
from wire.money import PPM, div_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Pots:
    """What an account has before, in minor units.

    Attributes:
        wallet_minor: Paid in; below 0 within a credit limit.
        given_minor: Left in open lots.
        held_minor: Held for controllers and holds, of wallet and lots.
        overrun_minor: What facts cost beyond all rights, ≥ 0.
    """

    wallet_minor: int = 0
    given_minor: int = 0
    held_minor: int = 0
    overrun_minor: int = 0

    @property
    def total_minor(self) -> int:
        """What the most balance is held against."""
        return self.wallet_minor + self.given_minor + self.held_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an amount does, in minor units; fee, settled and wallet make the amount.

    Attributes:
        amount_minor: Paid.
        fee_minor: Kept as a fee, less than the amount.
        settled_minor: Goes to an open overrun.
        wallet_minor: Goes to the wallet.
        bonus_minor: Given on top.
        offer: Which offer gives the bonus; None: none.
        after_minor: Wallet, open lots and held money afterwards.
    """

    amount_minor: int
    fee_minor: int
    settled_minor: int
    wallet_minor: int
    bonus_minor: int
    offer: Offer | None
    after_minor: int


def fee_of(fee: Fee, amount_minor: int) -> int:
    """Fee of an amount paid: fixed part plus share, half up."""
    return fee.fixed_minor + div_half_up(amount_minor * fee.ppm, PPM)


def plan_top_up(
    amount_minor: int,
    rules: TopUpRules,
    source: str,
    pots: Pots,
    offers: Sequence[Offer] = (),
) -> Plan:
    """Plan a top-up.

    Args:
        amount_minor: Paid.
        rules: Of the account's unit.
        source: `cash` or the provider's name.
        pots: What the account has.
        offers: Campaigns that the person may use now.

    Raises:
        InputError: The amount is out of range, or the fee would take all of it.
        RefusedError: The account would have more than it may; names the largest amount.
    """
    if not rules.least_minor <= amount_minor <= rules.most_minor:
        raise InputError(
            f"{amount_minor} is out of range: {rules.least_minor} to {rules.most_minor} "
            "minor units at a time",
            Code.AMOUNT_INVALID,
        )
    plan = _plan(amount_minor, rules, source, pots, offers)
    if plan.fee_minor >= amount_minor:
        raise InputError(
            f"the fee of {plan.fee_minor} would take all of {amount_minor}: pay in more",
            Code.AMOUNT_INVALID,
        )
    most = rules.balance_minor_max
    if most is not None and plan.after_minor > most:
        raise _too_high(plan, most, _largest(rules, source, pots, offers), pots)
    return plan


def check_balance(rules: TopUpRules, pots: Pots, amount_minor: int) -> None:
    """Check that an account may get an amount that nobody chooses, such as a voucher's.

    Raises:
        RefusedError: It would have more than it may.
    """
    most = rules.balance_minor_max
    after = pots.total_minor + max(0, amount_minor - pots.overrun_minor)
    if most is not None and after > most:
        raise RefusedError(
            f"the account has {pots.total_minor} and may have {most} minor units: "
            f"{amount_minor} more is too much now; spend first, nothing changed",
            Code.BALANCE_TOO_HIGH,
        )


def legs_of(plan: Plan, payer: str, account: str, unit: str) -> tuple[Leg, ...]:
    """What the book moves for a plan, the bonus aside.

    The fee goes through the wallet, so that the account's own lines show it.

    Args:
        plan: What the amount does.
        payer: Ledger account that the money comes from: a till's, a provider's.
        account: Whose.
        unit: Unit of the money.
    """
    wallet, overrun = chart.wallet(account, unit), chart.overrun(account, unit)
    rest = Fill(payer, (overrun, wallet), plan.amount_minor - plan.fee_minor)
    if not plan.fee_minor:
        return (rest,)
    fees = chart.house("fees", unit)
    return (Move(payer, wallet, plan.fee_minor), Move(wallet, fees, plan.fee_minor), rest)


def _plan(
    amount_minor: int, rules: TopUpRules, source: str, pots: Pots, offers: Sequence[Offer]
) -> Plan:
    fee = fee_of(rules.fee_of(source), amount_minor)
    credited = max(0, amount_minor - fee)
    settled = min(credited, pots.overrun_minor)
    offer, bonus = best_offer(offers, amount_minor)
    return Plan(
        amount_minor=amount_minor,
        fee_minor=fee,
        settled_minor=settled,
        wallet_minor=credited - settled,
        bonus_minor=bonus,
        offer=offer,
        after_minor=pots.total_minor + credited - settled + bonus,
    )


def _largest(rules: TopUpRules, source: str, pots: Pots, offers: Sequence[Offer]) -> int:
    """Largest amount after which the account has no more than it may; 0: none is.

    What an account has afterwards never shrinks with the amount, so halving finds it.
    """
    most = rules.balance_minor_max or 0
    fits, exceeds = rules.least_minor - 1, rules.most_minor
    while exceeds - fits > 1:
        amount = (fits + exceeds) // 2
        if _plan(amount, rules, source, pots, offers).after_minor <= most:
            fits = amount
        else:
            exceeds = amount
    usable = fits >= rules.least_minor and fee_of(rules.fee_of(source), fits) < fits
    return fits if usable else 0


def _too_high(plan: Plan, most: int, largest: int, pots: Pots) -> RefusedError:
    advice = (
        f"at most {largest} minor units can be paid in now"
        if largest
        else "nothing can be paid in now: spend first"
    )
    return RefusedError(
        f"the account has {pots.total_minor} and may have {most} minor units; "
        f"{plan.amount_minor} would make it {plan.after_minor}: {advice}. Nothing changed.",
        Code.BALANCE_TOO_HIGH,
    )

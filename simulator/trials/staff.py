"""Staff and operators at work: what they do, how often, and who makes mistakes."""

from __future__ import annotations

from simulator.trials import clumsy, pricing, staff_access, staff_money
from simulator.trials.office import HOUR_MS, Act, Office

STAFF: dict[str, tuple[Act, int]] = {
    "block_card": (staff_access.block_card, 2 * HOUR_MS),
    "replace_card": (staff_access.replace_card, 8 * HOUR_MS),
    "block_account": (staff_access.block_account, 4 * HOUR_MS),
    "close_account": (staff_access.shut_account, 8 * HOUR_MS),
    "change_credit": (staff_access.change_credit, 2 * HOUR_MS),
    "change_member": (staff_access.change_member, 2 * HOUR_MS),
    "forfeit": (staff_access.give_up_right, 2 * HOUR_MS),
    "command": (staff_access.order_machine, 2 * HOUR_MS),
    "refund": (staff_money.refund, 2 * HOUR_MS),
    "correct": (staff_money.correct, 4 * HOUR_MS),
    "pay_out": (staff_money.pay_out, 2 * HOUR_MS),
    "deposit": (staff_money.deposit, 3 * HOUR_MS),
    "voucher": (staff_money.voucher, 4 * HOUR_MS),
    "give": (staff_money.give, 3 * HOUR_MS),
    "hand_on": (staff_money.hand_on, 3 * HOUR_MS),
    "adjust": (staff_money.adjust, 4 * HOUR_MS),
    "subscribe": (staff_money.subscribe, 4 * HOUR_MS),
    "close_period": (staff_money.close_period, 4 * HOUR_MS),
}
"""What staff do, and how far apart on average."""
PRICING: dict[str, tuple[Act, int]] = {
    "tariff": (pricing.new_prices, HOUR_MS),
    "floors": (pricing.new_floors, 2 * HOUR_MS),
    "standing": (pricing.new_standing, 3 * HOUR_MS),
    "policy": (pricing.new_policy, 3 * HOUR_MS),
    "manners": (pricing.new_manners, 2 * HOUR_MS),
    "service": (pricing.out_of_service, 4 * HOUR_MS),
}
CLUMSY: dict[str, tuple[Act, int]] = {
    "same_again": (clumsy.same_again, 3 * HOUR_MS),
    "other_amount": (clumsy.other_amount, 3 * HOUR_MS),
    "entered_twice": (clumsy.entered_twice, 3 * HOUR_MS),
    "refund_beyond": (clumsy.refund_beyond, 3 * HOUR_MS),
    "tried_again": (clumsy.tried_again, 3 * HOUR_MS),
    "mistyped": (clumsy.mistyped, 4 * HOUR_MS),
    "closed_twice": (clumsy.closed_twice, 4 * HOUR_MS),
}
OFFICES = {"staff": STAFF, "pricing": PRICING, "clumsy": CLUMSY}
"""Actors who work at a desk, by name."""


def schedule_staff(office: Office, actors: frozenset[str], until_ms: int) -> None:
    """Have those who take part do what they do; leaving one out changes nobody else's draws."""
    for who, acts in OFFICES.items():
        if who not in actors:
            continue
        for kind, (act, mean_gap_ms) in acts.items():
            office.schedule(who, kind, act, mean_gap_ms, until_ms)

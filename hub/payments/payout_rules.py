"""Rules of payouts: how much, what it costs, who approves, how long it takes."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.payments.fees import check_fee, fee_words, span_words
from hub.payments.refund_rules import DAY_MS, DAYS_MAX, Approver
from hub.payments.rules import Fee
from hub.settings import read_document, write_document
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.money import AMOUNT_MINOR_MAX, Unit, format_amount

_NAME = "payouts."


class PayoutRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How money is paid out, in minor units of one unit.

    Attributes:
        least_minor: Least amount at a time.
        most_minor: Most amount at a time.
        fee: Kept of the amount.
        approver: Who approves.
        processing_days: Days until it has arrived.
    """

    least_minor: int = 1
    most_minor: int = 100_000
    fee: Fee = Fee()
    approver: Approver = Approver.STAFF
    processing_days: int = 5


def read_payout_rules(connection: Connection, unit: str) -> PayoutRules:
    """The rules of payouts in a unit."""
    return read_document(connection, _NAME + unit, PayoutRules, PayoutRules())


def write_payout_rules(tx: Tx, unit: str, rules: PayoutRules) -> PayoutRules:
    """Decide the rules of payouts in a unit; they are in force at once.

    Raises:
        InputError: The unit can't be one, or a rule is out of range.
    """
    try:
        find_unit(tx.connection, unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    if not 1 <= rules.least_minor <= rules.most_minor <= AMOUNT_MINOR_MAX:
        raise InputError(
            f"least and most are 1 to {AMOUNT_MINOR_MAX}, the least not above the most",
            Code.AMOUNT_INVALID,
        )
    if not 0 <= rules.processing_days <= DAYS_MAX:
        raise InputError(f"processing takes 0 to {DAYS_MAX} days")
    check_fee(rules.fee)
    write_document(tx, _NAME + unit, rules)
    return rules


def words(rules: PayoutRules, unit: Unit) -> str:
    """The rules as people read them, all numbers taken from the rules.

    Args:
        rules: The rules.
        unit: Unit of the money.
    """
    least = format_amount(rules.least_minor, unit)
    most = format_amount(rules.most_minor, unit)
    days = span_words(rules.processing_days * DAY_MS) if rules.processing_days else ""
    who = {
        Approver.NONE: "It needs nobody's approval.",
        Approver.STAFF: "A person approves it.",
        Approver.SECOND: "Two people approve it.",
    }[rules.approver]
    fee = fee_words(rules.fee, unit)
    said = [
        f"You can have {least} to {most} of the money that you paid in paid out at a time.",
        "Bonus, and money that is held for a machine in use, can't be paid out.",
        who,
        f"It arrives within {days}." if days else "It arrives the same day.",
        f"{fee} of it is kept." if fee else "It costs you nothing.",
    ]
    return " ".join(said)

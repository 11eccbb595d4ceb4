"""Rules of transfers between accounts: whether, how much, between whom."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.settings import read_document, write_document
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.money import AMOUNT_MINOR_MAX, Unit, format_amount

PAIRS_MAX = 256
GROUP_LENGTH_MAX = 120
_NAME = "transfers."


class GroupPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may give to whom, by price group; an empty group: accounts without one.

    Attributes:
        sender: Group of who gives.
        receiver: Group of who gets.
    """

    sender: str
    receiver: str


class TransferRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How accounts of a unit may give each other money, in minor units.

    Attributes:
        allowed: Whether they may at all.
        least_minor: Least amount at a time.
        most_minor: Most amount at a time.
        day_minor: Most that an account gives within 24 hours.
        pairs: Which groups may give to which; empty: everyone to everyone.
    """

    allowed: bool = True
    least_minor: int = 1
    most_minor: int = 10_000
    day_minor: int = 20_000
    pairs: tuple[GroupPair, ...] = ()


def read_transfer_rules(connection: Connection, unit: str) -> TransferRules:
    """The rules of transfers in a unit."""
    return read_document(connection, _NAME + unit, TransferRules, TransferRules())


def write_transfer_rules(tx: Tx, unit: str, rules: TransferRules) -> TransferRules:
    """Decide the rules of transfers in a unit; they are in force at once.

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
    if not rules.most_minor <= rules.day_minor <= AMOUNT_MINOR_MAX:
        raise InputError(
            "what an account gives in 24 hours is at least the most at a time",
            Code.AMOUNT_INVALID,
        )
    groups = [group for pair in rules.pairs for group in (pair.sender, pair.receiver)]
    fit = all(len(group) <= GROUP_LENGTH_MAX and group.isprintable() for group in groups)
    if len(rules.pairs) > PAIRS_MAX or not fit:
        raise InputError(f"at most {PAIRS_MAX} pairs of groups, each at most 120 characters")
    write_document(tx, _NAME + unit, rules)
    return rules


def words(rules: TransferRules, unit: Unit) -> str:
    """The rules as people read them, all numbers taken from the rules.

    Args:
        rules: The rules.
        unit: Unit of the money.
    """
    if not rules.allowed:
        return "Money can't be given to another account."
    most = format_amount(rules.most_minor, unit)
    day = format_amount(rules.day_minor, unit)
    return (
        f"You can give another account up to {most} at a time and {day} in 24 hours, "
        "of the money that you paid in. Bonus can't be given away."
    )

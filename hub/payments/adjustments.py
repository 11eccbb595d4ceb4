"""Adjustments: staff change what an account has, for a reason from a list and in words.

Against `suspense` or `fees` the wallet changes. A credit against `promo` is given money:
it becomes a lot, which is spent like any bonus and never paid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import Connection

from hub.charging.lots import Gift, give
from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item, Leg, Move
from hub.ledger.writer import Tx
from hub.payments.records import (
    Kind,
    Payment,
    check_amount,
    check_id,
    check_reason,
    conflict,
    find_payment,
    record,
)
from hub.payments.second_person import check_alone
from hub.people import card_list
from hub.people.accounts import Account, get_account
from hub.settings import read_document, write_document
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

CAUSES_MAX = 32
"""What a person reads through before choosing."""
ADJUSTMENT_ITEM = "adjustment"
"""Kind of the item by which it is booked."""
_NAME = "adjustments"


class Direction(StrEnum):
    """Which way the money goes."""

    CREDIT = "credit"  # to the account
    DEBIT = "debit"  # from it


class Against(StrEnum):
    """Which of the house's ledger accounts is on the other side."""

    SUSPENSE = "suspense"  # to be cleared up
    FEES = "fees"
    PROMO = "promo"  # only to give


class AdjustmentRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an adjustment may be for.

    Attributes:
        causes: The list to choose from.
    """

    causes: tuple[str, ...] = ("wrong_amount", "goodwill", "damage", "lost_card", "migration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An adjustment that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        account: Whose; a closed account's, too.
        direction: Which way the money goes.
        amount_minor: How much.
        against: Who is on the other side.
        cause: One of the list.
        reason: Words.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    direction: Direction
    amount_minor: int
    against: Against
    cause: str
    reason: str
    by: str


def adjust(tx: Tx, asked: Adjustment, *, second: str = "") -> Payment:
    """Book an adjustment. The same again: the payment as it was booked.

    Args:
        tx: The writer's transaction.
        asked: What is asked.
        second: Who else agreed; empty: nobody did.

    Raises:
        InputError: The amount, the cause, the reason or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise.
        RefusedError: The account hasn't got so much, or it takes a second person.
    """
    check_adjustment(tx.connection, asked)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if before.kind is not Kind.ADJUSTMENT or not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    account = get_account(tx.connection, asked.account)
    check_alone(tx.connection, account.unit, "adjustment", asked.amount_minor, second)
    _book(tx, asked, account)
    card_list.refresh_floor(tx, account.id)
    tx.touch("account", account.id)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=Kind.ADJUSTMENT,
            account=account.id,
            unit=account.unit,
            amount_minor=asked.amount_minor,
            reason=asked.reason,
            by=asked.by,
            at_ms=tx.now_ms,
            about=_about(asked),
        ),
    )


def check_adjustment(connection: Connection, asked: Adjustment) -> None:
    """Check what can be wrong with an adjustment whatever the account has.

    Raises:
        InputError: The amount, the cause, the reason or the id can't be one.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    causes = read_adjustment_rules(connection).causes
    if asked.cause not in causes:
        raise InputError(f"{asked.cause} is no cause here: choose {', '.join(causes)}")
    if asked.against is Against.PROMO and asked.direction is Direction.DEBIT:
        raise InputError("given money is taken back by expiring its lot, not from the wallet")


def read_adjustment_rules(connection: Connection) -> AdjustmentRules:
    """What adjustments may be for."""
    return read_document(connection, _NAME, AdjustmentRules, AdjustmentRules())


def write_adjustment_rules(tx: Tx, rules: AdjustmentRules) -> AdjustmentRules:
    """Decide what adjustments may be for; it is in force at once.

    Raises:
        InputError: The list is empty or too long, or a cause has no short name.
    """
    if not 1 <= len(rules.causes) <= CAUSES_MAX or not all(map(is_name, rules.causes)):
        raise InputError(f"name 1 to {CAUSES_MAX} causes in lower case, such as wrong_amount")
    write_document(tx, _NAME, rules)
    return rules


def _book(tx: Tx, asked: Adjustment, account: Account) -> None:
    unit = account.unit
    house = chart.house(asked.against.value, unit)
    if asked.against is Against.PROMO:
        gift = Gift(
            id=asked.id,
            account=account.id,
            amount_minor=asked.amount_minor,
            giver=house,
            source=asked.cause,
            reason=asked.reason,
            by=asked.by,
        )
        give(tx, gift)
        return
    wallet = chart.wallet(account.id, unit)
    leg: Leg = Move(wallet, house, asked.amount_minor)
    if asked.direction is Direction.CREDIT:
        leg = Fill(house, (chart.overrun(account.id, unit), wallet), asked.amount_minor)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=unit,
            kind=ADJUSTMENT_ITEM,
            legs=(leg,),
            ref=account.id,
            reason=asked.reason,
        )
    )


def _about(asked: Adjustment) -> str:
    return f"{asked.direction}:{asked.against}:{asked.cause}"


def _is_same(before: Payment, asked: Adjustment) -> bool:
    return (before.account, before.amount_minor, before.about, before.reason, before.by) == (
        asked.account,
        asked.amount_minor,
        _about(asked),
        asked.reason,
        asked.by,
    )

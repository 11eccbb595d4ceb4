"""Deposits: refundable security, paid in cash or from the wallet, never spendable."""

from __future__ import annotations

from dataclasses import dataclass

from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item, Leg, Move
from hub.ledger.writer import Tx
from hub.payments.records import (
    Kind,
    Payment,
    check_amount,
    check_id,
    check_till,
    conflict,
    find_payment,
    record,
)
from hub.people import card_list
from hub.people.accounts import get_account, require_open

DEPOSIT_MINOR_MIN = 1
DEPOSIT_MINOR_MAX = 100_000
"""As a top-up: a thousand euros at a counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A deposit that staff take or return.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        amount_minor: How much.
        till: Where the cash comes in or goes out; empty: from or to the wallet.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    amount_minor: int
    till: str
    by: str


def take_deposit(tx: Tx, asked: Deposit) -> Payment:
    """Take a deposit in cash or from the wallet. The same again: as it was booked.

    Raises:
        InputError: The amount, the till or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed.
        RefusedError: The wallet can't give it.
    """
    return _move(tx, asked, Kind.DEPOSIT_TAKEN)


def return_deposit(tx: Tx, asked: Deposit) -> Payment:
    """Return a deposit in cash or to the wallet, of a closed account too.

    Raises:
        InputError: The amount, the till or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise.
        RefusedError: The account hasn't paid that much deposit.
    """
    return _move(tx, asked, Kind.DEPOSIT_RETURNED)


def _move(tx: Tx, asked: Deposit, kind: Kind) -> Payment:
    check_id(asked.id)
    check_amount(asked.amount_minor, DEPOSIT_MINOR_MIN, DEPOSIT_MINOR_MAX)
    if asked.till:
        check_till(asked.till)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if _asked(before) != asked or before.kind is not kind:
            raise conflict(asked.id)
        return before
    taken = kind is Kind.DEPOSIT_TAKEN
    find = require_open if taken else get_account
    unit = find(tx.connection, asked.account).unit
    own = chart.deposit(asked.account, unit)
    other = chart.cash(asked.till, unit) if asked.till else chart.wallet(asked.account, unit)
    leg: Leg = Move(other, own, asked.amount_minor)
    if not taken:
        # What goes back to the wallet settles an overrun first, as a top-up does.
        owed = () if asked.till else (chart.overrun(asked.account, unit),)
        leg = Fill(own, (*owed, other), asked.amount_minor)
    tx.book.must_post(Item(id=asked.id, unit=unit, kind=kind.value, legs=(leg,), ref=asked.account))
    # Machines may ask for a deposit, so what is paid travels in the card list.
    card_list.relist_account(tx, asked.account)
    tx.touch("account", asked.account)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=kind,
            account=asked.account,
            unit=unit,
            amount_minor=asked.amount_minor,
            till=asked.till,
            by=asked.by,
            at_ms=tx.now_ms,
        ),
    )


def _asked(payment: Payment) -> Deposit:
    return Deposit(
        id=payment.id,
        account=payment.account,
        amount_minor=payment.amount_minor,
        till=payment.till,
        by=payment.by,
    )

"""Top-ups at a till: cash comes in, the wallet grows, an open overrun is settled first."""

from __future__ import annotations

from dataclasses import dataclass

from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item
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
from hub.people.accounts import require_open

TOP_UP_MINOR_MIN = 10
"""Less is a slip of the finger."""
TOP_UP_MINOR_MAX = 100_000
"""A thousand euros at a counter; a typing error of two digits is caught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A top-up that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        amount_minor: How much cash was taken.
        till: Where it was put.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    amount_minor: int
    till: str
    by: str


def top_up(tx: Tx, asked: TopUp) -> Payment:
    """Book a top-up. The same again: the payment as it was booked.

    Raises:
        InputError: The amount, the till or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed.
    """
    check_id(asked.id)
    check_till(asked.till)
    check_amount(asked.amount_minor, TOP_UP_MINOR_MIN, TOP_UP_MINOR_MAX)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if _asked(before) != asked or before.kind is not Kind.TOP_UP:
            raise conflict(asked.id)
        return before
    unit = require_open(tx.connection, asked.account).unit
    wallet, overrun = chart.wallet(asked.account, unit), chart.overrun(asked.account, unit)
    leg = Fill(chart.cash(asked.till, unit), (overrun, wallet), asked.amount_minor)
    item = Item(id=asked.id, unit=unit, kind=Kind.TOP_UP.value, legs=(leg,), ref=asked.account)
    tx.book.must_post(item)
    card_list.refresh_floor(tx, asked.account)
    tx.touch("account", asked.account)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=Kind.TOP_UP,
            account=asked.account,
            unit=unit,
            amount_minor=asked.amount_minor,
            till=asked.till,
            by=asked.by,
            at_ms=tx.now_ms,
        ),
    )


def _asked(payment: Payment) -> TopUp:
    return TopUp(
        id=payment.id,
        account=payment.account,
        amount_minor=payment.amount_minor,
        till=payment.till,
        by=payment.by,
    )

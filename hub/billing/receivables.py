"""Receivables: what closed periods left to pay, and payments of it.

A payment settles the oldest receivable first, then an overrun; what is more goes to the
wallet. What was paid may be spent again at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from hub.billing import standing
from hub.billing.rules import DAY_MS, read_billing_rules
from hub.billing.sums import PAYMENT
from hub.errors import InputError
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
from hub.payments.rules import OWN_CLEARING
from hub.payments.tills import check_cash
from hub.people import card_list
from hub.people.accounts import get_account
from hub.people.credit import follow_receivable
from hub.store.tables.billing import periods
from wire.ids import is_name

PAYMENT_MINOR_MAX = 10**9
"""Ten million euros: no invoice of shared machines is larger, and a slip of the finger is."""

_OPEN = f"""
    SELECT p.account, p.unit, p.starts_ms, p.ends_ms, p.due_minor, p.paid_minor,
        {standing.DATE} AS discontinue_ms
    FROM periods AS p LEFT JOIN billing_terms AS b ON b.account = p.account
    WHERE p.paid_ms IS NULL
"""  # noqa: S608 our own names
_ALL = text(f"""
    {_OPEN} AND (p.ends_ms > :ends_ms OR (p.ends_ms = :ends_ms AND p.account > :after))
    ORDER BY p.ends_ms, p.account LIMIT :limit
""")
_OF_ONE = text(f"{_OPEN} AND p.account = :account ORDER BY p.ends_ms LIMIT :limit")
LISTED_MAX = 200
"""Open receivables of one account that are listed: sixteen years of months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivablePayment:
    """A payment of what was billed, that staff or a provider book.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        amount_minor: How much came.
        till: Where cash was put; empty: it came through a provider.
        provider: Through whom it came: `clearing/<provider>`; empty: cash.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    amount_minor: int
    till: str = ""
    provider: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivable:
    """What is open of one period, minor units.

    Attributes:
        account: Whose.
        unit: Unit of its money.
        starts_ms: When the period began.
        ends_ms: When it ended.
        due_minor: What became receivable.
        paid_minor: What is paid of it.
        discontinue_ms: The account is discontinued when it isn't paid by then.
    """

    account: str
    unit: str
    starts_ms: int
    ends_ms: int
    due_minor: int
    paid_minor: int
    discontinue_ms: int

    def age_days(self, now_ms: int) -> int:
        """Whole days since the period ended."""
        return max(0, now_ms - self.ends_ms) // DAY_MS


def pay(tx: Tx, asked: ReceivablePayment) -> Payment:
    """Book a payment of receivables. The same again: the payment as it was booked.

    It is taken for a closed account too, and when nothing is open: then all of it goes to
    the wallet.

    Raises:
        InputError: The amount, the source or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise.
        RefusedError: The till is closed.
    """
    check_id(asked.id)
    _check_source(asked)
    check_amount(asked.amount_minor, 1, PAYMENT_MINOR_MAX)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if before.kind is not Kind.RECEIVABLE_PAID or _asked(before) != asked:
            raise conflict(asked.id)
        return before
    account = get_account(tx.connection, asked.account, lock=True)
    unit = account.unit
    if asked.till:
        check_cash(tx, asked.till, unit)
        payer = chart.cash(asked.till, unit)
    else:
        payer = chart.clearing(asked.provider, unit)
    owed = chart.receivable(account.id, unit)
    takers = (owed, chart.overrun(account.id, unit), chart.wallet(account.id, unit))
    leg = Fill(payer, takers, asked.amount_minor)
    moved = tx.book.must_post(
        Item(id=asked.id, unit=unit, kind=PAYMENT, legs=(leg,), ref=account.id)
    )
    settled = sum(move.amount_minor for move in moved if move.credit == owed)
    if settled:
        _settle(tx, account.id, settled)
        follow_receivable(tx, account.id, unit)
        standing.review(tx, account.id)
    card_list.refresh_floor(tx, account.id)
    tx.touch("account", account.id)
    return record(tx, _payment(tx, asked, unit))


def open_receivables(
    connection: Connection, *, after: tuple[int, str] | None, limit: int
) -> list[Receivable]:
    """What is open of all accounts, oldest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        after: `ends_ms` and account of the row that the page follows.
        limit: Page size.
    """
    ends_ms, account = after or (-(2**62), "")
    asked = _rules(connection) | {"ends_ms": ends_ms, "after": account, "limit": limit + 1}
    return [Receivable(**row) for row in connection.execute(_ALL, asked).mappings()]


def receivables_of(connection: Connection, account: str) -> list[Receivable]:
    """What is open of one account, oldest first, at most `LISTED_MAX`."""
    asked = _rules(connection) | {"account": account, "limit": LISTED_MAX}
    return [Receivable(**row) for row in connection.execute(_OF_ONE, asked).mappings()]


def _rules(connection: Connection) -> dict[str, int | str]:
    return {"days": read_billing_rules(connection).discontinue_days, "day_ms": DAY_MS}


def _settle(tx: Tx, account: str, minor: int) -> None:
    """Note on periods, oldest first, what was paid of them."""
    query = (
        select(periods)
        .where((periods.c.account == account) & periods.c.paid_ms.is_(None))
        .order_by(periods.c.ends_ms)
        .with_for_update()
    )
    for row in tx.connection.execute(query).all():
        part = min(minor, row.due_minor - row.paid_minor)
        paid = row.paid_minor + part
        mine = (periods.c.account == account) & (periods.c.ends_ms == row.ends_ms)
        tx.connection.execute(
            update(periods)
            .where(mine)
            .values(paid_minor=paid, paid_ms=tx.now_ms if paid == row.due_minor else None)
        )
        minor -= part
        if minor == 0:
            return


def _check_source(asked: ReceivablePayment) -> None:
    if bool(asked.till) == bool(asked.provider):
        raise InputError("money comes from a till or through a provider: name one of the two")
    if asked.till:
        check_till(asked.till)
    elif not is_name(asked.provider) or asked.provider in OWN_CLEARING:
        raise InputError("a provider's name is lower case letters, digits and _ . -, at most 64")


def _payment(tx: Tx, asked: ReceivablePayment, unit: str) -> Payment:
    return Payment(
        id=asked.id,
        kind=Kind.RECEIVABLE_PAID,
        account=asked.account,
        unit=unit,
        amount_minor=asked.amount_minor,
        till=asked.till,
        provider=asked.provider,
        by=asked.by,
        at_ms=tx.now_ms,
    )


def _asked(payment: Payment) -> ReceivablePayment:
    return ReceivablePayment(
        id=payment.id,
        account=payment.account,
        amount_minor=payment.amount_minor,
        till=payment.till,
        provider=payment.provider,
        by=payment.by,
    )

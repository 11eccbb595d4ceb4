"""Charges that staff or other programs make once: rental, damage, a lost card's fee."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from hub.billing.plans import check_revenue, check_tax
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.records import check_amount, check_id, check_reason, conflict
from hub.people import card_list
from hub.people.accounts import require_spending
from hub.store.tables.billing import charges
from wire.money import tax_within

CHARGE_MINOR_MAX = 10**8
"""A million euros: no machine that is shared costs more, and a slip of the finger does."""
KIND = "fee"
"""Kind of the item by which a charge is booked; `refund_item` gives it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge.

    Attributes:
        id: Made and stored by who asks; the id of its item in the book too.
        account: Who pays, from the wallet within its credit.
        what: Revenue account that gets it: `rental`, `damage`, `lost-card`.
        text: What people read.
        amount_minor: How much, tax included, > 0.
        tax_rate_ppm: Tax within it, parts per million.
        by: Id of the API key.
        unit: Unit of the account; empty while it is asked for.
        tax_minor: Tax within; 0 while it is asked for.
        at_ms: When it was booked; 0 while it is asked for.
    """

    id: str
    account: str
    what: str
    text: str
    amount_minor: int
    tax_rate_ppm: int = 0
    by: str
    unit: str = ""
    tax_minor: int = 0
    at_ms: int = 0


def charge(tx: Tx, asked: Charge) -> Charge:
    """Book a charge. The same again: the charge as it was booked.

    Raises:
        InputError: The amount, the tax, the text, the revenue account or the id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed, blocked or
            discontinued.
        RefusedError: The wallet can't give it.
    """
    check_id(asked.id)
    check_revenue(asked.what)
    check_reason(asked.text)
    check_amount(asked.amount_minor, 1, CHARGE_MINOR_MAX)
    check_tax(asked.tax_rate_ppm)
    before = _find(tx.connection, asked.id)
    if before is not None:
        if replace(before, unit="", tax_minor=0, at_ms=0) != asked:
            raise conflict(asked.id)
        return before
    unit = require_spending(tx.connection, asked.account).unit
    tax = tax_within(asked.amount_minor, asked.tax_rate_ppm)
    booked = replace(asked, unit=unit, tax_minor=tax, at_ms=tx.now_ms)
    wallet = chart.wallet(asked.account, unit)
    takers = (
        (chart.revenue(asked.what, unit), asked.amount_minor - tax),
        (chart.tax(asked.tax_rate_ppm, unit), tax),
    )
    legs = tuple(Move(wallet, taker, minor) for taker, minor in takers if minor)
    item = Item(id=asked.id, unit=unit, kind=KIND, legs=legs, ref=asked.account, reason=asked.text)
    tx.book.must_post(item)
    _keep(tx, booked)
    card_list.refresh_floor(tx, asked.account)
    tx.touch("account", asked.account)
    return booked


def list_charges(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Charge]:
    """Charges of an account, newest first, one more than `limit` if there are more."""
    query = (
        select(charges)
        .where(charges.c.account == account)
        .order_by(charges.c.at_ms.desc(), charges.c.id.desc())
    )
    if after is not None:
        query = query.where(tuple_(charges.c.at_ms, charges.c.id) < after)
    return [_charge(row) for row in connection.execute(query.limit(limit + 1))]


def _keep(tx: Tx, booked: Charge) -> None:
    values = {column.name: getattr(booked, column.name) for column in charges.columns}
    tx.connection.execute(insert(charges).values(**values))


def _find(connection: Connection, charge_id: str) -> Charge | None:
    row = connection.execute(select(charges).where(charges.c.id == charge_id)).first()
    return None if row is None else _charge(row)


def _charge(row: Row[Any]) -> Charge:
    return Charge(**row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping

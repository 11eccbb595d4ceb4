"""Payments by staff as they were asked for; the book knows what moved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from hub.errors import ConflictError, InputError
from hub.ledger.writer import Tx
from hub.store.tables.web import payments
from wire.errors import Code
from wire.ids import is_name

ID_LENGTH_MAX = 64
REASON_LENGTH_MAX = 200
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Kind(StrEnum):
    """What a payment is."""

    TOP_UP = "top_up"
    DEPOSIT_TAKEN = "deposit_taken"
    DEPOSIT_RETURNED = "deposit_returned"
    DEPOSIT_KEPT = "deposit_kept"
    VOUCHER = "voucher"
    REFUND = "refund"
    PAYOUT = "payout"
    TRANSFER = "transfer"
    ADJUSTMENT = "adjustment"
    RECEIVABLE_PAID = "receivable_paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment.

    Attributes:
        id: Made by who asked; the id of the movement in the book too.
        kind: What it is.
        account: Whose.
        unit: Unit of the money.
        amount_minor: How much, > 0.
        till: Which till took or gave cash; empty: none did.
        session: The session that is refunded; empty: none.
        reason: Words of who asked.
        by: Id of the API key, or `cli`.
        at_ms: When it was booked.
        provider: Payment provider that the money came through; empty: a till or none.
        site: Where; empty: nowhere in particular.
        fee_minor: Kept of the amount as a fee.
        bonus_minor: Given on top.
        campaign: By which campaign; empty: none.
        about: What was named: `card:…`, `for:…`, `deposit:…`, `batch:…`; empty: nothing.
    """

    id: str
    kind: Kind
    account: str
    unit: str
    amount_minor: int
    till: str = ""
    session: str = ""
    reason: str = ""
    by: str
    at_ms: int
    provider: str = ""
    site: str = ""
    fee_minor: int = 0
    bonus_minor: int = 0
    campaign: str = ""
    about: str = ""


def find_payment(connection: Connection, payment_id: str) -> Payment | None:
    """Read a payment, or None."""
    row = connection.execute(select(payments).where(payments.c.id == payment_id)).first()
    return None if row is None else _payment(row)


def list_payments(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Payment]:
    """An account's payments, newest first, one more than `limit` if there are more."""
    query = (
        select(payments)
        .where(payments.c.account == account)
        .order_by(payments.c.at_ms.desc(), payments.c.id.desc())
    )
    if after is not None:
        query = query.where(tuple_(payments.c.at_ms, payments.c.id) < after)
    return [_payment(row) for row in connection.execute(query.limit(limit + 1))]


def record(tx: Tx, payment: Payment) -> Payment:
    """Store a payment that was booked in this transaction."""
    tx.connection.execute(
        insert(payments).values(
            id=payment.id,
            kind=payment.kind.value,
            account=payment.account,
            unit=payment.unit,
            amount_minor=payment.amount_minor,
            till=payment.till,
            session=payment.session,
            reason=payment.reason,
            by=payment.by,
            at_ms=payment.at_ms,
            provider=payment.provider,
            site=payment.site,
            fee_minor=payment.fee_minor,
            bonus_minor=payment.bonus_minor,
            campaign=payment.campaign,
            about=payment.about,
        )
    )
    return payment


def conflict(payment_id: str) -> ConflictError:
    """What is raised when an id was used for another movement."""
    return ConflictError(
        f"{payment_id} was used for another movement already: nothing changed. "
        "Make a new id for a new movement.",
        Code.ID_CONFLICT,
    )


def check_id(payment_id: str) -> None:
    """Check that an id can be one.

    Raises:
        InputError: It can't.
    """
    if _ID.fullmatch(payment_id) is None:
        raise InputError(f"an id is 1 to {ID_LENGTH_MAX} letters, digits and _ . : -")


def check_till(till: str) -> None:
    """Check that a till's name can be one.

    Raises:
        InputError: It can't.
    """
    if not is_name(till):
        raise InputError("a till's name is lower case letters, digits and _ . -, at most 64")


def check_reason(reason: str) -> None:
    """Check the words of a person.

    Raises:
        InputError: There are none, or too many.
    """
    if not 1 <= len(reason.strip()) <= REASON_LENGTH_MAX or not reason.isprintable():
        raise InputError(f"give a reason of 1 to {REASON_LENGTH_MAX} printable characters")


def check_amount(amount_minor: int, least: int, most: int) -> None:
    """Check an amount against the least and most of its kind of payment.

    Raises:
        InputError: It is out of range.
    """
    if not least <= amount_minor <= most:
        raise InputError(
            f"{amount_minor} is out of range: {least} to {most} minor units at a time",
            Code.AMOUNT_INVALID,
        )


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=row.id,
        kind=Kind(row.kind),
        account=row.account,
        unit=row.unit,
        amount_minor=row.amount_minor,
        till=row.till,
        session=row.session,
        reason=row.reason,
        by=row.by,
        at_ms=row.at_ms,
        provider=row.provider,
        site=row.site,
        fee_minor=row.fee_minor,
        bonus_minor=row.bonus_minor,
        campaign=row.campaign,
        about=row.about,
    )

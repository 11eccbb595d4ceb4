"""Refunds of sessions: fully or in part, at most once in total, linked to the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from hub.charging import tariffs
from hub.errors import ConflictError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item
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
from hub.people import card_list
from hub.store.tables.charging import sessions
from hub.store.tables.ledger import items
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX, div_half_up

SESSION_ITEM = "session"
"""Kind of the item by which ingest books a session's charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        session: Which session.
        amount_minor: How much; None: what is left of its charge.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    session: str
    amount_minor: int | None
    reason: str
    by: str


def refund_session(tx: Tx, asked: Refund) -> Payment:
    """Give back a session's charge. The same again: the payment as it was booked.

    The money settles the account's overrun first and goes to its wallet then. Tax is
    given back in proportion; over all parts exactly the tax of the session.

    Raises:
        InputError: The amount, the reason or the id can't be one.
        NotFoundError: No such session.
        ConflictError: The id was used otherwise, the session runs, or it was refunded.
        RefusedError: More is asked than is left of its charge.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if before.kind is not Kind.REFUND or not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    session = _session(tx.connection, asked.session)
    amount = _amount(session, asked)
    tx.book.must_post(_item(tx.connection, session, asked, amount))
    refunded = session.refunded_minor + amount
    tx.connection.execute(
        update(sessions)
        .where(sessions.c.id == asked.session)
        .values(
            refunded_minor=refunded,
            state="refunded" if refunded == session.charge_minor else session.state,
        )
    )
    card_list.refresh_floor(tx, session.account)
    tx.touch("account", session.account)
    tx.touch("session", asked.session)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=Kind.REFUND,
            account=session.account,
            unit=session.unit,
            amount_minor=amount,
            session=asked.session,
            reason=asked.reason,
            by=asked.by,
            at_ms=tx.now_ms,
        ),
    )


def tax_part(tax_minor: int, charge_minor: int, refunded_minor: int, amount_minor: int) -> int:
    """Tax within a part of a charge: parts of one charge sum to its tax exactly.

    Args:
        tax_minor: Tax within the whole charge.
        charge_minor: The whole charge, > 0.
        refunded_minor: What was given back before.
        amount_minor: The part, 1 to what is left.
    """
    upto = div_half_up(tax_minor * (refunded_minor + amount_minor), charge_minor)
    return upto - div_half_up(tax_minor * refunded_minor, charge_minor)


def _item(connection: Connection, session: Row[Any], asked: Refund, amount: int) -> Item:
    unit = session.unit
    owed = (chart.overrun(session.account, unit), chart.wallet(session.account, unit))
    tax = tax_part(session.tax_minor, session.charge_minor, session.refunded_minor, amount)
    tariff = tariffs.find_version(connection, session.tariff, session.tariff_version)
    rate_ppm = 0 if tariff is None else tariff.tax_rate_ppm
    parts = (
        (chart.revenue(session.machine, unit), amount - tax),
        (chart.tax(rate_ppm, unit), tax),
    )
    return Item(
        id=asked.id,
        unit=unit,
        kind=Kind.REFUND.value,
        legs=tuple(Fill(giver, owed, part) for giver, part in parts if part),
        ref=asked.session,
        reason=asked.reason,
        reverses=_booked_as(connection, asked.session),
    )


def _booked_as(connection: Connection, session: str) -> str | None:
    """Id of the item by which the session's charge was booked."""
    query = select(items.c.id).where(and_(items.c.ref == session, items.c.kind == SESSION_ITEM))
    return connection.execute(query).scalar()


def _session(connection: Connection, session: str) -> Row[Any]:
    row = connection.execute(select(sessions).where(sessions.c.id == session)).first()
    if row is None:
        raise NotFoundError(f"there is no session {session}")
    if row.state == "running":
        raise ConflictError(f"{session} is running: stop it, and refund when it has ended")
    return row


def _amount(session: Row[Any], asked: Refund) -> int:
    left = int(session.charge_minor - session.refunded_minor)
    if left == 0:
        why = "was refunded already" if session.charge_minor else "cost nothing"
        raise ConflictError(f"{asked.session} {why}", Code.ALREADY_REFUNDED)
    if asked.amount_minor is None:
        return left
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    if asked.amount_minor > left:
        raise RefusedError(
            f"{left} minor units are left of the charge of {asked.session}, "
            f"not {asked.amount_minor}",
            Code.REFUND_TOO_LARGE,
        )
    return asked.amount_minor


def _is_same(payment: Payment, asked: Refund) -> bool:
    amount = payment.amount_minor if asked.amount_minor is None else asked.amount_minor
    return (payment.session, payment.amount_minor, payment.reason, payment.by) == (
        asked.session,
        amount,
        asked.reason,
        asked.by,
    )

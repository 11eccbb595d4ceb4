"""Refunds: a charge given back, whole or in part, at most once in total.

The money goes to the buckets that paid, those that paid last first. What the wallet or
an overrun paid settles the overrun as it is now, then goes to the wallet, or out of a
till in cash. What a lot paid goes back to that lot; if its time is over, it goes on to
where the rest of the lot went. Tax is given back in exact proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select

from hub.charging import lots
from hub.charging.backing_sql import recompose
from hub.charging.lot_rows import live_lots
from hub.charging.vends import UNDECIDED
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.accounts import kind_of
from hub.ledger.items import Fill, Item, Leg, Move
from hub.ledger.writer import Tx
from hub.payments import refunded, shares
from hub.payments.given_back import REFUND, Charged, check_refundable, lock_item, note_refund
from hub.payments.records import (
    Kind,
    Payment,
    check_amount,
    check_id,
    check_reason,
    check_till,
    conflict,
    find_payment,
    record,
)
from hub.payments.refunded import SESSION_ITEM
from hub.payments.second_person import check_alone
from hub.payments.shares import Parts
from hub.payments.tills import check_cash
from hub.people import card_list
from hub.store.tables.charging import sessions
from hub.store.tables.ledger import items
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX, div_half_up

_ITEM = "item:"
"""How a payment names the item that it gave back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund that staff or a rule ask for.

    Attributes:
        id: Made and stored by who asks.
        session: Which session; empty: `item` says what.
        item: Which item of the book, when it isn't a session's.
        amount_minor: How much; None: what is left of its charge.
        till: Where the paid part is handed out in cash; empty: to the wallet.
        fee_minor: Of the amount, kept as a fee.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    session: str = ""
    item: str = ""
    amount_minor: int | None
    till: str = ""
    fee_minor: int = 0
    reason: str
    by: str


def refund_session(tx: Tx, asked: Refund, *, second: str = "") -> Payment:
    """Give back a session's charge. The same again: the payment as it was booked.

    Args:
        tx: The writer's transaction.
        asked: What is asked; it names a session.
        second: Who else agreed; empty: nobody did.

    Raises:
        InputError: The amount, the reason, the till or the id can't be one.
        NotFoundError: No such session.
        ConflictError: The id was used otherwise, the session runs, or it was refunded.
        RefusedError: More is asked than is left of its charge, it takes a second person,
            or the till is closed.
    """
    before = _before(tx, asked)
    if before is not None:
        return before
    query = select(sessions).where(sessions.c.id == asked.session)
    row = tx.connection.execute(query.with_for_update(key_share=True)).first()
    if row is None:
        raise NotFoundError(f"there is no session {asked.session}")
    if row.state == "running":
        raise ConflictError(f"{asked.session} is running: stop it, and refund when it has ended")
    if row.state == UNDECIDED and asked.amount_minor not in (None, row.charge_minor):
        raise ConflictError(
            f"nobody knows whether {asked.session} gave anything: decide that first",
            Code.STATE_CONFLICT,
        )
    booked = tx.connection.execute(
        select(items.c.id).where(and_(items.c.ref == asked.session, items.c.kind == SESSION_ITEM))
    ).scalar()
    if booked is None:
        raise ConflictError(f"{asked.session} cost nothing", Code.ALREADY_REFUNDED)
    return _refund(tx, asked, lock_item(tx, booked), second)


def refund_item(tx: Tx, asked: Refund, *, second: str = "") -> Payment:
    """Give back a usage's capture, a fee or a purchase, by its item in the book.

    Args:
        tx: The writer's transaction.
        asked: What is asked; it names an item. A session's is refunded as the session.
        second: Who else agreed; empty: nobody did.

    Raises:
        InputError: The amount, the reason, the till or the id can't be one.
        NotFoundError: No such item.
        ConflictError: The id was used otherwise, or the item was given back.
        RefusedError: It isn't a charge, more is asked than is left of it, it takes a
            second person, or the till is closed.
    """
    before = _before(tx, asked)
    if before is not None:
        return before
    return _refund(tx, asked, lock_item(tx, asked.item), second)


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


def _before(tx: Tx, asked: Refund) -> Payment | None:
    """The payment, when the same was booked before."""
    check_id(asked.id)
    check_reason(asked.reason)
    if bool(asked.session) == bool(asked.item):
        raise InputError("a refund is of a session or of an item: name one of the two")
    if asked.till:
        check_till(asked.till)
    before = find_payment(tx.connection, asked.id)
    if before is not None and (before.kind is not Kind.REFUND or not _is_same(before, asked)):
        raise conflict(asked.id)
    return before


def _refund(tx: Tx, asked: Refund, charged: Charged, second: str) -> Payment:
    check_refundable(charged)
    amount = _amount(charged, asked)
    check_alone(tx.connection, charged.unit, "refund", amount, second)
    buckets = shares.give_backs(charged.paid, charged.refunded_minor, amount - asked.fee_minor)
    lot_codes = [code for code, _ in buckets if kind_of(code) == "bonus"]
    if lot_codes:
        live_lots(tx, (charged.account,))  # whoever else moves them waits
    legs = _legs(asked, charged, _receivers(tx, asked, charged, buckets, amount))
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=charged.unit,
            kind=REFUND,
            legs=legs,
            ref=charged.ref,
            reason=asked.reason,
            reverses=charged.item,
        )
    )
    note_refund(tx, charged, amount)
    refunded.note(tx, charged, amount)
    if lot_codes:
        lots.returned(tx, lot_codes)
        recompose(tx, charged.account, f"hold:{asked.id}")
    card_list.refresh_floor(tx, charged.account)
    tx.touch("account", charged.account)
    return record(tx, _payment(tx, asked, charged, amount))


def _receivers(tx: Tx, asked: Refund, charged: Charged, buckets: Parts, amount_minor: int) -> Parts:
    """Who gets a refund: with a till, what was paid goes out in cash as far as it may."""
    fee = amount_minor - shares.total(buckets)
    kept = ((chart.house("fees", charged.unit), fee),) if fee else ()
    if not asked.till:
        return (*buckets, *kept)
    check_cash(tx, asked.till, charged.unit)
    account, unit = charged.account, charged.unit
    lots_part = tuple(part for part in buckets if kind_of(part[0]) == "bonus")
    paid = shares.total(buckets) - shares.total(lots_part)
    # What is owed comes first: an overrun, then credit that was used, billed or not yet.
    overrun, wallet = chart.overrun(account, unit), chart.wallet(account, unit)
    settled = min(paid, -tx.book.balance(overrun))
    credit = tx.book.balance(wallet) + tx.book.balance(chart.receivable(account, unit))
    covered = min(paid - settled, max(0, -credit))
    handed = paid - settled - covered
    if handed == 0:
        raise RefusedError(
            f"nothing of it can be handed out: {shares.total(lots_part)} was given money, "
            f"{paid} settles what {account} owes. Refund it without a till. Nothing changed.",
            Code.NOT_PAYABLE,
        )
    parts = ((overrun, settled), (wallet, covered), (chart.cash(asked.till, unit), handed))
    return (*(part for part in parts if part[1]), *lots_part, *kept)


def _legs(asked: Refund, charged: Charged, receivers: Parts) -> tuple[Leg, ...]:
    givers = shares.take_backs(charged.taken, charged.refunded_minor, shares.total(receivers))
    legs: list[Leg] = []
    for giver, receiver, minor in shares.pair(givers, receivers):
        whose = receiver.partition("/")[2]
        if giver == receiver:
            continue  # a fee of what was a fee stays where it is
        if asked.till or kind_of(receiver) not in ("wallet", "overrun"):
            legs.append(Move(giver, receiver, minor))
        else:
            codes = (chart.overrun(whose, charged.unit), chart.wallet(whose, charged.unit))
            legs.append(Fill(giver, codes, minor))
    return tuple(legs)


def _amount(charged: Charged, asked: Refund) -> int:
    left = charged.left_minor
    amount = left if asked.amount_minor is None else asked.amount_minor
    check_amount(amount, 1, AMOUNT_MINOR_MAX)
    if amount > left:
        raise RefusedError(
            f"{left} minor units are left of the charge of {charged.ref or charged.item}, "
            f"not {amount}",
            Code.REFUND_TOO_LARGE,
        )
    if not 0 <= asked.fee_minor < amount:
        raise InputError(f"a fee of {asked.fee_minor} leaves nothing of {amount} to give back")
    return amount


def _payment(tx: Tx, asked: Refund, charged: Charged, amount: int) -> Payment:
    return Payment(
        id=asked.id,
        kind=Kind.REFUND,
        account=charged.account,
        unit=charged.unit,
        amount_minor=amount,
        till=asked.till,
        session=charged.ref if charged.kind == SESSION_ITEM else "",
        reason=asked.reason,
        by=asked.by,
        at_ms=tx.now_ms,
        fee_minor=asked.fee_minor,
        about=f"{_ITEM}{charged.item}",
    )


def _is_same(payment: Payment, asked: Refund) -> bool:
    amount = payment.amount_minor if asked.amount_minor is None else asked.amount_minor
    named = (
        payment.session == asked.session
        if asked.session
        else (payment.about == f"{_ITEM}{asked.item}")
    )
    return named and (
        payment.amount_minor,
        payment.reason,
        payment.by,
        payment.till,
        payment.fee_minor,
    ) == (amount, asked.reason, asked.by, asked.till, asked.fee_minor)

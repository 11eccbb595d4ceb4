"""Corrections: an item of the book is taken back whole by its exact opposite, once.

The original stays as it was. Movements that something else is kept about (a session, a
right, a deposit, a payout …) are taken back by its own way, so that both stay in step;
`OWN_WAYS` says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from hub.charging.lot_rows import live_lots
from hub.charging.lots import expire_early
from hub.errors import ConflictError, NotFoundError, RefusedError
from hub.ledger.accounts import kind_of
from hub.ledger.corrections import CORRECTION, opposite
from hub.ledger.items import Transfer
from hub.ledger.writer import Tx
from hub.payments.given_back import REFUND, Charged, lock_item, note_correction
from hub.payments.records import check_id, check_reason, conflict
from hub.payments.second_person import check_alone
from hub.payments.tills import check_cash
from hub.people import card_list
from hub.store.tables.ledger import items
from hub.store.tables.money_out import corrections as table
from wire.errors import Code

BONUS = ":bonus"
"""What the id of a top-up's bonus ends in."""
OWN_WAYS: dict[str, str] = {
    CORRECTION: "a correction isn't corrected: book what is right as a movement of its own",
    REFUND: "a refund isn't corrected: book an adjustment",
    "session": "a session is given back by a refund",
    "purchase": "what was captured is given back by a refund",
    "fee": "a fee is given back by a refund",
    "subscription": "what a plan charged is given back by a refund",
    "expire": "a lot that ended is given anew",
    "gift": "a gift is ended by expiring its lot",
    "grant": "rights come back when a controller releases them, or are forfeited",
    "forfeit": "what was forfeited is booked again when its controller reports",
    "release": "a fact of a controller stands",
    "cash": "a fact of a controller stands: book an adjustment",
    "hold": "what stands behind rights is kept by the hub itself",
    "deposit_taken": "a deposit is returned or kept",
    "deposit_returned": "a deposit is taken anew",
    "deposit_kept": "a deposit that was kept is paid back by an adjustment",
    "till_cash": "cash of a till is moved back by another movement of it",
    "voucher_sold": "vouchers that were sold are voided",
    "voucher": "a voucher that was redeemed stays used: book an adjustment",
    "payout": "a payout is cancelled, or fails",
    "payout_sent": "a payout that was sent fails, or is done",
    "payout_back": "a payout that came back is asked for again",
}
"""Kinds of items that aren't corrected, and what is done instead."""
KEPT_ELSEWHERE: dict[str, str] = {
    "escrow": "it moved what is held: release, forfeit or refund that",
    "deposit": "it moved a deposit: return or keep that",
    "payout": "it moved a payout: cancel that, or let it fail",
    "receivable": "it moved what an account is billed: book a payment or a credit there",
}
"""Kinds of ledger accounts whose items something else keeps in step with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A correction that staff ask for.

    Attributes:
        id: Made and stored by who asks.
        item: What is taken back.
        reason: Why, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    item: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A correction that was booked.

    Attributes:
        id: Made by who asked; the movement's id too.
        item: What was taken back.
        kind: Kind of that item.
        unit: Unit of the money.
        amount_minor: Sum of all that it had moved.
        account: Whose money moved; empty: no account's.
        reason: Words of who asked.
        by: Id of the API key, or `cli`.
        second: Who else agreed; empty: nobody had to.
        at_ms: When.
    """

    id: str
    item: str
    kind: str
    unit: str
    amount_minor: int
    account: str
    reason: str
    by: str
    second: str
    at_ms: int


def correct(tx: Tx, asked: Ask, *, second: str = "") -> Correction:
    """Take an item back whole. The same again: the correction as it was booked.

    The bonus that a top-up brought is taken back with it.

    Args:
        tx: The writer's transaction.
        asked: What is asked.
        second: Who else agreed; empty: nobody did.

    Raises:
        InputError: The reason or the id can't be one.
        NotFoundError: No such item.
        ConflictError: The id was used otherwise, or the item was taken back before,
            whole or in part.
        RefusedError: It is taken back in another way, who got the money hasn't it any
            more, it takes a second person, or a till is closed.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    before = tx.connection.execute(select(table).where(table.c.id == asked.id)).first()
    if before is not None:
        found = _correction(before)
        if (found.item, found.reason, found.by) != (asked.item, asked.reason, asked.by):
            raise conflict(asked.id)
        return found
    charged = lock_item(tx, asked.item)
    _check(tx, charged)
    bonus = _bonus_of(tx, charged)
    amount = sum(transfer.amount_minor for transfer in charged.transfers)
    check_alone(tx.connection, charged.unit, "correction", amount, second)
    done = Correction(
        id=asked.id,
        item=asked.item,
        kind=charged.kind,
        unit=charged.unit,
        amount_minor=amount,
        account=_accounts_of(charged.transfers)[0] if _accounts_of(charged.transfers) else "",
        reason=asked.reason,
        by=asked.by,
        second=second,
        at_ms=tx.now_ms,
    )
    _take_back(tx, charged, done)
    if bonus is not None:
        _take_back(tx, bonus, _with_bonus(done, bonus))
        expire_early(tx, bonus.item)  # nothing is left of it
    for account in _accounts_of(charged.transfers):
        card_list.refresh_floor(tx, account)
        tx.touch("account", account)
    return done


def check_correctable(tx: Tx, item_id: str) -> Charged:
    """Check that an item can be corrected, as far as can be told before it is tried.

    Raises:
        NotFoundError: No such item.
        ConflictError: It was taken back before, whole or in part.
        RefusedError: It is taken back in another way.
    """
    charged = lock_item(tx, item_id)
    _check(tx, charged)
    return charged


def get_correction(connection: Connection, correction: str) -> Correction:
    """Read a correction.

    Raises:
        NotFoundError: No such correction.
    """
    row = connection.execute(select(table).where(table.c.id == correction)).first()
    if row is None:
        raise NotFoundError(f"there is no correction {correction}")
    return _correction(row)


def list_corrections(
    connection: Connection, *, after: tuple[int, str] | None, limit: int
) -> list[Correction]:
    """Corrections, newest first, one more than `limit` if there are more."""
    query = select(table).order_by(table.c.at_ms.desc(), table.c.id.desc())
    if after is not None:
        query = query.where(tuple_(table.c.at_ms, table.c.id) < after)
    return [_correction(row) for row in connection.execute(query.limit(limit + 1))]


def _check(tx: Tx, charged: Charged) -> None:
    if charged.corrected_by or charged.refunded_minor:
        how = f"by {charged.corrected_by}" if charged.corrected_by else "by refunds"
        raise ConflictError(
            f"{charged.item} was taken back {how} before. Nothing changed.",
            Code.ALREADY_REFUNDED,
        )
    moved = {kind_of(code) for t in charged.transfers for code in (t.debit, t.credit)}
    words = OWN_WAYS.get(charged.kind) or next(
        (words for kind, words in KEPT_ELSEWHERE.items() if kind in moved), None
    )
    if words is not None:
        raise RefusedError(f"{charged.item}: {words}. Nothing changed.", Code.NOT_PAYABLE)
    for transfer in charged.transfers:
        for code in (transfer.debit, transfer.credit):
            if kind_of(code) == "cash":
                check_cash(tx, code.partition("/")[2], charged.unit)


def _bonus_of(tx: Tx, charged: Charged) -> Charged | None:
    """The bonus that came with a top-up and isn't taken back yet."""
    bonus_id = f"{charged.item}{BONUS}"
    known = select(items.c.id).where(items.c.id == bonus_id, items.c.kind == "gift")
    if charged.kind != "top_up" or tx.connection.execute(known).first() is None:
        return None
    live_lots(tx, _accounts_of(charged.transfers))  # whoever else moves them waits
    bonus = lock_item(tx, bonus_id)
    return None if bonus.corrected_by else bonus


def _take_back(tx: Tx, charged: Charged, done: Correction) -> None:
    item = opposite(tx.connection, charged.item, done.id, done.reason)
    try:
        tx.book.must_post(item)
    except RefusedError as error:
        raise RefusedError(
            f"{charged.item} can't be taken back: {error}. Who got the money has spent it, or "
            "it is held; wait for it, or book an adjustment. Nothing changed.",
            error.code,
        ) from None
    note_correction(tx, charged, done.id)
    tx.connection.execute(
        insert(table).values(
            id=done.id,
            item=done.item,
            kind=done.kind,
            unit=done.unit,
            amount_minor=done.amount_minor,
            account=done.account,
            reason=done.reason,
            by=done.by,
            second=done.second,
            at_ms=done.at_ms,
        )
    )


def _with_bonus(done: Correction, bonus: Charged) -> Correction:
    return Correction(
        id=f"{done.id}{BONUS}",
        item=bonus.item,
        kind=bonus.kind,
        unit=done.unit,
        amount_minor=sum(transfer.amount_minor for transfer in bonus.transfers),
        account=done.account,
        reason=done.reason,
        by=done.by,
        second=done.second,
        at_ms=done.at_ms,
    )


def _accounts_of(transfers: tuple[Transfer, ...]) -> list[str]:
    """People's accounts whose wallets or overruns moved, each once."""
    codes = [code for transfer in transfers for code in (transfer.debit, transfer.credit)]
    found = [c.partition("/")[2] for c in codes if kind_of(c) in ("wallet", "overrun")]
    return list(dict.fromkeys(found))


def _correction(row: Row[Any]) -> Correction:
    return Correction(**row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping

"""Redeeming vouchers: a code becomes money in a wallet, or a gift, exactly once.

A code that isn't known costs the same work as one that is. Guessing is hopeless by the
number of codes; the edge limits attempts besides.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import update

from hub.charging.lots import Gift, give
from hub.errors import RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item
from hub.ledger.writer import Tx
from hub.payments.planning import check_balance
from hub.payments.pots import lots_in, pots_in
from hub.payments.records import Kind, Payment, check_id, conflict, find_payment, record
from hub.payments.rules import read_top_up_rules
from hub.payments.voucher_batches import PROVIDER
from hub.payments.voucher_codes import hash_code
from hub.payments.voucher_rows import (
    Batch,
    Funding,
    Voucher,
    VoucherState,
    get_batch,
    lock_by_hash,
)
from hub.people import card_list
from hub.people.accounts import Account, require_open
from hub.store.tables.money_in import vouchers
from wire.errors import Code

DAY_MS = 86_400_000
SOURCE = "voucher"
"""Source of a gift by voucher."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Redemption:
    """A code that someone redeems.

    Attributes:
        id: Made and stored by who asks.
        account: Who gets the money.
        code: As printed or typed.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    code: str
    by: str


def redeem(tx: Tx, asked: Redemption, secret: bytes) -> Payment:
    """Redeem a voucher. The same again: the payment as it was booked.

    Args:
        tx: The writer's transaction.
        asked: What is redeemed, and for whom.
        secret: Key of the stored hashes.

    Raises:
        InputError: The id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed.
        RefusedError: The code is unknown or void, used, expired, or of another unit; or
            the account would have more than it may.
    """
    check_id(asked.id)
    voucher = lock_by_hash(tx, hash_code(secret, asked.code))
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if not _is_same(before, asked, voucher):
            raise conflict(asked.id)
        return before
    account = require_open(tx.connection, asked.account)
    voucher, batch = _usable(tx, account, voucher)
    _check_balance(tx, account, batch.amount_minor)
    if batch.funding is Funding.SOLD:
        _pay(tx, asked, account, batch)
    else:
        _give(tx, asked, batch)
    tx.connection.execute(
        update(vouchers)
        .where(vouchers.c.batch == batch.id, vouchers.c.serial == voucher.serial)
        .values(
            state=VoucherState.USED.value,
            account=account.id,
            payment=asked.id,
            ended_ms=tx.now_ms,
        )
    )
    card_list.refresh_floor(tx, account.id)
    tx.touch("account", account.id)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=Kind.VOUCHER,
            account=account.id,
            unit=batch.unit,
            amount_minor=batch.amount_minor,
            by=asked.by,
            at_ms=tx.now_ms,
            about=f"voucher:{batch.id}/{voucher.serial}",
        ),
    )


def _usable(tx: Tx, account: Account, voucher: Voucher | None) -> tuple[Voucher, Batch]:
    """The voucher and its batch, when it may be redeemed for this account now."""
    if voucher is None or voucher.state is VoucherState.VOID:
        raise RefusedError(
            "no voucher has this code: it is mistyped, or was withdrawn. Nothing changed.",
            Code.CODE_INVALID,
        )
    if voucher.state is VoucherState.USED:
        raise RefusedError(
            "this voucher was redeemed already: each works once. Nothing changed.",
            Code.CODE_USED,
        )
    batch = get_batch(tx.connection, voucher.batch)
    if voucher.state is VoucherState.EXPIRED or batch.is_over(tx.now_ms):
        raise RefusedError(
            "this voucher has expired: ask whoever issued it for another. Nothing changed.",
            Code.CODE_EXPIRED,
        )
    if batch.unit != account.unit:
        raise RefusedError(
            f"this voucher is worth {batch.unit}, {account.id} has {account.unit}: redeem it "
            f"for an account in {batch.unit}. Nothing changed.",
            Code.UNIT_MISMATCH,
        )
    return voucher, batch


def _check_balance(tx: Tx, account: Account, minor: int) -> None:
    rules = read_top_up_rules(tx.connection, account.unit)
    if rules.balance_minor_max is not None:
        lots = lots_in(tx, account.id)
        check_balance(rules, pots_in(tx, account.id, account.unit, lots), minor)


def _pay(tx: Tx, asked: Redemption, account: Account, batch: Batch) -> None:
    codes = (chart.overrun(account.id, batch.unit), chart.wallet(account.id, batch.unit))
    leg = Fill(chart.clearing(PROVIDER, batch.unit), codes, batch.amount_minor)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=batch.unit,
            kind=Kind.VOUCHER.value,
            legs=(leg,),
            ref=account.id,
            reason=batch.name,
        )
    )


def _give(tx: Tx, asked: Redemption, batch: Batch) -> None:
    days = batch.gift_days
    gift = Gift(
        id=asked.id,
        account=asked.account,
        amount_minor=batch.amount_minor,
        giver=chart.house("promo", batch.unit),
        kinds=batch.kinds,
        expires_ms=None if days is None else tx.now_ms + days * DAY_MS,
        source=SOURCE,
        reason=batch.name,
        by=asked.by,
    )
    give(tx, gift)


def _is_same(before: Payment, asked: Redemption, voucher: Voucher | None) -> bool:
    return (
        before.kind is Kind.VOUCHER
        and (before.account, before.by) == (asked.account, asked.by)
        and voucher is not None
        and voucher.payment == before.id
    )

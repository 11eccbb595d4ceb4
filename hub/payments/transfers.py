"""Transfers between two accounts of one unit: paid money, within the operator's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, tuple_, union_all

from hub.errors import InputError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item
from hub.ledger.writer import Tx
from hub.payments.payable import check_payable
from hub.payments.records import (
    REASON_LENGTH_MAX,
    Kind,
    Payment,
    check_amount,
    check_id,
    conflict,
    find_payment,
    record,
)
from hub.payments.transfer_rules import GroupPair, TransferRules, read_transfer_rules
from hub.people import card_list
from hub.people.accounts import Account, require_prepaying, require_spending
from hub.store.tables.money_out import account_transfers as table
from hub.store.tables.people import accounts
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

DAY_MS = 86_400_000
TRANSFER_ITEM = "transfer"
"""Kind of the item by which it is booked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A transfer that is asked for.

    Attributes:
        id: Made and stored by who asks.
        sender: Account that gives.
        receiver: Account that gets.
        amount_minor: How much.
        reason: Words for both; may be empty.
        by: Id of the API key, or `cli`.
    """

    id: str
    sender: str
    receiver: str
    amount_minor: int
    reason: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A transfer that was booked.

    Attributes:
        id: Made by who asked; the movement's id too.
        sender: Account that gave.
        receiver: Account that got.
        unit: Unit of the money.
        amount_minor: How much.
        reason: Words for both.
        by: Id of the API key, or `cli`.
        at_ms: When.
    """

    id: str
    sender: str
    receiver: str
    unit: str
    amount_minor: int
    reason: str
    by: str
    at_ms: int


def transfer(tx: Tx, asked: Ask) -> Passed:
    """Move money from one account to another. The same again: as it was booked.

    What the receiver owes beyond its rights is settled first.

    Raises:
        InputError: The amount, the words or the id can't be one, or both are one account.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or an account isn't open.
        RefusedError: A limit or rule forbids it, so much isn't payable, or the accounts
            have different units.
    """
    check_id(asked.id)
    _check(asked)
    before = tx.connection.execute(select(table).where(table.c.id == asked.id)).first()
    if before is not None:
        found = _passed(before)
        if not _is_same(found, asked):
            raise conflict(asked.id)
        return found
    if find_payment(tx.connection, asked.id) is not None:
        raise conflict(asked.id)
    _lock_accounts(tx, asked)
    sender = require_spending(tx.connection, asked.sender)
    receiver = _receiver(tx, asked.receiver)
    if sender.unit != receiver.unit:
        raise RefusedError(
            f"{sender.id} has {sender.unit}, {receiver.id} {receiver.unit}: money never crosses "
            "units. Nothing changed.",
            Code.UNIT_MISMATCH,
        )
    _check_rules(tx, asked, sender, receiver)
    check_payable(tx, sender.id, sender.unit, asked.amount_minor)
    return _book(tx, asked, sender.unit)


def list_transfers(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Passed]:
    """What an account gave and got, newest first, one more than `limit` if there are more."""
    halves = []
    for mine in (table.c.sender == account, table.c.receiver == account):
        # Each half by its own index: a long history costs no more than a short one.
        half = select(table).where(mine).order_by(table.c.at_ms.desc(), table.c.id.desc())
        if after is not None:
            half = half.where(tuple_(table.c.at_ms, table.c.id) < after)
        halves.append(select(half.limit(limit + 1).subquery()))
    both = union_all(*halves).subquery()
    query = select(both).order_by(both.c.at_ms.desc(), both.c.id.desc()).limit(limit + 1)
    return [_passed(row) for row in connection.execute(query)]


def _book(tx: Tx, asked: Ask, unit: str) -> Passed:
    to = (chart.overrun(asked.receiver, unit), chart.wallet(asked.receiver, unit))
    leg = Fill(chart.wallet(asked.sender, unit), to, asked.amount_minor)
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=unit,
            kind=TRANSFER_ITEM,
            legs=(leg,),
            ref=asked.sender,
            reason=asked.reason,
        )
    )
    passed = Passed(
        id=asked.id,
        sender=asked.sender,
        receiver=asked.receiver,
        unit=unit,
        amount_minor=asked.amount_minor,
        reason=asked.reason,
        by=asked.by,
        at_ms=tx.now_ms,
    )
    tx.connection.execute(
        insert(table).values(
            id=passed.id,
            sender=passed.sender,
            receiver=passed.receiver,
            unit=passed.unit,
            amount_minor=passed.amount_minor,
            reason=passed.reason,
            by=passed.by,
            at_ms=passed.at_ms,
        )
    )
    for account in (asked.sender, asked.receiver):
        card_list.refresh_floor(tx, account)
        tx.touch("account", account)
    record(
        tx,
        Payment(
            id=asked.id,
            kind=Kind.TRANSFER,
            account=asked.sender,
            unit=unit,
            amount_minor=asked.amount_minor,
            reason=asked.reason,
            by=asked.by,
            at_ms=tx.now_ms,
            about=f"to:{asked.receiver}",
        ),
    )
    return passed


def _check_rules(tx: Tx, asked: Ask, sender: Account, receiver: Account) -> None:
    rules = read_transfer_rules(tx.connection, sender.unit)
    if not rules.allowed:
        raise RefusedError(
            f"accounts in {sender.unit} give each other no money here. Nothing changed."
        )
    pair = GroupPair(sender=sender.terms.group, receiver=receiver.terms.group)
    if rules.pairs and pair not in rules.pairs:
        raise RefusedError(
            f"accounts of {pair.sender or 'no group'} give none to {pair.receiver or 'no group'} "
            "here. Nothing changed."
        )
    _check_limits(tx, asked, rules)


def _check_limits(tx: Tx, asked: Ask, rules: TransferRules) -> None:
    if not rules.least_minor <= asked.amount_minor <= rules.most_minor:
        raise RefusedError(
            f"a transfer is {rules.least_minor} to {rules.most_minor} minor units at a time, "
            f"not {asked.amount_minor}. Nothing changed."
        )
    recent = (table.c.sender == asked.sender) & (table.c.at_ms > tx.now_ms - DAY_MS)
    query = select(func.coalesce(func.sum(table.c.amount_minor), 0)).where(recent)
    given = int(tx.connection.execute(query).scalar_one())
    if given + asked.amount_minor > rules.day_minor:
        raise RefusedError(
            f"{asked.sender} gave {given} minor units within 24 hours and may give "
            f"{rules.day_minor}: {max(0, rules.day_minor - given)} are left. Nothing changed."
        )


def _lock_accounts(tx: Tx, asked: Ask) -> None:
    """Let one transfer of these accounts follow the other, so that limits hold."""
    both = accounts.c.id.in_(sorted((asked.sender, asked.receiver)))
    query = select(accounts.c.id).where(both).order_by(accounts.c.id)
    tx.connection.execute(query.with_for_update(key_share=True))


def _receiver(tx: Tx, account: str) -> Account:
    require_prepaying(tx.connection, account)
    return require_spending(tx.connection, account)


def _check(asked: Ask) -> None:
    if asked.sender == asked.receiver:
        raise InputError("an account can't give money to itself: name another one")
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    if len(asked.reason) > REASON_LENGTH_MAX or not asked.reason.isprintable():
        raise InputError(f"a reason is at most {REASON_LENGTH_MAX} printable characters")


def _passed(row: Row[Any]) -> Passed:
    return Passed(**row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping


def _is_same(before: Passed, asked: Ask) -> bool:
    return (before.sender, before.receiver, before.amount_minor, before.reason, before.by) == (
        asked.sender,
        asked.receiver,
        asked.amount_minor,
        asked.reason,
        asked.by,
    )

"""Deposits: refundable security, paid in cash or from the wallet, never spendable.

The book keeps one sum for each account; rows say what each part of it is for: a card, a
machine or kind of machines, or nothing in particular. The rows' rest is the book's sum.
What is kept for damage goes to `fees`, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item, Leg, Move
from hub.ledger.writer import Tx
from hub.payments import deposit_rows
from hub.payments.deposit_rows import Part
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
from hub.payments.tills import check_cash
from hub.people import card_list, cards
from hub.people.accounts import Account, get_account, require_open
from hub.people.cards import CardState

DEPOSIT_MINOR_MIN = 1
DEPOSIT_MINOR_MAX = 100_000
"""As a top-up: a thousand euros at a counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A deposit that staff take, return or keep.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        amount_minor: How much; None, of a named one: what is left of it.
        till: Where the cash comes in or goes out; empty: from or to the wallet.
        by: Id of the API key, or `cli`.
        card: The card that it is taken for, or returned with; empty: none.
        purpose: Machine or kind that it is taken for; empty: none.
        deposit: Which one is returned or kept; empty: the card's, or those for nothing
            in particular, oldest first.
        reason: Why it is kept, in words.
    """

    id: str
    account: str
    amount_minor: int | None
    till: str
    by: str
    card: str = ""
    purpose: str = ""
    deposit: str = ""
    reason: str = ""


def take_deposit(tx: Tx, asked: Deposit) -> Payment:
    """Take a deposit in cash or from the wallet. The same again: as it was booked.

    Raises:
        InputError: The amount, the till, the purpose or the id can't be one.
        NotFoundError: No such account or card.
        ConflictError: The id was used otherwise, the account is closed, or the card isn't
            the account's, is out of use, or has a deposit already.
        RefusedError: The wallet can't give it, or the till is closed.
    """
    if asked.amount_minor is None:
        raise InputError("say how much is taken: amount_minor is needed")
    before = _before(tx, asked, Kind.DEPOSIT_TAKEN)
    if before is not None:
        return before
    account = require_open(tx.connection, asked.account)
    deposit_rows.check_new(tx, asked.account, asked.card, asked.purpose)
    wallet = chart.wallet(account.id, account.unit)
    other = _cash(tx, asked, account) if asked.till else wallet
    leg = Move(other, chart.deposit(account.id, account.unit), asked.amount_minor)
    payment = _book(tx, account, asked, Kind.DEPOSIT_TAKEN, (leg, asked.amount_minor))
    deposit_rows.add(tx, payment, card=asked.card, purpose=asked.purpose)
    return payment


def return_deposit(tx: Tx, asked: Deposit) -> Payment:
    """Return a deposit in cash or to the wallet, of a closed account too.

    A card whose deposit is returned whole is given back with it, so it is blocked.

    Raises:
        InputError: The amount, the till or the id can't be one, or none is named.
        NotFoundError: No such account, or no such deposit of it.
        ConflictError: The id was used otherwise.
        RefusedError: Less is left of it, or the till is closed.
    """
    before = _before(tx, asked, Kind.DEPOSIT_RETURNED)
    if before is not None:
        return before
    account = get_account(tx.connection, asked.account)
    parts = _parts(tx, asked)
    own, minor = chart.deposit(account.id, account.unit), sum(part.minor for part in parts)
    leg: Leg
    if asked.till:
        leg = Fill(own, (_cash(tx, asked, account),), minor)
    else:
        # What goes back to the wallet settles an overrun first, as a top-up does.
        codes = (chart.overrun(account.id, account.unit), chart.wallet(account.id, account.unit))
        leg = Fill(own, codes, minor)
    payment = _book(tx, account, asked, Kind.DEPOSIT_RETURNED, (leg, minor))
    deposit_rows.take_out(tx, parts, kept=False)
    _take_cards_back(tx, parts)
    return payment


def keep_deposit(tx: Tx, asked: Deposit) -> Payment:
    """Keep a deposit, or a part, for damage; the rest may be returned.

    Raises:
        InputError: The amount, the reason or the id can't be one, or none is named.
        NotFoundError: No such account, or no such deposit of it.
        ConflictError: The id was used otherwise.
        RefusedError: Less is left of it.
    """
    check_reason(asked.reason)
    before = _before(tx, asked, Kind.DEPOSIT_KEPT)
    if before is not None:
        return before
    account = get_account(tx.connection, asked.account)
    parts = _parts(tx, asked)
    minor = sum(part.minor for part in parts)
    own, fees = chart.deposit(account.id, account.unit), chart.house("fees", account.unit)
    payment = _book(tx, account, asked, Kind.DEPOSIT_KEPT, (Move(own, fees, minor), minor))
    deposit_rows.take_out(tx, parts, kept=True)
    return payment


def _before(tx: Tx, asked: Deposit, kind: Kind) -> Payment | None:
    """The payment, when the same was booked before."""
    check_id(asked.id)
    if asked.amount_minor is not None:
        check_amount(asked.amount_minor, DEPOSIT_MINOR_MIN, DEPOSIT_MINOR_MAX)
    if asked.till:
        check_till(asked.till)
    before = find_payment(tx.connection, asked.id)
    if before is None:
        return None
    if before.kind is not kind or not _is_same(before, asked):
        raise conflict(asked.id)
    return before


def _parts(tx: Tx, asked: Deposit) -> list[Part]:
    if asked.purpose or (asked.card and asked.deposit):
        raise InputError("name one deposit, by its id or by its card")
    if asked.card or asked.deposit:
        part = deposit_rows.part_of(
            tx, asked.account, deposit=asked.deposit, card=asked.card, minor=asked.amount_minor
        )
        return [part]
    if asked.amount_minor is None:
        raise InputError("name a deposit, or say how much: amount_minor is needed")
    return deposit_rows.parts_of(tx, asked.account, asked.amount_minor)


def _cash(tx: Tx, asked: Deposit, account: Account) -> str:
    """The till's ledger account, where cash may move now."""
    check_cash(tx, asked.till, account.unit)
    return chart.cash(asked.till, account.unit)


def _book(tx: Tx, account: Account, asked: Deposit, kind: Kind, moved: tuple[Leg, int]) -> Payment:
    leg, minor = moved
    tx.book.must_post(
        Item(
            id=asked.id,
            unit=account.unit,
            kind=kind.value,
            legs=(leg,),
            ref=account.id,
            reason=asked.reason,
        )
    )
    # Machines may ask for a deposit, so what is paid travels in the card list.
    card_list.relist_account(tx, account.id)
    tx.touch("account", account.id)
    return record(
        tx,
        Payment(
            id=asked.id,
            kind=kind,
            account=account.id,
            unit=account.unit,
            amount_minor=minor,
            till=asked.till,
            reason=asked.reason,
            by=asked.by,
            at_ms=tx.now_ms,
            about=_about(asked),
        ),
    )


def _take_cards_back(tx: Tx, parts: list[Part]) -> None:
    for part in parts:
        if part.held.card and part.closes:
            card = cards.get_card(tx.connection, part.held.card)
            if card.state is CardState.ACTIVE:
                cards.block_card(tx, card.id)


def _about(asked: Deposit) -> str:
    if asked.deposit:
        return f"deposit:{asked.deposit}"
    if asked.card:
        return f"card:{asked.card}"
    return f"for:{asked.purpose}" if asked.purpose else ""


def _is_same(before: Payment, asked: Deposit) -> bool:
    amount = before.amount_minor if asked.amount_minor is None else asked.amount_minor
    return (
        before.account,
        before.amount_minor,
        before.till,
        before.by,
        before.about,
        before.reason,
    ) == (asked.account, amount, asked.till, asked.by, _about(asked), asked.reason)

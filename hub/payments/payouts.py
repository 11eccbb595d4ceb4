"""Payouts: paid money on its way out of an account to its person.

At the request the money leaves the wallet for `payout`, so that nothing is spent twice;
when it is sent it leaves for the provider's clearing account or a till's cash, and the
fee for `fees`. What failed or was cancelled comes back whole, an overrun first.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item, Leg, Move
from hub.ledger.writer import Tx
from hub.payments import payout_rows as rows
from hub.payments.fees import fee_minor
from hub.payments.payable import check_payable
from hub.payments.payout_rows import Done, Payout, PayoutState, Step
from hub.payments.payout_rules import PayoutRules, read_payout_rules
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
from hub.payments.refund_rules import DAY_MS, Approver
from hub.payments.rules import OWN_CLEARING
from hub.payments.second_person import check_alone, needs_second, read_second_person
from hub.payments.tills import check_cash
from hub.people import card_list
from hub.people.accounts import get_account
from wire.errors import Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

DESTINATION_LENGTH_MAX = 120
PAYOUT_ITEM = "payout"
"""Kind of the item that takes the money out of the wallet."""
SENT_ITEM = "payout_sent"
BACK_ITEM = "payout_back"
BY_RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A payout that is asked for.

    Attributes:
        id: Made and stored by who asks.
        account: Whose money; a closed account's, too.
        amount_minor: What leaves the account, the fee included.
        provider: Through whom; empty: a till hands it out.
        till: Which till hands it out; empty: a provider sends it.
        destination: Where to, in words that name no account number.
        by: Id of the API key, or `cli`.
    """

    id: str
    account: str
    amount_minor: int
    provider: str = ""
    till: str = ""
    destination: str = ""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A step that someone takes with a payout.

    Attributes:
        id: Made and stored by who takes it; the id of its movement, too.
        payout: Which payout.
        step: What happens to it.
        reason: Why it failed or is cancelled; else empty.
        by: Id of the API key, or `cli`.
    """

    id: str
    payout: str
    step: Step
    reason: str = ""
    by: str


def request_payout(tx: Tx, asked: Ask) -> Payout:
    """Ask for a payout: the money leaves the wallet. The same again: the payout as it is.

    Raises:
        InputError: The amount, the way or the id can't be one, or the fee takes it all.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise.
        RefusedError: So much isn't payable.
    """
    check_id(asked.id)
    _check_way(asked)
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    before = rows.find_payout(tx.connection, asked.id)
    if before is not None:
        if not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    if find_payment(tx.connection, asked.id) is not None:
        raise conflict(asked.id)
    account = get_account(tx.connection, asked.account)
    rules = read_payout_rules(tx.connection, account.unit)
    payout = _payout(tx, asked, account.unit, rules)
    check_payable(tx, account.id, account.unit, asked.amount_minor)
    leaves = Move(
        chart.wallet(account.id, account.unit),
        chart.house("payout", account.unit),
        asked.amount_minor,
    )
    _post(tx, payout, asked.id, PAYOUT_ITEM, (leaves,))
    rows.add(tx, payout)
    _note(tx, payout, Take(id=asked.id, payout=asked.id, step=Step.REQUEST, by=asked.by))
    record(tx, _payment(tx, payout))
    if _needs_nobody(tx, payout, rules):
        take = Take(id=f"{asked.id}/rule", payout=asked.id, step=Step.APPROVE, by=BY_RULE)
        _note(tx, payout, take, state=PayoutState.APPROVED)
    return rows.get_payout(tx.connection, asked.id)


def take_step(tx: Tx, take: Take, *, second: str = "") -> Payout:
    """Take a step with a payout. The same step again: the payout as it is.

    What a till hands out is done as soon as it is sent.

    Args:
        tx: The writer's transaction.
        take: The step.
        second: Who else agreed to an approval; empty: nobody did.

    Raises:
        InputError: The reason or the id can't be one.
        NotFoundError: No such payout.
        ConflictError: The id was used otherwise, or its state forbids the step.
        RefusedError: It takes a second person, or the till is closed.
    """
    check_id(take.id)
    if take.step in (Step.FAIL, Step.CANCEL):
        check_reason(take.reason)
    payout = rows.get_payout(tx.connection, take.payout, lock=True)
    before = rows.find_step(tx.connection, take.id)
    if before is not None:
        asked = (take.payout, take.step, take.reason, take.by)
        if (before.payout, before.step, before.reason, before.by) != asked:
            raise conflict(take.id)
        return payout
    state = rows.state_after(payout, take.step)
    if take.step is Step.APPROVE:
        _check_approver(tx, payout, second)
    legs, kind = _legs(tx, payout, take.step)
    if legs:
        _post(tx, payout, take.id, kind, legs, reason=take.reason)
    _note(tx, payout, take, state=state, second=second)
    if payout.till and state is PayoutState.SENT:
        finish = Take(id=f"{take.id}/done", payout=payout.id, step=Step.FINISH, by=take.by)
        _note(tx, payout, finish, state=PayoutState.DONE)
    return rows.get_payout(tx.connection, payout.id)


def _legs(tx: Tx, payout: Payout, step: Step) -> tuple[tuple[Leg, ...], str]:
    """What a step moves, and the kind of its item."""
    unit, net = payout.unit, payout.amount_minor - payout.fee_minor
    waiting, fees = chart.house("payout", unit), chart.house("fees", unit)
    own = (chart.overrun(payout.account, unit), chart.wallet(payout.account, unit))
    match step:
        case Step.SEND:
            if payout.till:
                check_cash(tx, payout.till, unit)
            fee = (Move(waiting, fees, payout.fee_minor),) if payout.fee_minor else ()
            return (Move(waiting, _outside(payout), net), *fee), SENT_ITEM
        case Step.FAIL:
            fee_back = (Fill(fees, own, payout.fee_minor),) if payout.fee_minor else ()
            return (Fill(_outside(payout), own, net), *fee_back), BACK_ITEM
        case Step.CANCEL:
            return (Fill(waiting, own, payout.amount_minor),), BACK_ITEM
        case _:
            return (), ""


def _outside(payout: Payout) -> str:
    if payout.till:
        return chart.cash(payout.till, payout.unit)
    return chart.clearing(payout.provider, payout.unit)


def _post(
    tx: Tx, payout: Payout, item_id: str, kind: str, legs: tuple[Leg, ...], *, reason: str = ""
) -> None:
    tx.book.must_post(
        Item(id=item_id, unit=payout.unit, kind=kind, legs=legs, ref=payout.account, reason=reason)
    )
    card_list.refresh_floor(tx, payout.account)
    tx.touch("account", payout.account)


def _note(
    tx: Tx,
    payout: Payout,
    take: Take,
    *,
    state: PayoutState = PayoutState.REQUESTED,
    second: str = "",
) -> None:
    rows.note_step(
        tx,
        Done(
            id=take.id,
            payout=payout.id,
            place=0,
            step=take.step,
            state=state,
            reason=take.reason,
            by=take.by,
            second=second,
            at_ms=tx.now_ms,
        ),
    )


def _check_approver(tx: Tx, payout: Payout, second: str) -> None:
    rules = read_payout_rules(tx.connection, payout.unit)
    if rules.approver is Approver.SECOND and not second:
        raise needs_second("this payout", "payout")
    check_alone(tx.connection, payout.unit, "payout", payout.amount_minor, second)


def _needs_nobody(tx: Tx, payout: Payout, rules: PayoutRules) -> bool:
    limit = read_second_person(tx.connection, payout.unit).payout_minor
    within = limit is None or payout.amount_minor <= limit
    return rules.approver is Approver.NONE and within


def _payout(tx: Tx, asked: Ask, unit: str, rules: PayoutRules) -> Payout:
    check_amount(asked.amount_minor, rules.least_minor, rules.most_minor)
    fee = fee_minor(rules.fee, asked.amount_minor)
    if fee >= asked.amount_minor:
        raise InputError(
            f"the fee of {fee} minor units would take all of {asked.amount_minor}",
            Code.AMOUNT_INVALID,
        )
    return Payout(
        id=asked.id,
        account=asked.account,
        unit=unit,
        amount_minor=asked.amount_minor,
        fee_minor=fee,
        provider=asked.provider,
        till=asked.till,
        destination=asked.destination,
        state=PayoutState.REQUESTED,
        by=asked.by,
        requested_ms=tx.now_ms,
        expected_ms=tx.now_ms + rules.processing_days * DAY_MS,
    )


def _payment(tx: Tx, payout: Payout) -> Payment:
    return Payment(
        id=payout.id,
        kind=Kind.PAYOUT,
        account=payout.account,
        unit=payout.unit,
        amount_minor=payout.amount_minor,
        till=payout.till,
        by=payout.by,
        at_ms=tx.now_ms,
        provider=payout.provider,
        fee_minor=payout.fee_minor,
    )


def _check_way(asked: Ask) -> None:
    if bool(asked.till) == bool(asked.provider):
        raise InputError("money goes through a provider or is handed out at a till: name one")
    if asked.till:
        check_till(asked.till)
    elif not is_name(asked.provider) or asked.provider in OWN_CLEARING:
        raise InputError("a provider's name is lower case letters, digits and _ . -, at most 64")
    words = asked.destination
    if len(words) > DESTINATION_LENGTH_MAX or not words.isprintable():
        raise InputError(f"a destination is at most {DESTINATION_LENGTH_MAX} printable characters")


def _is_same(before: Payout, asked: Ask) -> bool:
    return (
        before.account,
        before.amount_minor,
        before.provider,
        before.till,
        before.destination,
        before.by,
    ) == (
        asked.account,
        asked.amount_minor,
        asked.provider,
        asked.till,
        asked.destination,
        asked.by,
    )

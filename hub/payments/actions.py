"""The actions that may take a second person: how each is checked, done and given up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from hub.charging.allowances import forfeit
from hub.errors import InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.payments import corrections, payouts, refund_requests, refunds, second_person
from hub.payments.action_contents import (
    Adjust,
    ApprovePayout,
    Correct,
    Forfeit,
    GiveBack,
    GrantRequest,
    SetCredit,
    SetLimits,
)
from hub.payments.adjustments import Adjustment, adjust, check_adjustment
from hub.payments.approvals import About, Action, Actions, Order, Step
from hub.payments.given_back import check_refundable, lock_item
from hub.payments.payout_rows import Step as PayoutStep, get_payout, state_after
from hub.payments.records import check_reason
from hub.payments.refund_request_rows import RequestState, get_request
from hub.people.accounts import change_account, get_account
from hub.store.tables.charging import allowances, sessions


def _adjustment(order: Order) -> Adjustment:
    wanted: Adjust = order.content
    return Adjustment(
        id=order.id,
        account=wanted.account,
        direction=wanted.direction,
        amount_minor=wanted.amount_minor,
        against=wanted.against,
        cause=wanted.cause,
        reason=wanted.reason,
        by=order.by,
    )


def _look_at_adjustment(tx: Tx, order: Order) -> About:
    asked = _adjustment(order)
    check_adjustment(tx.connection, asked)
    unit = get_account(tx.connection, asked.account).unit
    return About(subject=asked.account, unit=unit, amount_minor=asked.amount_minor)


def _adjust(tx: Tx, order: Order) -> None:
    adjust(tx, _adjustment(order), second=order.second)


def _look_at_correction(tx: Tx, order: Order) -> About:
    wanted: Correct = order.content
    check_reason(wanted.reason)
    charged = corrections.check_correctable(tx, wanted.item)
    amount = sum(transfer.amount_minor for transfer in charged.transfers)
    return About(subject=wanted.item, unit=charged.unit, amount_minor=amount)


def _correct(tx: Tx, order: Order) -> None:
    wanted: Correct = order.content
    asked = corrections.Ask(id=order.id, item=wanted.item, reason=wanted.reason, by=order.by)
    corrections.correct(tx, asked, second=order.second)


def _look_at_refund(tx: Tx, order: Order) -> About:
    wanted: GiveBack = order.content
    check_reason(wanted.reason)
    if bool(wanted.session) == bool(wanted.item):
        raise InputError("a refund is of a session or of an item: name one of the two")
    if wanted.item:
        charged = lock_item(tx, wanted.item)
        check_refundable(charged)
        unit, left = charged.unit, charged.left_minor
    else:
        query = select(sessions).where(sessions.c.id == wanted.session)
        row = tx.connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"there is no session {wanted.session}")
        unit, left = row.unit, row.charge_minor - row.refunded_minor
    amount = left if wanted.amount_minor is None else wanted.amount_minor
    return About(subject=wanted.session or wanted.item, unit=unit, amount_minor=amount)


def _refund(tx: Tx, order: Order) -> None:
    wanted: GiveBack = order.content
    asked = refunds.Refund(
        id=order.id,
        session=wanted.session,
        item=wanted.item,
        amount_minor=wanted.amount_minor,
        till=wanted.till,
        reason=wanted.reason,
        by=order.by,
    )
    work = refunds.refund_session if wanted.session else refunds.refund_item
    work(tx, asked, second=order.second)


def _look_at_request(tx: Tx, order: Order) -> About:
    wanted: GrantRequest = order.content
    request = refund_requests.hand_on(tx, wanted.request, order.by)
    return About(subject=request.id, unit=request.unit, amount_minor=request.amount_minor)


def _grant(tx: Tx, order: Order) -> None:
    wanted: GrantRequest = order.content
    refund_requests.approve_request(tx, wanted.request, order.by, "", second=order.second)


def _drop_request(tx: Tx, order: Order, step: Step) -> None:
    wanted: GrantRequest = order.content
    request = get_request(tx.connection, wanted.request)
    if step is Step.REFUSE and request.state is RequestState.APPROVED:
        refund_requests.refuse_request(tx, request.id, order.second, "a second person refused")
    else:
        refund_requests.take_back(tx, request.id)


def _look_at_payout(tx: Tx, order: Order) -> About:
    wanted: ApprovePayout = order.content
    payout = get_payout(tx.connection, wanted.payout)
    state_after(payout, PayoutStep.APPROVE)
    return About(subject=payout.id, unit=payout.unit, amount_minor=payout.amount_minor)


def _approve_payout(tx: Tx, order: Order) -> None:
    wanted: ApprovePayout = order.content
    take = payouts.Take(id=order.id, payout=wanted.payout, step=PayoutStep.APPROVE, by=order.by)
    payouts.take_step(tx, take, second=order.second)


def _look_at_forfeit(tx: Tx, order: Order) -> About:
    wanted: Forfeit = order.content
    check_reason(wanted.reason)
    unit = get_account(tx.connection, wanted.account).unit
    held = held_minor(tx, wanted.account, wanted.controller, wanted.epoch)
    return About(subject=wanted.account, unit=unit, amount_minor=held)


def _forfeit(tx: Tx, order: Order) -> None:
    wanted: Forfeit = order.content
    place = (wanted.account, wanted.controller, wanted.epoch)
    forfeit(tx, order.id, place, wanted.reason)


def held_minor(tx: Tx, account: str, controller: str, epoch: str) -> int:
    """What a controller holds for an account in one of its journals, as booked."""
    own = allowances.c
    held = (
        own.granted_minor
        + own.taken_in_minor
        - own.spent_minor
        - own.released_minor
        - own.forfeited_minor
    )
    mine = (own.account == account) & (own.controller == controller) & (own.epoch == epoch)
    return int(tx.connection.execute(select(held).where(mine)).scalar() or 0)


def _look_at_credit(tx: Tx, order: Order) -> About:
    wanted: SetCredit = order.content
    check_reason(wanted.reason)
    unit = get_account(tx.connection, wanted.account).unit
    return About(subject=wanted.account, unit=unit, amount_minor=wanted.credit_limit_minor)


def _set_credit(tx: Tx, order: Order) -> None:
    wanted: SetCredit = order.content
    given: dict[str, Any] = {"credit_limit_minor": wanted.credit_limit_minor}
    change_account(tx, wanted.account, given)


def _look_at_limits(tx: Tx, order: Order) -> About:
    wanted: SetLimits = order.content
    second_person.check_second_person(tx.connection, wanted.unit, wanted.rules)
    return About(subject=wanted.unit, unit=wanted.unit)


def _set_limits(tx: Tx, order: Order) -> None:
    wanted: SetLimits = order.content
    second_person.write_second_person(tx, wanted.unit, wanted.rules, second=order.second)


ACTIONS: Actions = {
    "adjustment": Action(type=Adjust, look=_look_at_adjustment, run=_adjust),
    "correction": Action(type=Correct, look=_look_at_correction, run=_correct),
    "refund": Action(type=GiveBack, look=_look_at_refund, run=_refund),
    "refund_request": Action(
        type=GrantRequest, look=_look_at_request, run=_grant, drop=_drop_request
    ),
    "payout": Action(type=ApprovePayout, look=_look_at_payout, run=_approve_payout),
    "forfeit": Action(type=Forfeit, look=_look_at_forfeit, run=_forfeit),
    "credit_limit": Action(type=SetCredit, look=_look_at_credit, run=_set_credit),
    "limits": Action(type=SetLimits, look=_look_at_limits, run=_set_limits),
}
"""Every kind of action that may take a second person."""

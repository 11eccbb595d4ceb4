"""Subscriptions: begun, paused, taken up again and ended by staff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import func, insert, select

from hub.billing.plans import Plan, get_plan
from hub.billing.renewals import charge_due, step
from hub.billing.subscription_rows import (
    Step,
    Subscription,
    SubscriptionState,
    find_subscription,
    get_subscription,
    save_subscription,
)
from hub.billing.terms import rules_of
from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger.writer import Tx
from hub.payments.records import check_id, conflict
from hub.people.accounts import Account, require_open
from hub.people.periods import begins_ms, day_at
from hub.store.tables.billing import subscriptions
from wire.errors import Code

PER_ACCOUNT_MAX = 100
"""Subscriptions of one account that aren't ended: more than any household or company has."""
DAYS_BACK_MAX = 366
"""A subscription may have begun a year ago; all its periods are charged then."""
DAYS_AHEAD_MAX = 3_660
"""Ten years: what begins later is a slip of the finger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """What begins a subscription.

    Attributes:
        id: Made and stored by who asks.
        account: Who pays.
        plan: What for.
        starts_on: First local day; None: today.
        ends_on: First day that isn't paid any more; None: until it is ended.
        by: Id of the API key.
    """

    id: str
    account: str
    plan: str
    starts_on: date | None = None
    ends_on: date | None = None
    by: str


def subscribe(tx: Tx, asked: Subscribing) -> Subscription:
    """Begin a subscription; what is due already is charged at once, or stays unpaid.

    The same again: the subscription as it stands.

    Raises:
        InputError: A day or the id can't be one.
        NotFoundError: No such account or plan.
        ConflictError: The id was used otherwise, the account is closed, or the plan retired.
        RefusedError: The plan is of another unit, or the account has too many.
    """
    check_id(asked.id)
    before = find_subscription(tx.connection, asked.id, lock=True)
    if before is not None:
        if not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    account = require_open(tx.connection, asked.account)
    plan = get_plan(tx.connection, asked.plan)
    _check_fits(tx, account, plan)
    timezone = rules_of(tx.connection, account.id).timezone
    today = day_at(tx.now_ms, timezone)
    starts_on = asked.starts_on or today
    _check_days(starts_on, asked.ends_on, today)
    one = Subscription(
        id=asked.id,
        account=account.id,
        plan=plan.id,
        state=SubscriptionState.ACTIVE,
        timezone=timezone,
        starts_on=starts_on,
        ends_on=asked.ends_on,
        next_on=starts_on,
        try_ms=begins_ms(starts_on, timezone),
        refusal=0,
        by=asked.by,
        created_ms=tx.now_ms,
    )
    _keep(tx, one)
    return charge_due(tx, one)


def pause(tx: Tx, subscription: str) -> Subscription:
    """Pause a subscription: what begins from now on, or is unpaid, isn't charged.

    Paused before: as it is.

    Raises:
        NotFoundError: No such subscription.
        ConflictError: It is ended.
    """
    one = get_subscription(tx.connection, subscription, lock=True)
    if one.state is SubscriptionState.PAUSED:
        return one
    return save_subscription(tx, step(one, Step.PAUSED))


def resume(tx: Tx, subscription: str) -> Subscription:
    """Take a paused subscription up again from today on; days before aren't charged.

    What began unpaid or during the pause is charged from today, by the plan's proration.
    Not paused: as it is.

    Raises:
        NotFoundError: No such subscription.
        ConflictError: It is ended.
    """
    one = get_subscription(tx.connection, subscription, lock=True)
    if one.state in (SubscriptionState.ACTIVE, SubscriptionState.UNPAID):
        return one
    today = day_at(tx.now_ms, one.timezone)
    moved = replace(one, next_on=max(one.next_on, today))
    return charge_due(tx, save_subscription(tx, step(moved, Step.RESUMED)))


def end(tx: Tx, subscription: str, ends_on: date | None) -> Subscription:
    """End a subscription on a day, or today. Ended before: as it is.

    What was charged stays charged: refund it by its item. What is unpaid up to that day
    stays to be paid, unless it is paused.

    Args:
        tx: The writer's transaction.
        subscription: Which.
        ends_on: First day that isn't paid any more; None: today.

    Raises:
        InputError: The day is past, or too far ahead.
        NotFoundError: No such subscription.
    """
    one = get_subscription(tx.connection, subscription, lock=True)
    if one.state is SubscriptionState.ENDED:
        return one
    today = day_at(tx.now_ms, one.timezone)
    last = today if ends_on is None else ends_on
    if last < today or last > today + timedelta(days=DAYS_AHEAD_MAX):
        raise InputError(
            f"a subscription ends today ({today}) or within {DAYS_AHEAD_MAX} days: what was "
            "charged before is refunded, not ended. Nothing changed."
        )
    ended = save_subscription(tx, replace(one, ends_on=max(last, one.starts_on)))
    if ended.state is SubscriptionState.PAUSED and last <= today:
        return save_subscription(tx, step(ended, Step.FINISHED))
    return charge_due(tx, ended)


def _check_fits(tx: Tx, account: Account, plan: Plan) -> None:
    if plan.unit != account.unit:
        raise RefusedError(
            f"{plan.id} is charged in {plan.unit}, {account.id} pays in {account.unit}: choose "
            "a plan of its unit. Nothing changed.",
            Code.UNIT_MISMATCH,
        )
    if plan.retired_ms is not None:
        raise ConflictError(f"{plan.id} is retired: choose another plan. Nothing changed.")
    mine = (subscriptions.c.account == account.id) & (subscriptions.c.state != "ended")
    count = select(func.count()).select_from(subscriptions).where(mine)
    if tx.connection.execute(count).scalar_one() >= PER_ACCOUNT_MAX:
        raise RefusedError(
            f"{account.id} has {PER_ACCOUNT_MAX} subscriptions: end one first. Nothing changed."
        )


def _check_days(starts_on: date, ends_on: date | None, today: date) -> None:
    ahead = (starts_on - today).days
    if not -DAYS_BACK_MAX <= ahead <= DAYS_AHEAD_MAX:
        raise InputError(
            f"a subscription begins at most {DAYS_BACK_MAX} days back or {DAYS_AHEAD_MAX} ahead"
        )
    if ends_on is None:
        return
    if ends_on <= starts_on or (ends_on - today).days > 2 * DAYS_AHEAD_MAX:
        raise InputError("a subscription ends after it begins, within twenty years")


def _keep(tx: Tx, one: Subscription) -> None:
    tx.connection.execute(
        insert(subscriptions).values(
            id=one.id,
            account=one.account,
            plan=one.plan,
            state=one.state.value,
            timezone=one.timezone,
            starts_on=one.starts_on.isoformat(),
            ends_on=None if one.ends_on is None else one.ends_on.isoformat(),
            next_on=one.next_on.isoformat(),
            try_ms=one.try_ms,
            by=one.by,
            created_ms=one.created_ms,
        )
    )
    tx.touch("subscription", one.id)


def _is_same(before: Subscription, asked: Subscribing) -> bool:
    # When it ends may have been changed since, and "today" was another day.
    return (before.account, before.plan, before.by) == (asked.account, asked.plan, asked.by) and (
        asked.starts_on is None or asked.starts_on == before.starts_on
    )

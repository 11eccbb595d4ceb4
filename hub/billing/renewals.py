"""Charging subscriptions: each period once, in order, from the wallet within its credit.

A charge is a request: where the wallet can't give it, the period stays unpaid and is
tried again, a few times a day and whenever the account gets money. Nothing else is
charged before it, so what was missed is caught up in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select

from hub.billing.plans import Plan, get_plan
from hub.billing.spans import Span, anchor_day, next_span, price_of
from hub.billing.subscription_rows import (
    STEPS,
    Step,
    Subscription,
    SubscriptionState,
    get_subscription,
    save_subscription,
)
from hub.errors import ConflictError, HubError
from hub.ledger import accounts as chart
from hub.ledger.items import Already, Booked, Conflict, Item, Move, Refused
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.people.accounts import AccountState, require_spending
from hub.people.periods import begins_ms
from hub.store.tables.billing import subscription_periods, subscriptions
from hub.store.tables.people import accounts
from wire.errors import Code
from wire.money import tax_within

CATCH_UP_MAX = 12
"""Periods of one subscription that are charged in one go; more go on in the next."""
TRY_AGAIN_MS = 6 * 3_600_000
"""An unpaid period is tried this often, beside when the account gets money."""
KIND = "subscription"
"""Kind of the items that charge periods."""
UNPAID_AT_ONCE_MAX = 100
"""Unpaid subscriptions that are tried when accounts get money; the next run tries the rest."""


def due_subscriptions(connection: Connection, now_ms: int, after: str, limit: int) -> list[str]:
    """Subscriptions that have a period to charge, or to try again.

    Args:
        connection: A connection for reading.
        now_ms: Hub's wall time.
        after: Only those behind this one, in the order of ids.
        limit: Subscriptions at most.
    """
    own = subscriptions.c
    query = select(own.id).where(own.try_ms <= now_ms, own.id > after)
    return list(connection.execute(query.order_by(own.id).limit(limit)).scalars())


def unpaid_subscriptions(connection: Connection, accounts: Sequence[str]) -> list[str]:
    """Unpaid subscriptions of accounts, oldest first."""
    own = subscriptions.c
    query = select(own.id).where(
        own.account.in_(accounts), own.state == SubscriptionState.UNPAID.value
    )
    ordered = query.order_by(own.next_on, own.id).limit(UNPAID_AT_ONCE_MAX)
    return list(connection.execute(ordered).scalars())


def renew(tx: Tx, subscription: str) -> Subscription:
    """Charge what is due of a subscription, at most `CATCH_UP_MAX` periods.

    Raises:
        NotFoundError: No such subscription.
    """
    return charge_due(tx, get_subscription(tx.connection, subscription, lock=True))


def charge_due(tx: Tx, one: Subscription) -> Subscription:
    """As `renew`, of a subscription that this transaction holds already."""
    if one.state in (SubscriptionState.PAUSED, SubscriptionState.ENDED):
        return one
    plan = get_plan(tx.connection, one.plan)
    before = one
    for _ in range(CATCH_UP_MAX):
        one = _settled(tx, one)
        if one.state is SubscriptionState.ENDED or _begins(one) > tx.now_ms:
            break
        one = _charge(tx, one, plan)
        if one.state is SubscriptionState.UNPAID:
            break
    one = _settled(tx, one)
    if one.next_on != before.next_on:
        card_list.refresh_floor(tx, one.account)
        tx.touch("account", one.account)
    return one if one == before else save_subscription(tx, one)


def _settled(tx: Tx, one: Subscription) -> Subscription:
    """End what has nothing left to charge, or whose account is closed."""
    if one.state is SubscriptionState.ENDED:
        return one
    if one.is_spent or _state_of(tx, one.account) is AccountState.CLOSED:
        return step(one, Step.FINISHED)
    return one


def step(one: Subscription, what: Step) -> Subscription:
    """What becomes of a subscription by a step.

    Raises:
        ConflictError: In its state that can't happen.
    """
    state = STEPS.get((one.state, what))
    if state is None:
        raise ConflictError(f"{one.id} is {one.state}: it can't be {what}. Nothing changed.")
    none = state in (SubscriptionState.PAUSED, SubscriptionState.ENDED)
    return replace(one, state=state, try_ms=None if none else _begins(one), refusal=0)


def _charge(tx: Tx, one: Subscription, plan: Plan) -> Subscription:
    """Charge the oldest period that is due, or note why it couldn't be."""
    anchor = anchor_day(one.starts_on, plan.every, plan.anchor)
    part, whole = next_span(one.next_on, one.ends_on, plan.every, anchor)
    amount = price_of(part, whole, plan.price_minor, plan.proration)
    refusal = _pay(tx, one, plan, amount)
    if refusal:
        unpaid = step(one, Step.REFUSED)
        return replace(unpaid, refusal=refusal, try_ms=tx.now_ms + TRY_AGAIN_MS)
    _keep(tx, one, part, (amount, tax_within(amount, plan.tax_rate_ppm)))
    return step(replace(one, next_on=part.end), Step.CHARGED)


def _pay(tx: Tx, one: Subscription, plan: Plan, amount: int) -> int:
    """Book a charge; gives the code of a refusal, or 0."""
    try:
        require_spending(tx.connection, one.account)
    except HubError as error:
        return int(error.code)
    if not amount:
        return 0
    tax = tax_within(amount, plan.tax_rate_ppm)
    wallet = chart.wallet(one.account, plan.unit)
    takers = (
        (chart.revenue(plan.revenue, plan.unit), amount - tax),
        (chart.tax(plan.tax_rate_ppm, plan.unit), tax),
    )
    legs = tuple(Move(wallet, taker, minor) for taker, minor in takers if minor)
    item = Item(
        id=_item_id(one), unit=plan.unit, kind=KIND, legs=legs, ref=one.id, reason=plan.name
    )
    match tx.book.post(item):
        case Booked() | Already():
            return 0
        case Conflict():
            return int(Code.ID_CONFLICT)
        case Refused(code, _, _):
            return int(code)


def _keep(tx: Tx, one: Subscription, part: Span, cost: tuple[int, int]) -> None:
    tx.connection.execute(
        insert(subscription_periods).values(
            subscription=one.id,
            starts_on=part.start.isoformat(),
            ends_on=part.end.isoformat(),
            amount_minor=cost[0],
            tax_minor=cost[1],
            item=_item_id(one) if cost[0] else "",
            charged_ms=tx.now_ms,
        )
    )


def _item_id(one: Subscription) -> str:
    return f"sub:{one.id}:{one.next_on.isoformat()}"


def _begins(one: Subscription) -> int:
    """When the oldest period that isn't charged begins."""
    return begins_ms(one.next_on, one.timezone)


def _state_of(tx: Tx, account: str) -> AccountState:
    query = select(accounts.c.state).where(accounts.c.id == account)
    return AccountState(tx.connection.execute(query).scalar_one())

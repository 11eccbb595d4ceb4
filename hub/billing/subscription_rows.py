"""Subscriptions as they are kept, their states, and the periods that were charged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_, update

from hub.errors import NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.billing import subscription_periods, subscriptions


class SubscriptionState(StrEnum):
    """How a subscription stands."""

    ACTIVE = "active"
    UNPAID = "unpaid"
    """Its oldest period that is due was refused; later ones wait behind it."""
    PAUSED = "paused"
    ENDED = "ended"


class Step(StrEnum):
    """What happens to a subscription."""

    CHARGED = "charged"
    REFUSED = "refused"
    PAUSED = "paused"
    RESUMED = "resumed"
    FINISHED = "finished"


_ACTIVE, _UNPAID = SubscriptionState.ACTIVE, SubscriptionState.UNPAID
_PAUSED, _ENDED = SubscriptionState.PAUSED, SubscriptionState.ENDED
STEPS: dict[tuple[SubscriptionState, Step], SubscriptionState] = {
    (_ACTIVE, Step.CHARGED): _ACTIVE,
    (_ACTIVE, Step.REFUSED): _UNPAID,
    (_ACTIVE, Step.PAUSED): _PAUSED,
    (_ACTIVE, Step.FINISHED): _ENDED,
    (_UNPAID, Step.CHARGED): _ACTIVE,
    (_UNPAID, Step.REFUSED): _UNPAID,
    (_UNPAID, Step.PAUSED): _PAUSED,
    (_UNPAID, Step.FINISHED): _ENDED,
    (_PAUSED, Step.RESUMED): _ACTIVE,
    (_PAUSED, Step.FINISHED): _ENDED,
}
"""What follows from a step; what isn't here can't happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription of an account to a plan.

    Attributes:
        id: Made by who subscribed.
        account: Who pays.
        plan: What for.
        state: How it stands.
        timezone: By whose days; fixed when it was made.
        starts_on: First day.
        ends_on: First day that isn't paid any more; None: until it is ended.
        next_on: First day that isn't charged yet.
        try_ms: When it is charged next, or tried again; None: never.
        refusal: Code of why its oldest due period couldn't be charged; 0: it could.
        by: Who made it.
        created_ms: When.
    """

    id: str
    account: str
    plan: str
    state: SubscriptionState
    timezone: str
    starts_on: date
    ends_on: date | None
    next_on: date
    try_ms: int | None
    refusal: int
    by: str
    created_ms: int

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left to charge."""
        return self.ends_on is not None and self.next_on >= self.ends_on


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedPeriod:
    """A period that was charged.

    Attributes:
        subscription: Of which.
        starts_on: First day.
        ends_on: First day of the next.
        amount_minor: What it cost, tax included.
        tax_minor: Tax within.
        item: Item of the book; empty: it cost nothing.
        charged_ms: When.
    """

    subscription: str
    starts_on: date
    ends_on: date
    amount_minor: int
    tax_minor: int
    item: str
    charged_ms: int


def get_subscription(
    connection: Connection, subscription: str, *, lock: bool = False
) -> Subscription:
    """Read a subscription.

    Args:
        connection: To read from.
        subscription: Which.
        lock: Keep others from changing it before this transaction ends.

    Raises:
        NotFoundError: No such subscription.
    """
    found = find_subscription(connection, subscription, lock=lock)
    if found is None:
        raise NotFoundError(f"there is no subscription {subscription}")
    return found


def find_subscription(
    connection: Connection, subscription: str, *, lock: bool = False
) -> Subscription | None:
    """Read a subscription, or None."""
    query = select(subscriptions).where(subscriptions.c.id == subscription)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _subscription(row)


def list_subscriptions(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Subscription]:
    """Subscriptions of an account, newest first, one more than `limit` if there are more."""
    query = (
        select(subscriptions)
        .where(subscriptions.c.account == account)
        .order_by(subscriptions.c.created_ms.desc(), subscriptions.c.id.desc())
    )
    if after is not None:
        query = query.where(tuple_(subscriptions.c.created_ms, subscriptions.c.id) < after)
    return [_subscription(row) for row in connection.execute(query.limit(limit + 1))]


def list_charged(
    connection: Connection, subscription: str, *, before: str, limit: int
) -> list[ChargedPeriod]:
    """Periods that were charged, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        subscription: Of which.
        before: Only those that began before this day (ISO 8601); empty: all.
        limit: Page size.
    """
    table = subscription_periods
    query = select(table).where(table.c.subscription == subscription)
    if before:
        query = query.where(table.c.starts_on < before)
    rows = connection.execute(query.order_by(table.c.starts_on.desc()).limit(limit + 1))
    return [
        ChargedPeriod(
            subscription=row.subscription,
            starts_on=date.fromisoformat(row.starts_on),
            ends_on=date.fromisoformat(row.ends_on),
            amount_minor=row.amount_minor,
            tax_minor=row.tax_minor,
            item=row.item,
            charged_ms=row.charged_ms,
        )
        for row in rows
    ]


def save_subscription(tx: Tx, one: Subscription) -> Subscription:
    """Write what may change of a subscription."""
    tx.connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id == one.id)
        .values(
            state=one.state.value,
            ends_on=None if one.ends_on is None else one.ends_on.isoformat(),
            next_on=one.next_on.isoformat(),
            try_ms=one.try_ms,
            refusal=one.refusal,
        )
    )
    tx.touch("subscription", one.id)
    return one


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        account=row.account,
        plan=row.plan,
        state=SubscriptionState(row.state),
        timezone=row.timezone,
        starts_on=date.fromisoformat(row.starts_on),
        ends_on=None if row.ends_on is None else date.fromisoformat(row.ends_on),
        next_on=date.fromisoformat(row.next_on),
        try_ms=row.try_ms,
        refusal=row.refusal,
        by=row.by,
        created_ms=row.created_ms,
    )

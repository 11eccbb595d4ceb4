"""Routes of plans and subscriptions: what is charged again and again."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.billing import plans, subscription_rows, subscriptions
from hub.billing.plans import Plan
from hub.billing.spans import Anchor, Every, Proration
from hub.billing.subscription_rows import ChargedPeriod, Subscription, SubscriptionState
from hub.billing.subscriptions import Subscribing
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name
from wire.money import PPM

TAG = "Plans"
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Rate = Annotated[int, msgspec.Meta(ge=0, le=PPM)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=plans.NAME_LENGTH_MAX)]
HttpRequest = Request[Any, Any, Any]


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan.

    Attributes:
        id: Its id.
        name: What people read.
        unit: Unit of its price.
        price_minor: Price of a whole period, tax included.
        every: How long a period is: `day`, `week`, `month` or `year`.
        anchor: Periods are counted from the subscription's `start`, or by the `calendar`.
        proration: What a part of a period costs: `none`: the whole price, `daily`: its share.
        tax_rate_ppm: Tax within the price, parts per million.
        revenue: Revenue account that takes it.
        created_ms: When it was made.
        retired_ms: Since when nobody can subscribe; null: everybody can.
    """

    id: str
    name: str
    unit: str
    price_minor: int
    every: Every
    anchor: Anchor
    proration: Proration
    tax_rate_ppm: int
    revenue: str
    created_ms: int
    retired_ms: int | None


class PlanBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a plan; its terms never change afterwards.

    Attributes:
        id: Its id.
        name: What people read.
        unit: Unit of its price; null: the hub's.
        price_minor: Price of a whole period, tax included.
        every: How long a period is.
        anchor: From where periods are counted.
        proration: What a part of a period costs.
        tax_rate_ppm: Tax within the price, parts per million: 19 % is 190000.
        revenue: Revenue account that takes it.
    """

    id: Name
    name: Title
    unit: Name | None = None
    price_minor: Amount
    every: Every
    anchor: Anchor = Anchor.START
    proration: Proration = Proration.NONE
    tax_rate_ppm: Rate = 0
    revenue: Name = "subscriptions"


class SubscriptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription.

    Attributes:
        id: Made by who subscribed.
        account: Who pays.
        plan: What for.
        state: `active`, `unpaid`, `paused` or `ended`.
        timezone: By whose days.
        starts_on: First day.
        ends_on: First day that isn't paid any more; null: until it is ended.
        next_on: First day that isn't charged yet.
        try_ms: When it is charged next, or tried again; null: never.
        refusal: Code of why what is due couldn't be charged; 0: it could.
        created_ms: When it was made.
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
    created_ms: int


class SubscribeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What begins a subscription.

    Attributes:
        plan: What for.
        starts_on: First day; null: today.
        ends_on: First day that isn't paid any more; null: until it is ended.
    """

    plan: Name
    starts_on: date | None = None
    ends_on: date | None = None


class ResumeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more is needed: it goes on today."""


class EndBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a subscription ends.

    Attributes:
        ends_on: First day that isn't paid any more; null: today.
    """

    ends_on: date | None = None


class ChargedPeriodView(msgspec.Struct, frozen=True, kw_only=True):
    """A period that was charged.

    Attributes:
        starts_on: First day.
        ends_on: First day of the next.
        amount_minor: What it cost, tax included.
        tax_minor: Tax within.
        item: The item in the ledger, to refund it by; empty: it cost nothing.
        charged_ms: When.
    """

    starts_on: date
    ends_on: date
    amount_minor: int
    tax_minor: int
    item: str
    charged_ms: int


@write("/plans", Scope.TARIFFS_WRITE, tag=TAG)
def add_plan(hub: Hub, request: HttpRequest, data: JSONBody[PlanBody]) -> PlanView:
    """Make a plan."""
    values = msgspec.structs.asdict(data) | {"unit": data.unit or hub.settings.unit.code}
    plan = Plan(**values, by=caller_of(request).id)
    return _plan_view(hub.writer.run(lambda tx: plans.add_plan(tx, plan)))


@read("/plans", Scope.PEOPLE_READ, tag=TAG)
def list_plans(hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT) -> Page[PlanView]:
    """List plans, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = plans.list_plans(connection, after=place, limit=limit)
    return page_of(rows, limit, _plan_view, lambda row: (row.created_ms, row.id))


@read("/plans/{plan:str}", Scope.PEOPLE_READ, tag=TAG)
def get_plan(hub: Hub, plan: PathId) -> PlanView:
    """One plan."""
    with hub.store.read() as connection:
        return _plan_view(plans.get_plan(connection, plan))


@write("/plans/{plan:str}/retire", Scope.TARIFFS_WRITE, tag=TAG, status=200)
def retire_plan(hub: Hub, plan: PathId) -> PlanView:
    """Let nobody subscribe to a plan any more; who has stays."""
    return _plan_view(hub.writer.run(lambda tx: plans.retire_plan(tx, plan)))


@money("/accounts/{account:str}/subscriptions", Scope.PAYMENTS_WRITE, tag=TAG)
def subscribe(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[SubscribeBody],
    idempotency_key: IdempotencyKey,
) -> Response[SubscriptionView]:
    """Subscribe an account to a plan; what is due is charged at once, or stays unpaid."""
    by = caller_of(request).id
    asked = Subscribing(
        id=idempotency_key,
        account=account,
        plan=data.plan,
        starts_on=data.starts_on,
        ends_on=data.ends_on,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(subscriptions.subscribe(tx, asked)))


@read("/accounts/{account:str}/subscriptions", Scope.PAYMENTS_READ, tag=TAG)
def list_subscriptions(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[SubscriptionView]:
    """List subscriptions of an account, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = subscription_rows.list_subscriptions(connection, account, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.created_ms, row.id))


@read("/subscriptions/{subscription:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_subscription(hub: Hub, subscription: PathId) -> SubscriptionView:
    """One subscription."""
    with hub.store.read() as connection:
        return _view(subscription_rows.get_subscription(connection, subscription))


@read("/subscriptions/{subscription:str}/periods", Scope.PAYMENTS_READ, tag=TAG)
def list_charged(
    hub: Hub, subscription: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ChargedPeriodView]:
    """List periods that were charged, newest first."""
    place = decode_cursor(after, tuple[str])
    with hub.store.read() as connection:
        subscription_rows.get_subscription(connection, subscription)
        rows = subscription_rows.list_charged(
            connection, subscription, before=place[0] if place else "", limit=limit
        )
    return page_of(rows, limit, _charged_view, lambda row: (row.starts_on.isoformat(),))


@write("/subscriptions/{subscription:str}/pause", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def pause(hub: Hub, subscription: PathId) -> SubscriptionView:
    """Pause a subscription: what begins from now on, or is unpaid, isn't charged."""
    return _view(hub.writer.run(lambda tx: subscriptions.pause(tx, subscription)))


@money("/subscriptions/{subscription:str}/resume", Scope.PAYMENTS_WRITE, tag=TAG)
def resume(
    hub: Hub,
    request: HttpRequest,
    subscription: PathId,
    data: JSONBody[ResumeBody],
    idempotency_key: IdempotencyKey,
) -> Response[SubscriptionView]:
    """Take a paused subscription up again from today on; days before aren't charged."""
    claim = claim_of(caller_of(request).id, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(subscriptions.resume(tx, subscription)))


@money("/subscriptions/{subscription:str}/end", Scope.PAYMENTS_WRITE, tag=TAG)
def end(
    hub: Hub,
    request: HttpRequest,
    subscription: PathId,
    data: JSONBody[EndBody],
    idempotency_key: IdempotencyKey,
) -> Response[SubscriptionView]:
    """End a subscription today or on a day; what was charged stays charged."""
    claim = claim_of(caller_of(request).id, idempotency_key, request.url.path, data)
    return answer_once(
        hub, claim, lambda tx: _view(subscriptions.end(tx, subscription, data.ends_on))
    )


def _plan_view(plan: Plan) -> PlanView:
    return msgspec.convert(plan, PlanView, from_attributes=True)


def _view(one: Subscription) -> SubscriptionView:
    return msgspec.convert(one, SubscriptionView, from_attributes=True)


def _charged_view(one: ChargedPeriod) -> ChargedPeriodView:
    return msgspec.convert(one, ChargedPeriodView, from_attributes=True)


ROUTES = (
    add_plan,
    list_plans,
    get_plan,
    retire_plan,
    subscribe,
    list_subscriptions,
    get_subscription,
    list_charged,
    pause,
    resume,
    end,
)

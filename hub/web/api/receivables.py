"""Routes of receivables: what closed periods left to pay, and payments of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.billing import receivables
from hub.billing.receivables import Receivable, ReceivablePayment
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.api import payments
from hub.web.api.payments import PaymentView
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name

TAG = "Billing"
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
HttpRequest = Request[Any, Any, Any]


class ReceivableView(msgspec.Struct, frozen=True, kw_only=True):
    """What is open of one period, money in minor units.

    Attributes:
        account: Whose.
        unit: Unit of the money.
        starts_ms: When the period began.
        ends_ms: When it ended.
        due_minor: What became receivable.
        paid_minor: What is paid of it.
        open_minor: What isn't.
        age_days: Whole days since the period ended.
        discontinue_ms: The account is discontinued when it isn't paid by then.
    """

    account: str
    unit: str
    starts_ms: int
    ends_ms: int
    due_minor: int
    paid_minor: int
    open_minor: int
    age_days: int
    discontinue_ms: int


class ReceivablePaymentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment of what was billed.

    Attributes:
        amount_minor: How much came, in minor units of the account's unit.
        till: Where cash was put; null: it came through a provider.
        provider: Through whom it came, as `bank`; null: cash.
    """

    amount_minor: Amount
    till: Name | None = None
    provider: Name | None = None


@read("/receivables", Scope.PAYMENTS_READ, tag=TAG)
def list_receivables(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ReceivableView]:
    """List what is open of all accounts, oldest first."""
    place = decode_cursor(after, tuple[int, str])
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        rows = receivables.open_receivables(connection, after=place, limit=limit)
    return page_of(
        rows,
        limit,
        lambda row: _receivable_view(row, now_ms),
        lambda row: (row.ends_ms, row.account),
    )


@read("/accounts/{account:str}/receivables", Scope.PAYMENTS_READ, tag=TAG)
def list_own_receivables(hub: Hub, account: PathId) -> Page[ReceivableView]:
    """List what is open of one account, oldest first."""
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = receivables.receivables_of(connection, account)
    return Page(items=[_receivable_view(row, now_ms) for row in rows])


@money("/accounts/{account:str}/receivables/payments", Scope.PAYMENTS_WRITE, tag=TAG)
def pay(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[ReceivablePaymentBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Book a payment of receivables: the oldest first, then an overrun, then the wallet."""
    by = caller_of(request).id
    asked = ReceivablePayment(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        till=data.till or "",
        provider=data.provider or "",
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: payments.view(receivables.pay(tx, asked)))


def _receivable_view(found: Receivable, now_ms: int) -> ReceivableView:
    return ReceivableView(
        account=found.account,
        unit=found.unit,
        starts_ms=found.starts_ms,
        ends_ms=found.ends_ms,
        due_minor=found.due_minor,
        paid_minor=found.paid_minor,
        open_minor=found.due_minor - found.paid_minor,
        age_days=found.age_days(now_ms),
        discontinue_ms=found.discontinue_ms,
    )


ROUTES = (list_receivables, list_own_receivables, pay)

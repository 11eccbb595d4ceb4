"""Routes of payments: top-ups, refunds, and the list of all that an account paid."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.payments import records, refunds, topups
from hub.payments.records import Kind, Payment
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name

TAG = "Payments"
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=records.REASON_LENGTH_MAX)]
HttpRequest = Request[Any, Any, Any]


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A payment.

    Attributes:
        id: Made by who asked; the id of the movement in the ledger.
        kind: What it is.
        account: Whose.
        unit: Unit of the money.
        amount_minor: How much, in minor units.
        till: Which till took or gave cash; empty: none did.
        session: The session that is refunded; empty: none.
        reason: Words of who asked.
        by: Id of the API key, or `cli`.
        at_ms: When it was booked.
        provider: Payment provider that the money came through; empty: a till or none.
        site: Where; empty: nowhere in particular.
        fee_minor: Kept of the amount as a fee.
        bonus_minor: Given on top.
        campaign: By which campaign; empty: none.
        about: What was named: a card, a deposit, a voucher; empty: nothing.
    """

    id: str
    kind: Kind
    account: str
    unit: str
    amount_minor: int
    till: str
    session: str
    reason: str
    by: str
    at_ms: int
    provider: str
    site: str
    fee_minor: int
    bonus_minor: int
    campaign: str
    about: str


class TopUpBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash taken at a till.

    Attributes:
        amount_minor: How much, in minor units of the account's unit.
        till: Where it was put.
    """

    amount_minor: Amount
    till: Name


class RefundBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session's charge given back.

    Attributes:
        amount_minor: How much; null: what is left of its charge.
        till: Where the paid part is handed out in cash; left out: to the wallet.
        reason: Why, in words.
    """

    amount_minor: Amount | None = None
    till: Name | msgspec.UnsetType = msgspec.UNSET
    reason: Reason


def view(payment: Payment) -> PaymentView:
    """A payment as the API shows it."""
    return msgspec.convert(payment, PaymentView, from_attributes=True)


@money(
    "/accounts/{account:str}/top-ups",
    Scope.PAYMENTS_WRITE,
    tag=TAG,
)
def top_up(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[TopUpBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Top an account up with cash; an open overrun is settled first."""
    by = caller_of(request).id
    asked = topups.TopUp(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        till=data.till,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: view(topups.top_up(tx, asked)))


@money(
    "/sessions/{session:str}/refunds",
    Scope.REFUNDS_WRITE,
    tag=TAG,
)
def refund_session(
    hub: Hub,
    request: HttpRequest,
    session: PathId,
    data: JSONBody[RefundBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Refund a session, fully or in part, to what paid it."""
    by = caller_of(request).id
    asked = refunds.Refund(
        id=idempotency_key,
        session=session,
        amount_minor=data.amount_minor,
        till=data.till if isinstance(data.till, str) else "",
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: view(refunds.refund_session(tx, asked)))


@read(
    "/accounts/{account:str}/payments",
    Scope.PAYMENTS_READ,
    tag=TAG,
)
def list_payments(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[PaymentView]:
    """Payments of an account, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = records.list_payments(connection, account, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.at_ms, row.id))


ROUTES = (top_up, refund_session, list_payments)

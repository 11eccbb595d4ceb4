"""Routes of deposits: taken, returned, kept for damage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.ledger.writer import Tx
from hub.payments import deposit_rows, deposits
from hub.payments.deposit_rows import Held
from hub.payments.deposits import Deposit
from hub.payments.records import Payment
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.api.payments import Amount, PaymentView, Reason, view
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name

TAG = "Deposits"
HttpRequest = Request[Any, Any, Any]
DepositId = Annotated[str, msgspec.Meta(max_length=160)]
"""A payment's id, or a longer one for what was paid before deposits were told apart."""
OpenOnly = Annotated[
    bool, QueryParameter(required=False, description="Leave out what was returned or kept.")
]


class TakeDepositBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deposit to take.

    Attributes:
        amount_minor: How much, in minor units of the account's unit.
        till: Where the cash comes in; null: from the wallet.
        card: Id of the card that it is for; null: none.
        purpose: Machine or kind of machines that it is for; null: none.
    """

    amount_minor: Amount
    till: Name | None = None
    card: Name | None = None
    purpose: Name | None = None


class ReturnDepositBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deposit to return.

    Attributes:
        amount_minor: How much; null: what is left of the one that is named.
        till: Where the cash goes out; null: to the wallet, an overrun first.
        deposit: Which one; null: the card's, or those for nothing in particular.
        card: The card that comes back with it; null: none.
    """

    amount_minor: Amount | None = None
    till: Name | None = None
    deposit: DepositId | None = None
    card: Name | None = None


class KeepDepositBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deposit to keep for damage.

    Attributes:
        amount_minor: How much; null: what is left of the one that is named.
        deposit: Which one; null: the card's, or those for nothing in particular.
        card: The card that it was taken for; null: none.
        reason: Why, in words.
    """

    amount_minor: Amount | None = None
    deposit: DepositId | None = None
    card: Name | None = None
    reason: Reason


class DepositView(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit.

    Attributes:
        id: The payment that took it.
        account: Whose.
        unit: Unit of the money.
        card: The card that it was taken for; empty: none.
        purpose: The machine or kind that it was taken for; empty: none.
        amount_minor: Taken.
        returned_minor: Of it, returned.
        kept_minor: Of it, kept for damage.
        left_minor: Of it, still held.
        taken_ms: When it was taken.
        closed_ms: When nothing was left of it; null: some is.
    """

    id: str
    account: str
    unit: str
    card: str
    purpose: str
    amount_minor: int
    returned_minor: int
    kept_minor: int
    left_minor: int
    taken_ms: int
    closed_ms: int | None


@money("/accounts/{account:str}/deposits", Scope.PAYMENTS_WRITE, tag=TAG)
def take_deposit(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[TakeDepositBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Take a deposit, in cash or from the wallet; for a card, a machine, or nothing special."""
    asked = Deposit(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        till=data.till or "",
        by=caller_of(request).id,
        card=data.card or "",
        purpose=data.purpose or "",
    )
    return _answer(hub, request, asked, data, deposits.take_deposit)


@money("/accounts/{account:str}/deposits/return", Scope.PAYMENTS_WRITE, tag=TAG)
def return_deposit(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[ReturnDepositBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Return a deposit, in cash or to the wallet."""
    asked = Deposit(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        till=data.till or "",
        by=caller_of(request).id,
        card=data.card or "",
        deposit=data.deposit or "",
    )
    return _answer(hub, request, asked, data, deposits.return_deposit)


@money("/accounts/{account:str}/deposits/keep", Scope.REFUNDS_WRITE, tag=TAG)
def keep_deposit(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[KeepDepositBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Keep a deposit, or a part of it, for damage."""
    asked = Deposit(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        till="",
        by=caller_of(request).id,
        card=data.card or "",
        deposit=data.deposit or "",
        reason=data.reason,
    )
    return _answer(hub, request, asked, data, deposits.keep_deposit)


@read("/accounts/{account:str}/deposits", Scope.PAYMENTS_READ, tag=TAG)
def list_deposits(
    hub: Hub,
    account: PathId,
    open_only: OpenOnly = True,  # noqa: FBT002 a parameter of the address
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[DepositView]:
    """Deposits of an account, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = deposit_rows.list_deposits(
            connection, account, open_only=open_only, after=place, limit=limit
        )
    return page_of(rows, limit, _view, lambda row: (row.taken_ms, row.id))


def _answer(
    hub: Hub,
    request: HttpRequest,
    asked: Deposit,
    data: msgspec.Struct,
    service: Callable[[Tx, Deposit], Payment],
) -> Response[PaymentView]:
    claim = claim_of(asked.by, asked.id, request.url.path, data)
    return answer_once(hub, claim, lambda tx: view(service(tx, asked)))


def _view(held: Held) -> DepositView:
    return msgspec.convert(held, DepositView, from_attributes=True)


ROUTES = (take_deposit, return_deposit, keep_deposit, list_deposits)

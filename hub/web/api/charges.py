"""Routes of charges that are made once: rental, damage, a lost card's fee."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.billing import charges
from hub.billing.charges import Charge
from hub.payments.records import REASON_LENGTH_MAX
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name
from wire.money import PPM

TAG = "Charges"
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Rate = Annotated[int, msgspec.Meta(ge=0, le=PPM)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
HttpRequest = Request[Any, Any, Any]


class ChargeView(msgspec.Struct, frozen=True, kw_only=True):
    """A charge.

    Attributes:
        id: Made by who asked; the id of its item in the ledger, to refund it by.
        account: Who paid.
        unit: Unit of the money.
        what: Revenue account that got it.
        text: What people read.
        amount_minor: How much, tax included, in minor units.
        tax_rate_ppm: Tax within it, parts per million.
        tax_minor: Tax within it.
        by: Id of the API key.
        at_ms: When it was booked.
    """

    id: str
    account: str
    unit: str
    what: str
    text: str
    amount_minor: int
    tax_rate_ppm: int
    tax_minor: int
    by: str
    at_ms: int


class ChargeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is charged.

    Attributes:
        what: Revenue account that gets it, as `rental`, `damage`, `lost-card`.
        text: What people read.
        amount_minor: How much, tax included, in minor units of the account's unit.
        tax_rate_ppm: Tax within it, parts per million: 19 % is 190000.
    """

    what: Name
    text: Words
    amount_minor: Amount
    tax_rate_ppm: Rate = 0


@money("/accounts/{account:str}/charges", Scope.PAYMENTS_WRITE, tag=TAG)
def charge(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[ChargeBody],
    idempotency_key: IdempotencyKey,
) -> Response[ChargeView]:
    """Charge an account once, from its wallet within its credit."""
    by = caller_of(request).id
    asked = Charge(
        id=idempotency_key,
        account=account,
        what=data.what,
        text=data.text,
        amount_minor=data.amount_minor,
        tax_rate_ppm=data.tax_rate_ppm,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(charges.charge(tx, asked)))


@read("/accounts/{account:str}/charges", Scope.PAYMENTS_READ, tag=TAG)
def list_charges(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ChargeView]:
    """List charges of an account, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = charges.list_charges(connection, account, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.at_ms, row.id))


def _view(found: Charge) -> ChargeView:
    return msgspec.convert(found, ChargeView, from_attributes=True)


ROUTES = (charge, list_charges)

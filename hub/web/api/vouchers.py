"""Routes of vouchers: made, printed once, voided, redeemed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from hub.payments import voucher_batches, voucher_rows, vouchers
from hub.payments.voucher_batches import NewBatch, Void
from hub.payments.voucher_codes import TYPED_LENGTH_MAX
from hub.payments.voucher_rows import Batch, Funding, Voucher, VoucherState
from hub.payments.vouchers import Redemption
from hub.people.keys import Scope
from hub.web.api.payments import PaymentView, Reason, view
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.limits import Throttle
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.problems import WebError
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name
from wire.errors import Code

TAG = "Vouchers"
HttpRequest = Request[Any, Any, Any]
MS_PER_S = 1_000
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=voucher_batches.NAME_LENGTH_MAX)]
Worth = Annotated[int, msgspec.Meta(ge=1, le=voucher_batches.VOUCHER_MINOR_MAX)]
Many = Annotated[int, msgspec.Meta(ge=1, le=voucher_batches.VOUCHERS_PER_BATCH_MAX)]
Time = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Days = Annotated[int, msgspec.Meta(ge=1, le=voucher_batches.DAYS_MAX)]
Kinds = Annotated[tuple[Name, ...], msgspec.Meta(max_length=voucher_batches.KINDS_MAX)]
Serials = Annotated[
    tuple[int, ...], msgspec.Meta(max_length=voucher_batches.VOUCHERS_PER_BATCH_MAX)
]
TypedCode = Annotated[str, msgspec.Meta(min_length=1, max_length=TYPED_LENGTH_MAX)]


class BatchBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch of vouchers to make.

    Attributes:
        name: What people read.
        funding: `sold`: paid for now, owed until redeemed; `promo`: given when redeemed.
        unit: Unit of the money; null: the operator's.
        amount_minor: Of each voucher.
        count: How many.
        expires_ms: When the codes end; null: never.
        kinds: Given ones: machine kinds that the gift pays; empty: all.
        gift_days: Given ones: days until a redeemed gift ends; null: never.
        till: Sold ones: where the cash for all of them was put.
    """

    name: Label
    funding: Funding
    unit: Name | None = None
    amount_minor: Worth
    count: Many
    expires_ms: Time | None = None
    kinds: Kinds = ()
    gift_days: Days | None = None
    till: Name | None = None


class PrintBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to print a batch's codes.

    Attributes:
        again: Make new codes for its unused vouchers although some were shown before;
            those are worth nothing then.
    """

    again: bool = False


class VoidBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Vouchers to take out of use.

    Attributes:
        serials: Which; empty: all that weren't used.
        till: Where the money of sold ones is paid back; null: it lapses to `breakage`.
        reason: Why, in words.
    """

    serials: Serials = ()
    till: Name | None = None
    reason: Reason


class RedemptionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code to redeem.

    Attributes:
        code: As printed; case, spaces and dashes don't matter.
    """

    code: TypedCode


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of vouchers; see `BatchBody`.

    Attributes:
        id: Made by who asked for it.
        name: What people read.
        funding: Who pays.
        unit: Unit of the money.
        amount_minor: Of each voucher.
        count: How many there are.
        expires_ms: When the codes end; null: never.
        kinds: Machine kinds that a gift pays; empty: all.
        gift_days: Days until a redeemed gift ends; null: never.
        till: Where sold ones were paid for.
        by: Who made it.
        at_ms: When.
        printed_ms: When the codes were shown; null: never.
    """

    id: str
    name: str
    funding: Funding
    unit: str
    amount_minor: int
    count: int
    expires_ms: int | None
    kinds: tuple[str, ...]
    gift_days: int | None
    till: str
    by: str
    at_ms: int
    printed_ms: int | None


class BatchNowView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, and how far its vouchers' lives are.

    Attributes:
        batch: The batch.
        states: How many are in each state: issued, used, void, expired.
    """

    batch: BatchView
    states: dict[VoucherState, int]


class VoucherView(msgspec.Struct, frozen=True, kw_only=True):
    """One voucher, without its code.

    Attributes:
        serial: Its number in the batch.
        state: How far its life is.
        account: Who redeemed it; empty: nobody.
        payment: The movement that ended it; empty: none did.
        reason: Why it was voided.
        ended_ms: When it was ended; null: it may be redeemed.
    """

    serial: int
    state: VoucherState
    account: str
    payment: str
    reason: str
    ended_ms: int | None


@money("/voucher-batches", Scope.PAYMENTS_WRITE, tag=TAG)
def create_batch(
    hub: Hub,
    request: HttpRequest,
    data: JSONBody[BatchBody],
    idempotency_key: IdempotencyKey,
) -> Response[BatchView]:
    """Make a batch of vouchers; its codes are printed separately, once.

    Promotional ones give money away, as a campaign does: they take `tariffs:write` too.
    """
    caller = caller_of(request)
    if data.funding is Funding.PROMO and Scope.TARIFFS_WRITE not in caller.scopes:
        raise WebError(
            f"The key {caller.name!r} lacks the scope {Scope.TARIFFS_WRITE}, which giving "
            "money away takes.",
            Code.SCOPE_MISSING,
        )
    asked = NewBatch(
        id=idempotency_key,
        name=data.name,
        funding=data.funding,
        unit=hub.settings.unit.code if data.unit is None else data.unit,
        amount_minor=data.amount_minor,
        count=data.count,
        expires_ms=data.expires_ms,
        kinds=data.kinds,
        gift_days=data.gift_days,
        till=data.till or "",
        by=caller.id,
    )
    claim = claim_of(caller.id, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _batch(voucher_batches.create_batch(tx, asked)))


@read("/voucher-batches", Scope.PAYMENTS_READ, tag=TAG)
def list_batches(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[BatchView]:
    """List batches of vouchers, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = voucher_rows.list_batches(connection, after=place, limit=limit)
    return page_of(rows, limit, _batch, lambda row: (row.at_ms, row.id))


@read("/voucher-batches/{batch:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_batch(hub: Hub, batch: PathId) -> BatchNowView:
    """Read one batch, with how many of its vouchers are in each state."""
    with hub.store.read() as connection:
        found = voucher_rows.get_batch(connection, batch)
        return BatchNowView(
            batch=_batch(found), states=voucher_rows.count_states(connection, batch)
        )


@read("/voucher-batches/{batch:str}/vouchers", Scope.PAYMENTS_READ, tag=TAG)
def list_vouchers(
    hub: Hub, batch: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[VoucherView]:
    """Vouchers of a batch in the order of serials, without their codes."""
    place = decode_cursor(after, tuple[int])
    with hub.store.read() as connection:
        voucher_rows.get_batch(connection, batch)
        rows = voucher_rows.list_vouchers(
            connection, batch, after=place[0] if place else 0, limit=limit
        )
    return page_of(rows, limit, _voucher, lambda row: (row.serial,))


@write("/voucher-batches/{batch:str}/print", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def print_batch(hub: Hub, batch: PathId, data: JSONBody[PrintBody]) -> Response[str]:
    """Make the codes of a batch and answer them as CSV: the only time that they are shown."""
    with hub.store.read() as connection:
        found = voucher_rows.get_batch(connection, batch)
    secret, entropy = hub.keys.voucher_secret, hub.entropy
    made = hub.writer.run(
        lambda tx: voucher_batches.print_codes(tx, batch, secret, entropy, again=data.again)
    )
    return Response(
        _csv(found, made),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="vouchers.csv"'},
    )


@money("/voucher-batches/{batch:str}/void", Scope.PAYMENTS_WRITE, tag=TAG)
def void_batch(
    hub: Hub,
    request: HttpRequest,
    batch: PathId,
    data: JSONBody[VoidBody],
    idempotency_key: IdempotencyKey,
) -> Response[BatchView]:
    """Take unused vouchers of a batch out of use; sold ones are paid back or lapse."""
    by = caller_of(request).id
    asked = Void(
        id=idempotency_key,
        batch=batch,
        serials=data.serials,
        till=data.till or "",
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _batch(voucher_batches.void_vouchers(tx, asked)))


@money("/accounts/{account:str}/redemptions", Scope.PAYMENTS_WRITE, tag=TAG)
def redeem(
    hub: Hub,
    redemptions: NamedDependency[Throttle],
    request: HttpRequest,
    account: PathId,
    data: JSONBody[RedemptionBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Redeem a voucher for an account, once. Attempts that fail are limited per account."""
    by = caller_of(request).id
    asked = Redemption(id=idempotency_key, account=account, code=data.code, by=by)
    claim = claim_of(by, idempotency_key, request.url.path, data)
    redemptions.attempt(account)
    secret = hub.keys.voucher_secret
    answer = answer_once(hub, claim, lambda tx: view(vouchers.redeem(tx, asked, secret)))
    redemptions.forgive(account)
    return answer


def _batch(batch: Batch) -> BatchView:
    return msgspec.convert(batch, BatchView, from_attributes=True)


def _voucher(voucher: Voucher) -> VoucherView:
    return msgspec.convert(voucher, VoucherView, from_attributes=True)


def _csv(batch: Batch, made: list[tuple[int, str]]) -> str:
    ends = ""
    if batch.expires_ms is not None:
        ends = datetime.fromtimestamp(batch.expires_ms // MS_PER_S, UTC).isoformat()
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("serial", "code", "amount_minor", "unit", "expires"))
    rows.writerows((serial, code, batch.amount_minor, batch.unit, ends) for serial, code in made)
    return text.getvalue()


ROUTES = (
    create_batch,
    list_batches,
    get_batch,
    list_vouchers,
    print_batch,
    void_batch,
    redeem,
)

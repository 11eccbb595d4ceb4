"""Routes of offline codes: issued for a controller, printed, voided."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import FromQuery, JSONBody

from hub.charging import code_rows
from hub.charging.code_rows import CodeBatch, CodeFunding, CodeState, IssuedCode
from hub.fleet.code_keys import code_key
from hub.fleet.controllers import get_controller
from hub.payments import offline_codes
from hub.payments.offline_codes import NewCodes, VoidCodes
from hub.people.keys import Scope
from hub.web.api.payments import Reason
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.problems import WebError
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name
from wire.codes import AMOUNTS_MINOR, COUNTERS, FIRST_YEAR, YEARS
from wire.errors import Code

TAG = "Offline codes"
HttpRequest = Request[Any, Any, Any]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=offline_codes.NAME_LENGTH_MAX)]
Worth = Annotated[int, msgspec.Meta(ge=1, le=max(AMOUNTS_MINOR))]
Many = Annotated[int, msgspec.Meta(ge=1, le=offline_codes.CODES_PER_BATCH_MAX)]
Year = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=FIRST_YEAR + YEARS - 1)]
Counter = Annotated[int, msgspec.Meta(ge=1, lt=COUNTERS)]
Counters = Annotated[
    tuple[Counter, ...], msgspec.Meta(max_length=offline_codes.CODES_PER_BATCH_MAX)
]


class CodesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes to issue for one controller.

    Attributes:
        name: What people read.
        funding: `sold`: paid for now, owed until redeemed; `promo`: given when redeemed.
        unit: Unit of the money; null: the operator's.
        amount_minor: Of each code: 1 to 9, or 1, 1.5, 2, 2.5, 3, 4, 5 or 7.5 times 10, 100,
            1,000 or 10,000; or 100,000.
        count: How many.
        last_year: Year at whose end they end, UTC; null: never.
        till: Sold ones: where the cash for all of them was put.
    """

    name: Label
    funding: CodeFunding
    unit: Name | None = None
    amount_minor: Worth
    count: Many
    last_year: Year | None = None
    till: Name | None = None


class PrintCodesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to print a batch's codes: there is nothing to choose."""


class VoidCodesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes to take out of use. A controller without network doesn't hear of it.

    Attributes:
        counters: Which; empty: all that weren't used.
        till: Where the money of sold ones is paid back; null: it lapses to `breakage`.
        reason: Why, in words.
    """

    counters: Counters = ()
    till: Name | None = None
    reason: Reason


class CodeBatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of codes; see `CodesBody`.

    Attributes:
        id: Made by who asked for it.
        name: What people read.
        funding: Who pays.
        controller: Where they can be typed.
        unit: Unit of the money.
        amount_minor: Of each code.
        count: How many there are.
        first_counter: Counter of the first; the others follow.
        last_year: Year at whose end they end, UTC; null: never.
        till: Where sold ones were paid for.
        by: Who issued them.
        at_ms: When.
    """

    id: str
    name: str
    funding: CodeFunding
    controller: str
    unit: str
    amount_minor: int
    count: int
    first_counter: int
    last_year: int | None
    till: str
    by: str
    at_ms: int


class CodeBatchNowView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, and how far its codes' lives are.

    Attributes:
        batch: The batch.
        states: How many are in each state, as far as controllers have reported.
        typeable: Whether its controller still has the key that they are bound to; false:
            those that aren't used never will be.
    """

    batch: CodeBatchView
    states: dict[CodeState, int]
    typeable: bool


class IssuedCodeView(msgspec.Struct, frozen=True, kw_only=True):
    """One code, without its digits.

    Attributes:
        counter: Its number at its controller.
        state: How far its life is.
        account: Who redeemed it; empty: nobody.
        movement: The movement that ended it; empty: none did.
        reason: Why it was voided.
        ended_ms: When it was ended; null: it may be redeemed.
    """

    counter: int
    state: CodeState
    account: str
    movement: str
    reason: str
    ended_ms: int | None


@money("/controllers/{controller:str}/code-batches", Scope.PAYMENTS_WRITE, tag=TAG)
def issue_codes(
    hub: Hub,
    request: HttpRequest,
    controller: PathId,
    data: JSONBody[CodesBody],
    idempotency_key: IdempotencyKey,
) -> Response[CodeBatchView]:
    """Issue codes that are typed at one controller, also when it has no network.

    Promotional ones give money away, as a campaign does: they take `tariffs:write` too.
    """
    caller = caller_of(request)
    if data.funding is CodeFunding.PROMO and Scope.TARIFFS_WRITE not in caller.scopes:
        raise WebError(
            f"The key {caller.name!r} lacks the scope {Scope.TARIFFS_WRITE}, which giving "
            "money away takes.",
            Code.SCOPE_MISSING,
        )
    asked = NewCodes(
        id=idempotency_key,
        name=data.name,
        controller=controller,
        funding=data.funding,
        unit=hub.settings.unit.code if data.unit is None else data.unit,
        amount_minor=data.amount_minor,
        count=data.count,
        last_year=data.last_year or 0,
        till=data.till or "",
        by=caller.id,
    )
    claim = claim_of(caller.id, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _batch(offline_codes.issue(tx, asked)))


@read("/code-batches", Scope.PAYMENTS_READ, tag=TAG)
def list_code_batches(
    hub: Hub,
    controller: FromQuery[str] = "",
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[CodeBatchView]:
    """List batches of codes, of one controller or of all, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = code_rows.list_batches(connection, controller, after=place, limit=limit)
    return page_of(rows, limit, _batch, lambda row: (row.at_ms, row.id))


@read("/code-batches/{batch:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_code_batch(hub: Hub, batch: PathId) -> CodeBatchNowView:
    """Read one batch, with how many of its codes are in each state."""
    with hub.store.read() as connection:
        found = code_rows.get_batch(connection, batch)
        mark = code_rows.code_mark_of(connection, found.controller)
        return CodeBatchNowView(
            batch=_batch(found),
            states=code_rows.count_states(connection, batch),
            typeable=mark == found.key_mark,
        )


@read("/code-batches/{batch:str}/codes", Scope.PAYMENTS_READ, tag=TAG)
def list_codes(
    hub: Hub, batch: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[IssuedCodeView]:
    """Codes of a batch in the order of counters, without their digits."""
    place = decode_cursor(after, tuple[int])
    with hub.store.read() as connection:
        code_rows.get_batch(connection, batch)
        rows = code_rows.list_codes(connection, batch, after=place[0] if place else 0, limit=limit)
    return page_of(rows, limit, _code, lambda row: (row.counter,))


@write("/code-batches/{batch:str}/print", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def print_codes(hub: Hub, batch: PathId, data: JSONBody[PrintCodesBody]) -> Response[str]:
    """Write out the digits of a batch's unused codes as CSV; again gives the same."""
    del data
    with hub.store.read() as connection:
        found = code_rows.get_batch(connection, batch)
        public_key = get_controller(connection, found.controller).code_public_key
    key = code_key(hub.keys, found.controller, public_key)
    written = hub.writer.run(lambda tx: offline_codes.write_codes(tx, batch, key))
    return Response(
        _csv(found, written),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="codes.csv"'},
    )


@money("/code-batches/{batch:str}/void", Scope.PAYMENTS_WRITE, tag=TAG)
def void_codes(
    hub: Hub,
    request: HttpRequest,
    batch: PathId,
    data: JSONBody[VoidCodesBody],
    idempotency_key: IdempotencyKey,
) -> Response[CodeBatchView]:
    """Take unused codes out of use; sold ones are paid back or lapse.

    What a controller without network takes all the same is booked from `suspense`.
    """
    by = caller_of(request).id
    asked = VoidCodes(
        id=idempotency_key,
        batch=batch,
        counters=data.counters,
        till=data.till or "",
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _batch(offline_codes.void(tx, asked)))


def _batch(batch: CodeBatch) -> CodeBatchView:
    return CodeBatchView(
        id=batch.id,
        name=batch.name,
        funding=batch.funding,
        controller=batch.controller,
        unit=batch.unit,
        amount_minor=batch.amount_minor,
        count=batch.count,
        first_counter=batch.first_counter,
        last_year=batch.last_year or None,
        till=batch.till,
        by=batch.by,
        at_ms=batch.at_ms,
    )


def _code(code: IssuedCode) -> IssuedCodeView:
    return msgspec.convert(code, IssuedCodeView, from_attributes=True)


def _csv(batch: CodeBatch, written: list[tuple[int, str]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("counter", "code", "controller", "amount_minor", "unit", "last_year"))
    rows.writerows(
        (counter, code, batch.controller, batch.amount_minor, batch.unit, batch.last_year or "")
        for counter, code in written
    )
    return text.getvalue()


ROUTES = (
    issue_codes,
    list_code_batches,
    get_code_batch,
    list_codes,
    print_codes,
    void_codes,
)

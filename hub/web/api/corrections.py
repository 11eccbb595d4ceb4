"""Routes of corrections by opposite entries, and of adjustments by staff."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.payments import adjustments, corrections
from hub.payments.adjustments import AdjustmentRules, Against, Direction
from hub.payments.corrections import Correction
from hub.people.keys import Scope
from hub.web.api.payments import Amount, PaymentView, Reason, view as payment_view
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name

TAG = "Corrections"
RULES_TAG = "Rules"
HttpRequest = Request[Any, Any, Any]
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class CorrectionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of the ledger to take back whole.

    Attributes:
        item: Its id.
        reason: Why, in words.
    """

    item: ItemId
    reason: Reason


class AdjustmentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What staff change of an account's money.

    Attributes:
        direction: `credit` gives to the account, `debit` takes from it.
        amount_minor: How much.
        against: Who is on the other side: `suspense`, `fees`, or `promo`, which gives a
            bonus that is never paid out.
        cause: One of the list, see the rules of adjustments.
        reason: Words.
    """

    direction: Direction
    amount_minor: Amount
    against: Against = Against.SUSPENSE
    cause: Name
    reason: Reason


class CorrectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A correction.

    Attributes:
        id: Made by who asked; the movement's id too.
        item: What was taken back.
        kind: Kind of that item.
        unit: Unit of the money.
        amount_minor: Sum of all that it had moved.
        account: Whose money moved; empty: no account's.
        reason: Words of who asked.
        by: Id of the API key, or `cli`.
        second: Who else agreed; empty: nobody had to.
        at_ms: When.
    """

    id: str
    item: str
    kind: str
    unit: str
    amount_minor: int
    account: str
    reason: str
    by: str
    second: str
    at_ms: int


@money("/corrections", Scope.CORRECTIONS_WRITE, tag=TAG)
def correct(
    hub: Hub, request: HttpRequest, data: JSONBody[CorrectionBody], idempotency_key: IdempotencyKey
) -> Response[CorrectionView]:
    """Take an item of the ledger back by its exact opposite, once."""
    by = caller_of(request).id
    asked = corrections.Ask(id=idempotency_key, item=data.item, reason=data.reason, by=by)
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(corrections.correct(tx, asked)))


@read("/corrections", Scope.PAYMENTS_READ, tag=TAG)
def list_corrections(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[CorrectionView]:
    """List corrections, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = corrections.list_corrections(connection, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.at_ms, row.id))


@read("/corrections/{correction:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_correction(hub: Hub, correction: PathId) -> CorrectionView:
    """Read one correction."""
    with hub.store.read() as connection:
        return _view(corrections.get_correction(connection, correction))


@money("/accounts/{account:str}/adjustments", Scope.CORRECTIONS_WRITE, tag=TAG)
def adjust(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[AdjustmentBody],
    idempotency_key: IdempotencyKey,
) -> Response[PaymentView]:
    """Change what an account has; above a limit a second person must agree, see approvals."""
    by = caller_of(request).id
    asked = adjustments.Adjustment(
        id=idempotency_key,
        account=account,
        direction=data.direction,
        amount_minor=data.amount_minor,
        against=data.against,
        cause=data.cause,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: payment_view(adjustments.adjust(tx, asked)))


@read("/rules/adjustments", Scope.PAYMENTS_READ, tag=RULES_TAG)
def get_adjustment_rules(hub: Hub) -> AdjustmentRules:
    """Read what adjustments may be for."""
    with hub.store.read() as connection:
        return adjustments.read_adjustment_rules(connection)


@write("/rules/adjustments", Scope.TARIFFS_WRITE, tag=RULES_TAG, status=200)
def put_adjustment_rules(hub: Hub, data: JSONBody[AdjustmentRules]) -> AdjustmentRules:
    """Decide what adjustments may be for; it is in force at once."""
    return hub.writer.run(lambda tx: adjustments.write_adjustment_rules(tx, data))


def _view(correction: Correction) -> CorrectionView:
    return msgspec.convert(correction, CorrectionView, from_attributes=True)


ROUTES = (
    correct,
    list_corrections,
    get_correction,
    adjust,
    get_adjustment_rules,
    put_adjustment_rules,
)

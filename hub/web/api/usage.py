"""Routes of usage that other programs report: hold, raise, capture, release, buy.

Each step is asked for with an id of the caller's, in the header `Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.charging import usage as usages, usage_rows
from hub.charging.usage_asked import Authorise, Capture, Raise, Release, Stretch, Use
from hub.charging.usage_rows import OLD_MS, Step, UsageRow
from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.people import cards
from hub.people.keys import Scope
from hub.web.api.usage_bodies import (
    AuthoriseBody,
    CaptureBody,
    RaiseBody,
    ReleaseBody,
    StepView,
    StretchBody,
    UsageDetail,
    UsageSummary,
)
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read

TAG = "Usage"
HttpRequest = Request[Any, Any, Any]
STEPS_SHOWN_MAX = 200
"""A usage with more increments than that is read by its sums."""
OnlyAccount = Annotated[
    str | None, QueryParameter(max_length=64, required=False, description="Only of this account.")
]
OnlyMember = Annotated[
    str | None, QueryParameter(max_length=64, required=False, description="Only of this member.")
]
OnlyOpen = Annotated[
    bool,
    QueryParameter(
        name="open", required=False, description="Only what is still held, oldest first."
    ),
]


@money("/usage/authorise", Scope.USAGE_WRITE, tag=TAG)
def authorise(
    hub: Hub,
    request: HttpRequest,
    data: JSONBody[AuthoriseBody],
    idempotency_key: IdempotencyKey,
) -> Response[StepView]:
    """Hold money for a usage; the key becomes its id."""
    asked = _authorise(hub, request, data, idempotency_key)
    return _once(hub, request, data, asked, lambda tx: usages.authorise(tx, asked))


@money("/usage/charge", Scope.USAGE_WRITE, tag=TAG)
def charge(
    hub: Hub,
    request: HttpRequest,
    data: JSONBody[AuthoriseBody],
    idempotency_key: IdempotencyKey,
) -> Response[StepView]:
    """Buy something in one step: it is paid at once, or refused."""
    asked = _authorise(hub, request, data, idempotency_key)
    return _once(hub, request, data, asked, lambda tx: usages.charge(tx, asked))


@money("/usage/{usage:str}/raise", Scope.USAGE_WRITE, tag=TAG)
def raise_hold(
    hub: Hub,
    request: HttpRequest,
    usage: PathId,
    data: JSONBody[RaiseBody],
    idempotency_key: IdempotencyKey,
) -> Response[StepView]:
    """Hold more for a usage."""
    asked = Raise(
        id=idempotency_key,
        usage=usage,
        amount_minor=data.amount_minor,
        by=caller_of(request).id,
    )
    return _once(hub, request, data, asked, lambda tx: usages.raise_hold(tx, asked))


@money("/usage/{usage:str}/capture", Scope.USAGE_WRITE, tag=TAG)
def capture(
    hub: Hub,
    request: HttpRequest,
    usage: PathId,
    data: JSONBody[CaptureBody],
    idempotency_key: IdempotencyKey,
) -> Response[StepView]:
    """Take what was used; the final capture gives back what is left of the hold."""
    asked = Capture(
        id=idempotency_key,
        usage=usage,
        amount_minor=data.amount_minor,
        use=_use(data.use),
        final=data.final,
        beyond=data.beyond,
        by=caller_of(request).id,
    )
    return _once(hub, request, data, asked, lambda tx: usages.capture(tx, asked))


@money("/usage/{usage:str}/release", Scope.USAGE_WRITE, tag=TAG)
def release(
    hub: Hub,
    request: HttpRequest,
    usage: PathId,
    data: JSONBody[ReleaseBody],
    idempotency_key: IdempotencyKey,
) -> Response[StepView]:
    """Give a hold back; what was captured stays."""
    asked = Release(id=idempotency_key, usage=usage, reason=data.reason, by=caller_of(request).id)
    return _once(hub, request, data, asked, lambda tx: usages.release(tx, asked))


@read("/usage", Scope.PAYMENTS_READ, tag=TAG)
def list_usages(
    hub: Hub,
    account: OnlyAccount = None,
    member: OnlyMember = None,
    only_open: OnlyOpen = False,  # noqa: FBT002 a parameter of the address
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[UsageSummary]:
    """Usages, newest first; with `open` those that hold money, oldest first."""
    place = decode_cursor(after, tuple[int, str])
    wanted = {"account": account, "member": member}
    match = {name: value for name, value in wanted.items() if value is not None}
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        rows = usage_rows.list_usages(
            connection, match=match, open_only=only_open, after=place, limit=limit
        )
    return page_of(
        rows, limit, lambda row: _summary(row, now_ms), lambda row: (row.started_ms, row.id)
    )


@read("/usage/{usage:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_usage(hub: Hub, usage: PathId) -> UsageDetail:
    """One usage and its steps."""
    with hub.store.read() as connection:
        row = usage_rows.get_usage(connection, usage)
        steps = usage_rows.steps_of(connection, usage, STEPS_SHOWN_MAX)
    summary = _summary(row, hub.clock.now().wall_ms)
    return UsageDetail(**msgspec.structs.asdict(summary), steps=[_view(step) for step in steps])


def _once(
    hub: Hub,
    request: HttpRequest,
    data: msgspec.Struct,
    asked: Authorise | Raise | Capture | Release,
    work: Callable[[Tx], Step],
) -> Response[StepView]:
    claim = claim_of(asked.by, asked.id, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(work(tx)))


def _authorise(hub: Hub, request: HttpRequest, data: AuthoriseBody, key: str) -> Authorise:
    if data.uid is not None and data.card_ref is not None:
        raise InputError("name the card by uid or by card_ref: one of them")
    ref = data.card_ref or ""
    if data.uid is not None:
        ref = cards.ref_of_uid(hub.keys.card_salt, data.uid)
    return Authorise(
        id=key,
        service=data.service,
        account=data.account or "",
        card_ref=ref,
        member=data.member or "",
        tariff=data.tariff or "",
        amount_minor=data.amount_minor,
        use=_use(data.use),
        by=caller_of(request).id,
    )


def _use(body: tuple[StretchBody, ...] | None) -> Use | None:
    if body is None:
        return None
    return tuple(
        Stretch(from_ms=one.from_ms, time_ms=one.time_ms, quantity=one.quantity) for one in body
    )


def _view(step: Step) -> StepView:
    return msgspec.convert(step, StepView, from_attributes=True)


def _summary(row: UsageRow, now_ms: int) -> UsageSummary:
    values = {name: getattr(row, name) for name in UsageRow.__dataclass_fields__}
    is_old = row.ended_ms is None and now_ms - row.started_ms >= OLD_MS
    return UsageSummary(**values, is_old=is_old)


ROUTES = (authorise, charge, raise_hold, capture, release, list_usages, get_usage)

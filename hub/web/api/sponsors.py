"""Routes of sponsors: gifts of a sponsor's wallet, and programmes that give by themselves."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.charging import programmes, sponsors
from hub.charging.programmes import Every, Programme, ProgrammeState
from hub.people.keys import Scope
from hub.web.api.lots import Amount, Kinds, LotView, Reason, Time, view as view_lot
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name

TAG = "Sponsors"
GIFTS_PER_REQUEST_MAX = 500
"""What a caller waits for; the hub itself gives the rest by and by."""
HttpRequest = Request[Any, Any, Any]
SponsorParameter = Annotated[
    str, QueryParameter(max_length=64, required=False, description="Only this account's.")
]


class GiftBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gift out of a sponsor's wallet.

    Attributes:
        account: Who gets it; in the sponsor's unit.
        amount_minor: How much, in minor units.
        kinds: Kinds of machines that it pays for; none: all.
        starts_ms: From when on; in the past: from now on.
        expires_ms: Until when, then what is left goes back; null: for ever.
        reason: Why, in words.
    """

    account: Name
    amount_minor: Amount
    kinds: Kinds = []
    starts_ms: Time = 0
    expires_ms: Time | None = None
    reason: Reason = ""


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sponsor's standing decision to give.

    Attributes:
        id: Made by the caller: the same again changes nothing.
        name: What people call it.
        sponsor: Account whose wallet pays.
        amount_minor: How much each gift is.
        kinds: Kinds of machines that the gifts pay for; none: all.
        people: Accounts that get it; none: those of the group.
        group: Price group whose accounts get it; empty: those named.
        every: `once` for each person, or each `month`: what is left then goes back.
        timezone: Where its months begin.
        starts_ms: From when on it gives.
        expires_ms: Until when it gives, and its gifts pay.
        budget_minor: Most that all its gifts make together; null: no limit of its own.
    """

    id: Name
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=programmes.NAME_LENGTH_MAX)]
    sponsor: Name
    amount_minor: Amount
    kinds: Kinds = []
    people: Annotated[list[Name], msgspec.Meta(max_length=programmes.PEOPLE_PER_PROGRAMME_MAX)] = []
    group: Name = ""
    every: Every = Every.ONCE
    timezone: Name = "UTC"
    starts_ms: Time = 0
    expires_ms: Time
    budget_minor: Amount | None = None


class ProgrammeView(msgspec.Struct, frozen=True, kw_only=True):
    """A sponsor's standing decision to give, and how far it was carried out.

    Attributes:
        id: Made by who decided.
        name: What people call it.
        sponsor: Account whose wallet pays.
        unit: Unit of the money.
        amount_minor: How much each gift is.
        kinds: Kinds of machines that the gifts pay for; none: all.
        people: Accounts that get it; none: those of the group.
        group: Price group whose accounts get it; empty: those named.
        every: How often.
        timezone: Where its months begin.
        starts_ms: From when on it gives.
        expires_ms: Until when it gives, and its gifts pay.
        budget_minor: Most that all its gifts make together.
        given_minor: What its gifts made so far.
        state: `open`, or `stopped`: it gives no more.
        by: Who decided.
        created_ms: When.
    """

    id: str
    name: str
    sponsor: str
    unit: str
    amount_minor: int
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    group: str
    every: Every
    timezone: str
    starts_ms: int
    expires_ms: int
    budget_minor: int | None
    given_minor: int
    state: ProgrammeState
    by: str
    created_ms: int


class GivenView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a programme for one account at one time.

    Attributes:
        account: Who.
        period: Which month, as 2027-03; empty: once and for all.
        lot: The gift; null: it was refused.
        code: Why; 0: it was given.
        at_ms: When.
    """

    account: str
    period: str
    lot: str | None
    code: int
    at_ms: int


class RunBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more to say: give what is due, also to those who were refused before."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """How far it went.

    Attributes:
        looked_at: How many were given or refused; the most at once is 500.
    """

    looked_at: int


def view(programme: Programme) -> ProgrammeView:
    """A programme as the API shows it."""
    return msgspec.convert(programme, ProgrammeView, from_attributes=True)


@money("/accounts/{account:str}/gifts", Scope.PAYMENTS_WRITE, tag=TAG)
def give(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[GiftBody],
    idempotency_key: IdempotencyKey,
) -> Response[LotView]:
    """Give money of this account's wallet to another, for named machines or a time."""
    by = caller_of(request).id
    asked = sponsors.Sponsored(
        id=idempotency_key,
        sponsor=account,
        account=data.account,
        amount_minor=data.amount_minor,
        kinds=tuple(data.kinds),
        starts_ms=data.starts_ms,
        expires_ms=data.expires_ms,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(
        hub, claim, lambda tx: view_lot(sponsors.sponsor(tx, asked), (asked.amount_minor, 0))
    )


@write("/programmes", Scope.PAYMENTS_WRITE, tag=TAG)
def add_programme(hub: Hub, request: HttpRequest, data: JSONBody[ProgrammeBody]) -> ProgrammeView:
    """Decide that a sponsor gives: to whom, how much, for what, how often."""
    fields = msgspec.structs.asdict(data)
    fields |= {"kinds": tuple(data.kinds), "people": tuple(data.people)}
    asked = Programme(by=caller_of(request).id, **fields)
    return view(hub.writer.run(lambda tx: programmes.add_programme(tx, asked)))


@read("/programmes", Scope.PAYMENTS_READ, tag=TAG)
def list_programmes(
    hub: Hub,
    sponsor: SponsorParameter = "",
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[ProgrammeView]:
    """Programmes, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = programmes.list_programmes(connection, sponsor=sponsor, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.created_ms, row.id))


@read("/programmes/{programme:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_programme(hub: Hub, programme: PathId) -> ProgrammeView:
    """One programme, and how far it was carried out."""
    with hub.store.read() as connection:
        return view(programmes.get_programme(connection, programme))


@read("/programmes/{programme:str}/gifts", Scope.PAYMENTS_READ, tag=TAG)
def list_gifts(
    hub: Hub, programme: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[GivenView]:
    """Who got a programme's gifts, and who didn't for which reason."""
    place = decode_cursor(after, tuple[str, str])
    with hub.store.read() as connection:
        programmes.get_programme(connection, programme)
        rows = sponsors.list_given(connection, programme, after=place, limit=limit)
    return page_of(
        rows,
        limit,
        lambda row: msgspec.convert(row, GivenView, from_attributes=True),
        lambda row: (row.period, row.account),
    )


@write("/programmes/{programme:str}/stop", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def stop_programme(hub: Hub, programme: PathId) -> ProgrammeView:
    """Have a programme give no more; what it gave stays."""
    return view(hub.writer.run(lambda tx: programmes.stop_programme(tx, programme)))


@money("/programmes/{programme:str}/run", Scope.PAYMENTS_WRITE, tag=TAG)
def run_programme(
    hub: Hub,
    request: HttpRequest,
    programme: PathId,
    data: JSONBody[RunBody],
    idempotency_key: IdempotencyKey,
) -> Response[RunView]:
    """Give what a programme owes now, also to those who were refused before."""
    claim = claim_of(caller_of(request).id, idempotency_key, request.url.path, data)

    def work(tx: Any) -> RunView:
        return RunView(looked_at=sponsors.retry(tx, programme, tx.now_ms, GIFTS_PER_REQUEST_MAX))

    return answer_once(hub, claim, work)


ROUTES = (
    give,
    add_programme,
    list_programmes,
    get_programme,
    list_gifts,
    stop_programme,
    run_programme,
)

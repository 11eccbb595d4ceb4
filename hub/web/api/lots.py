"""Routes of lots: money given, what is left of it, and its early end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.charging import lot_rows, lots
from hub.charging.lot import Lot, LotState
from hub.ledger import accounts as chart
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name

TAG = "Lots"
Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Kinds = Annotated[list[Name], msgspec.Meta(max_length=lots.KINDS_PER_LOT_MAX)]
Time = Annotated[int, msgspec.Meta(ge=0, le=lots.TIME_MS_MAX)]
Reason = Annotated[str, msgspec.Meta(max_length=lots.REASON_LENGTH_MAX)]
HttpRequest = Request[Any, Any, Any]


class LotView(msgspec.Struct, frozen=True, kw_only=True):
    """A lot of given money.

    Attributes:
        id: Id of the gift.
        account: Whose it is.
        unit: Unit of the money.
        giver: Ledger account that gave.
        kinds: Kinds of machines that it pays for; none: all.
        starts_ms: From when on it pays.
        expires_ms: Until when; null: for ever.
        amount_minor: How much was given.
        free_minor: What is left and free.
        held_minor: What controllers and usages hold of it.
        source: Why it exists, in a word.
        reason: Words of who gave.
        by: Who gave.
        created_ms: When.
        state: `waiting`, `open`, `expired` (what is held is awaited) or `closed`.
        closed_ms: Since when nothing is left of it.
    """

    id: str
    account: str
    unit: str
    giver: str
    kinds: tuple[str, ...]
    starts_ms: int
    expires_ms: int | None
    amount_minor: int
    free_minor: int
    held_minor: int
    source: str
    reason: str
    by: str
    created_ms: int
    state: LotState
    closed_ms: int | None


class GiveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gift of the house.

    Attributes:
        amount_minor: How much, in minor units of the account's unit.
        kinds: Kinds of machines that it pays for; none: all.
        starts_ms: From when on; in the past: from now on.
        expires_ms: Until when, then what is left lapses; null: for ever.
        source: Why, in a word: `promo`, `goodwill` …
        reason: Why, in words.
    """

    amount_minor: Amount
    kinds: Kinds = []
    starts_ms: Time = 0
    expires_ms: Time | None = None
    source: Name = "promo"
    reason: Reason = ""


class EndBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more to say: what is left of a lot lapses, or goes back to its sponsor."""


def view(lot: Lot, left: tuple[int, int]) -> LotView:
    """A lot as the API shows it."""
    free, held = left
    return LotView(
        **{name: getattr(lot, name) for name in _SHOWN},
        free_minor=free,
        held_minor=held,
    )


@money("/accounts/{account:str}/lots", Scope.PAYMENTS_WRITE, tag=TAG)
def give_lot(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[GiveBody],
    idempotency_key: IdempotencyKey,
) -> Response[LotView]:
    """Give an account money that it can spend and never pay out."""
    by = caller_of(request).id
    with hub.store.read() as connection:
        unit = get_account(connection, account).unit
    asked = lots.Gift(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        giver=chart.house("promo", unit),
        kinds=tuple(data.kinds),
        starts_ms=data.starts_ms,
        expires_ms=data.expires_ms,
        source=data.source,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: view(lots.give(tx, asked), (asked.amount_minor, 0)))


@read("/accounts/{account:str}/lots", Scope.PEOPLE_READ, tag=TAG)
def list_lots(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[LotView]:
    """Lots of an account, newest first, with what is left of each."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = lot_rows.list_lots(connection, account, after=place, limit=limit)
        left = lot_rows.left_of(connection, rows)
    return page_of(
        rows, limit, lambda lot: view(lot, left[lot.id]), lambda lot: (lot.created_ms, lot.id)
    )


@read("/lots/{lot:str}", Scope.PEOPLE_READ, tag=TAG)
def get_lot(hub: Hub, lot: PathId) -> LotView:
    """One lot, with what is left of it."""
    with hub.store.read() as connection:
        found = lots.get_lot(connection, lot)
        return view(found, lot_rows.left_of(connection, [found])[lot])


@money("/lots/{lot:str}/expire", Scope.PAYMENTS_WRITE, tag=TAG)
def expire_lot(
    hub: Hub,
    request: HttpRequest,
    lot: PathId,
    data: JSONBody[EndBody],
    idempotency_key: IdempotencyKey,
) -> Response[LotView]:
    """End a lot early; what controllers hold of it goes the same way when it comes back."""

    def work(tx: Any) -> LotView:
        ended = lots.expire_early(tx, lot)
        tx.book.flush()
        return view(ended, lot_rows.left_of(tx.connection, [ended])[lot])

    claim = claim_of(caller_of(request).id, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, work)


_SHOWN: Sequence[str] = tuple(
    name for name in LotView.__struct_fields__ if name not in ("free_minor", "held_minor")
)
ROUTES = (give_lot, list_lots, get_lot, expire_lot)

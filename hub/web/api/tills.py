"""Routes of tills: which there are, and their shifts with every count."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.ledger import accounts as chart
from hub.payments import shift_records, shifts, takings, till_cash, tills
from hub.payments.drawer import DENOMINATIONS_MAX, PIECES_MAX
from hub.payments.shift_records import Shift
from hub.payments.shifts import Closing, Opening
from hub.payments.takings import Takings
from hub.payments.till_cash import Direction, Movement, Place
from hub.payments.tills import Till, TillKind
from hub.people.keys import Scope
from hub.web.api.payments import Amount, Reason
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Minor, Name
from wire.ids import NAME_LENGTH_MAX
from wire.money import AMOUNT_MINOR_MAX

TAG = "Tills"
HttpRequest = Request[Any, Any, Any]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=tills.NAME_LENGTH_MAX)]
Why = Annotated[str, msgspec.Meta(max_length=200)]
Moved = Annotated[int, msgspec.Meta(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]
Pieces = Annotated[int, msgspec.Meta(ge=0, le=PIECES_MAX)]
TillName = Annotated[
    str, QueryParameter(max_length=NAME_LENGTH_MAX, required=False, description="Of which till.")
]
Differing = Annotated[
    bool,
    QueryParameter(required=False, description="Only those whose count differed from the book."),
]


class TillBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A till to register.

    Attributes:
        id: Its name in the book; an acceptor's is its controller's.
        name: What people read.
        site: Where it stands; null: nowhere in particular; an acceptor's is known.
        kind: What it is.
        unit: Unit of its cash; null: the operator's.
    """

    id: Name
    name: Label
    site: Name | None = None
    kind: TillKind = TillKind.TILL
    unit: Name | None = None


class TillView(msgspec.Struct, frozen=True, kw_only=True):
    """A till.

    Attributes:
        id: Its name in the book.
        name: What people read.
        site: Where it stands; empty: nowhere in particular.
        kind: What it is.
        unit: Unit of its cash.
        shift: The shift in progress; null: it is closed.
    """

    id: str
    name: str
    site: str
    kind: TillKind
    unit: str
    shift: Shift | None


class OpeningBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shift to open.

    Attributes:
        float_minor: Counted in the drawer; null: an acceptor's, as the book says.
        from_safe_minor: Of it, put in from the safe, below 0: taken to it; null: what the
            count needs.
        reason: Why the count differs from the book, when it does.
    """

    float_minor: Minor | None = None
    from_safe_minor: Moved | None = None
    reason: Why = ""


class DenominationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Coins or notes of one value.

    Attributes:
        value_minor: What one is worth.
        pieces: How many.
    """

    value_minor: Amount
    pieces: Pieces


class ClosingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A count that closes a shift.

    Attributes:
        counted_minor: Counted in the drawer; null: the denominations say it.
        denominations: Coins and notes as counted; empty: only the sum is known.
        left_minor: Stays in the drawer; the rest goes to the safe.
        reason: Why the count differs from the book, when it does.
    """

    counted_minor: Minor | None = None
    denominations: Annotated[
        tuple[DenominationBody, ...], msgspec.Meta(max_length=DENOMINATIONS_MAX)
    ] = ()
    left_minor: Minor = 0
    reason: Why = ""


class CashBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash that a person puts in or takes out.

    Attributes:
        direction: Which way, as the drawer sees it.
        place: Where from or to; `other` waits in `suspense` until someone explains it.
        amount_minor: How much.
        reason: Why, in words.
    """

    direction: Direction
    place: Place
    amount_minor: Amount
    reason: Reason


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """Cash that a person put in or took out.

    Attributes:
        id: Made by who asked.
        till: Which drawer.
        shift: In which shift.
        direction: Which way, as the drawer sees it.
        place: Where from or to.
        amount_minor: How much.
        reason: Why.
        by: Id of the API key.
        at_ms: When it was booked.
    """

    id: str
    till: str
    shift: str
    direction: Direction
    place: Place
    amount_minor: int
    reason: str
    by: str
    at_ms: int


class TakingsView(msgspec.Struct, frozen=True, kw_only=True):
    """Cash of one kind of movement.

    Attributes:
        kind: Kind of the movement, as in the ledger.
        in_minor: Came in.
        out_minor: Went out.
        movements: How many.
    """

    kind: str
    in_minor: int
    out_minor: int
    movements: int


class ShiftTakingsView(msgspec.Struct, frozen=True, kw_only=True):
    """A shift and what moved in it.

    Attributes:
        shift: The shift.
        takings: Cash by kind of movement, so far or until its close.
    """

    shift: Shift
    takings: list[TakingsView]


@write("/tills", Scope.FLEET_WRITE, tag=TAG)
def put_till(hub: Hub, data: JSONBody[TillBody]) -> TillView:
    """Register a till, or change its name and site."""
    till = Till(
        id=data.id,
        name=data.name,
        site=data.site or "",
        kind=data.kind,
        unit=hub.settings.unit.code if data.unit is None else data.unit,
    )
    return _till(hub.writer.run(lambda tx: tills.put_till(tx, till)), None)


@read("/tills", Scope.PAYMENTS_READ, tag=TAG)
def list_tills(hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT) -> Page[TillView]:
    """List tills in the order of ids, each with its shift in progress."""
    place = decode_cursor(after, tuple[str])
    with hub.store.read() as connection:
        rows = tills.list_tills(connection, after=place[0] if place else "", limit=limit)
        current = shift_records.current_shifts(connection, [row.id for row in rows])
    return page_of(rows, limit, lambda row: _till(row, current.get(row.id)), lambda row: (row.id,))


@read("/tills/{till:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_till(hub: Hub, till: PathId) -> TillView:
    """Read one till with its shift in progress."""
    with hub.store.read() as connection:
        found = tills.get_till(connection, till)
        return _till(found, shift_records.current_shift(connection, till))


@money("/tills/{till:str}/shifts", Scope.PAYMENTS_WRITE, tag=TAG)
def open_shift(
    hub: Hub,
    request: HttpRequest,
    till: PathId,
    data: JSONBody[OpeningBody],
    idempotency_key: IdempotencyKey,
) -> Response[Shift]:
    """Open a shift with what was counted in the drawer."""
    by = caller_of(request).id
    asked = Opening(
        id=idempotency_key,
        till=till,
        float_minor=data.float_minor,
        from_safe_minor=data.from_safe_minor,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: shifts.open_shift(tx, asked))


@write("/tills/{till:str}/count", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def begin_count(hub: Hub, till: PathId) -> Shift:
    """Stop cash at a till, so that its drawer can be counted."""
    return hub.writer.run(lambda tx: shifts.begin_count(tx, till))


@write("/tills/{till:str}/resume", Scope.PAYMENTS_WRITE, tag=TAG, status=200)
def resume(hub: Hub, till: PathId) -> Shift:
    """Let cash move again at a till that was about to be counted."""
    return hub.writer.run(lambda tx: shifts.resume(tx, till))


@money("/tills/{till:str}/close", Scope.PAYMENTS_WRITE, tag=TAG)
def close_shift(
    hub: Hub,
    request: HttpRequest,
    till: PathId,
    data: JSONBody[ClosingBody],
    idempotency_key: IdempotencyKey,
) -> Response[Shift]:
    """Close the shift of a till by its count; a difference is booked to `suspense`."""
    by = caller_of(request).id
    asked = Closing(
        id=idempotency_key,
        till=till,
        counted_minor=data.counted_minor,
        denominations=tuple((one.value_minor, one.pieces) for one in data.denominations),
        left_minor=data.left_minor,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: shifts.close_shift(tx, asked))


@money("/tills/{till:str}/cash", Scope.PAYMENTS_WRITE, tag=TAG)
def move_cash(
    hub: Hub,
    request: HttpRequest,
    till: PathId,
    data: JSONBody[CashBody],
    idempotency_key: IdempotencyKey,
) -> Response[MovementView]:
    """Put cash into a drawer or take it out: a drop, change, a purchase."""
    by = caller_of(request).id
    asked = Movement(
        id=idempotency_key,
        till=till,
        direction=data.direction,
        place=data.place,
        amount_minor=data.amount_minor,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _movement(till_cash.move_cash(tx, asked)))


@read("/shifts", Scope.PAYMENTS_READ, tag=TAG)
def list_shifts(
    hub: Hub,
    till: TillName = "",
    differing: Differing = False,  # noqa: FBT002 a parameter of the address
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[Shift]:
    """Shifts, newest first: of all tills or one, all or those that didn't add up."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = shift_records.list_shifts(
            connection, till=till, differing=differing, after=place, limit=limit
        )
    return page_of(rows, limit, lambda row: row, lambda row: (row.opened_ms, row.id))


@read("/shifts/{shift:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_shift(hub: Hub, shift: PathId) -> ShiftTakingsView:
    """Read one shift with its takings."""
    with hub.store.read() as connection:
        found = shift_records.get_shift(connection, shift)
        cash = chart.cash(found.till, found.unit)
        moved = takings.takings_of(
            connection, cash, after=found.first_transfer, through=found.last_transfer
        )
    return ShiftTakingsView(shift=found, takings=[_takings(one) for one in moved])


@read("/shifts/{shift:str}/cash", Scope.PAYMENTS_READ, tag=TAG)
def list_movements(
    hub: Hub, shift: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[MovementView]:
    """Cash that people put in or took out in a shift, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        shift_records.get_shift(connection, shift)
        rows = till_cash.list_movements(connection, shift, after=place, limit=limit)
    return page_of(rows, limit, _movement, lambda row: (row.at_ms, row.id))


def _till(till: Till, shift: Shift | None) -> TillView:
    return TillView(
        id=till.id, name=till.name, site=till.site, kind=till.kind, unit=till.unit, shift=shift
    )


def _movement(movement: Movement) -> MovementView:
    return msgspec.convert(movement, MovementView, from_attributes=True)


def _takings(moved: Takings) -> TakingsView:
    return msgspec.convert(moved, TakingsView, from_attributes=True)


ROUTES = (
    put_till,
    list_tills,
    get_till,
    open_shift,
    begin_count,
    resume,
    close_shift,
    move_cash,
    list_shifts,
    get_shift,
    list_movements,
)

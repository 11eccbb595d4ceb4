"""Routes of sessions as they were booked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.charging import history
from hub.charging.history import Session
from hub.ledger.writer import Tx
from hub.payments import vend_decisions
from hub.people.keys import Scope
from hub.web.api.payments import Reason
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read

TAG = "Sessions"
HttpRequest = Request[Any, Any, Any]
Only = Annotated[
    str | None, QueryParameter(max_length=64, required=False, description="Only of this.")
]
OnlyState = Annotated[
    Literal["running", "ended", "undecided", "refunded"] | None,
    QueryParameter(name="state", required=False, description="Only in this state."),
]


class DecisionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decides on a vend.

    Attributes:
        gave: Whether it gave what was paid for.
        reason: Why they think so, in words.
    """

    gave: bool
    reason: Reason


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as far as it is booked.

    Attributes:
        id: Made by its controller.
        controller: Where.
        machine: Which machine.
        account: Who pays.
        card_ref: Reference of the card that was tapped.
        tariff: Tariff, frozen at the start.
        tariff_version: Its version.
        unit: Unit of the money.
        state: `running`, `ended`, `undecided` (a vend whose outcome isn't known) or
            `refunded`.
        reason: Why it ended.
        started_ms: When it began, by the controller's clock.
        ended_ms: When it ended.
        time_ms: Time used.
        quantity: Base units used.
        charge_minor: What it cost.
        tax_minor: Tax within.
        backed_minor: Part paid from backed rights.
        unbacked_minor: Part beyond them.
        overrun_minor: Part beyond the wallet too.
        rerated_minor: The hub's own price, where it differs from the controller's.
        refunded_minor: What was given back.
        started_online: Whether the hub was reachable at the start.
        booked_ms: When the hub booked it last.
        member: Whose card it was, of an organisation's members; null: nobody's of them.
        kind: Kind of the machine when it began.
    """

    id: str
    controller: str
    machine: str
    account: str
    card_ref: str
    tariff: str
    tariff_version: int
    unit: str
    state: str
    reason: str
    started_ms: int
    ended_ms: int | None
    time_ms: int
    quantity: int
    charge_minor: int
    tax_minor: int
    backed_minor: int
    unbacked_minor: int
    overrun_minor: int
    rerated_minor: int | None
    refunded_minor: int
    started_online: bool
    booked_ms: int
    member: str | None
    kind: str


def view(session: Session) -> SessionView:
    """A session as the API shows it."""
    return msgspec.convert(session, SessionView, from_attributes=True)


@read("/sessions", Scope.FLEET_READ, tag=TAG)
def list_sessions(
    hub: Hub,
    account: Only = None,
    machine: Only = None,
    only_state: OnlyState = None,
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[SessionView]:
    """List sessions, newest first."""
    place = decode_cursor(after, tuple[int, str])
    wanted = {"account": account, "machine": machine, "state": only_state}
    match = {name: value for name, value in wanted.items() if value is not None}
    with hub.store.read() as connection:
        rows = history.list_sessions(connection, match=match, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.started_ms, row.id))


@read("/sessions/{session:str}", Scope.FLEET_READ, tag=TAG)
def get_session(hub: Hub, session: PathId) -> SessionView:
    """Read one session."""
    with hub.store.read() as connection:
        return view(history.get_session(connection, session))


@money("/sessions/{session:str}/decision", Scope.REFUNDS_WRITE, tag=TAG)
def decide(
    hub: Hub,
    request: HttpRequest,
    session: PathId,
    data: JSONBody[DecisionBody],
    idempotency_key: IdempotencyKey,
) -> Response[SessionView]:
    """Decide whether a vend gave what was paid for, where the machine never said.

    It did: the price becomes revenue. It didn't: the price goes back to what paid it.
    """
    by = caller_of(request).id
    asked = vend_decisions.VendDecision(
        id=idempotency_key, session=session, gave=data.gave, reason=data.reason, by=by
    )

    def job(tx: Tx) -> SessionView:
        vend_decisions.decide_vend(tx, asked)
        return view(history.get_session(tx.connection, session))

    return answer_once(hub, claim_of(by, idempotency_key, request.url.path, data), job)


ROUTES = (list_sessions, get_session, decide)

"""Routes of second persons: ask for one, agree, disagree, and the limits above which."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.payments import approvals, second_person
from hub.payments.action_contents import Content, kind_of
from hub.payments.actions import ACTIONS
from hub.payments.approvals import Approval, ApprovalState
from hub.payments.second_person import SecondPersonRules
from hub.people.keys import Scope
from hub.web.api.payments import Reason
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write

TAG = "Approvals"
HttpRequest = Request[Any, Any, Any]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
OnlyState = Annotated[
    Literal["pending", "done", "refused", "withdrawn", "expired"] | None,
    QueryParameter(name="state", required=False, description="Only in this state."),
]


class AskBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What another person is asked to agree to.

    Attributes:
        action: All that is to be done; its `kind` says what.
    """

    action: Content


class AgreeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agreement.

    Attributes:
        digest: Of what was seen: `digest` of the request.
    """

    digest: Digest


class DisagreeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A disagreement, or a withdrawal by who asked.

    Attributes:
        reason: Why, in words.
    """

    reason: Reason


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a second person.

    Attributes:
        id: Made by who asked; the id of what is done, too.
        kind: Which action.
        action: All that is to be done.
        digest: Over id, kind and action.
        subject: What it is about.
        unit: Unit of the money; empty: none moves.
        amount_minor: How much.
        state: How far it is.
        by: Who asked.
        asked_ms: When.
        expires_ms: Until when someone may agree.
        decided_by: Who agreed, disagreed or withdrew; empty: nobody.
        decided_ms: When it ended; null: it is pending.
        decision: Words of who decided.
    """

    id: str
    kind: str
    action: Content
    digest: str
    subject: str
    unit: str
    amount_minor: int
    state: ApprovalState
    by: str
    asked_ms: int
    expires_ms: int
    decided_by: str
    decided_ms: int | None
    decision: str


@money("/approvals", Scope.APPROVALS_WRITE, tag=TAG)
def ask_second(
    hub: Hub, request: HttpRequest, data: JSONBody[AskBody], idempotency_key: IdempotencyKey
) -> Response[ApprovalView]:
    """Ask a second person to agree; what is asked is done, under this id, when one does."""
    by = caller_of(request).id
    asked = (idempotency_key, kind_of(data.action), data.action)
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(approvals.ask_second(tx, ACTIONS, asked, by)))


@read("/approvals", Scope.PAYMENTS_READ, tag=TAG)
def list_approvals(
    hub: Hub, only_state: OnlyState = None, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ApprovalView]:
    """List requests for a second person, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = approvals.list_approvals(connection, state=only_state, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.asked_ms, row.id))


@read("/approvals/{approval:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_approval(hub: Hub, approval: PathId) -> ApprovalView:
    """Read one request for a second person."""
    with hub.store.read() as connection:
        return _view(approvals.get_approval(connection, approval))


@money("/approvals/{approval:str}/approve", Scope.APPROVALS_WRITE, tag=TAG)
def approve(
    hub: Hub,
    request: HttpRequest,
    approval: PathId,
    data: JSONBody[AgreeBody],
    idempotency_key: IdempotencyKey,
) -> Response[ApprovalView]:
    """Agree to what another person asked for: it is done now, once."""
    by = caller_of(request).id
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(
        hub,
        claim,
        lambda tx: _view(approvals.approve(tx, ACTIONS, approval, by, data.digest)),
        status=200,
    )


@write("/approvals/{approval:str}/refuse", Scope.APPROVALS_WRITE, tag=TAG, status=200)
def refuse(
    hub: Hub, request: HttpRequest, approval: PathId, data: JSONBody[DisagreeBody]
) -> ApprovalView:
    """Disagree with what another person asked for, or withdraw what one asked oneself."""
    by = caller_of(request).id
    return _view(
        hub.writer.run(lambda tx: approvals.refuse(tx, ACTIONS, approval, by, data.reason))
    )


@read("/rules/second-person/{unit:str}", Scope.PAYMENTS_READ, tag="Rules")
def get_second_person(hub: Hub, unit: PathId) -> SecondPersonRules:
    """Read above which amounts a second person must agree."""
    with hub.store.read() as connection:
        return second_person.read_second_person(connection, unit)


@write("/rules/second-person/{unit:str}", Scope.RISK_WRITE, tag="Rules", status=200)
def put_second_person(
    hub: Hub, unit: PathId, data: JSONBody[SecondPersonRules]
) -> SecondPersonRules:
    """Decide above which amounts a second person must agree; a looser limit takes one."""
    return hub.writer.run(lambda tx: second_person.write_second_person(tx, unit, data))


def _view(approval: Approval) -> ApprovalView:
    return ApprovalView(
        id=approval.id,
        kind=approval.kind,
        action=msgspec.json.decode(approval.content, type=Content),
        digest=approval.digest,
        subject=approval.subject,
        unit=approval.unit,
        amount_minor=approval.amount_minor,
        state=approval.state,
        by=approval.by,
        asked_ms=approval.asked_ms,
        expires_ms=approval.expires_ms,
        decided_by=approval.decided_by,
        decided_ms=approval.decided_ms,
        decision=approval.decision,
    )


ROUTES = (
    ask_second,
    list_approvals,
    get_approval,
    approve,
    refuse,
    get_second_person,
    put_second_person,
)

"""Routes of refunds: of any charge, of what people ask for, and the rules in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.payments import refund_request_rows, refund_requests, refund_rules, refunds
from hub.payments.refund_request_rows import RefundRequest, RequestState
from hub.payments.refund_rules import Approver, Record, RefundRule, RefundRules
from hub.people.keys import Scope
from hub.units import find_unit
from hub.web.api.payments import Amount, PaymentView, Reason, view as payment_view
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name

TAG = "Refunds"
RULES_TAG = "Rules"
HttpRequest = Request[Any, Any, Any]
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
MoreWords = Annotated[str, msgspec.Meta(max_length=refund_requests.WORDS_LENGTH_MAX)]
Of = Annotated[str, QueryParameter(max_length=64, required=False, description="Of this; or any.")]
OfAccount = Annotated[
    str | None, QueryParameter(max_length=64, required=False, description="Only of this account.")
]
OnlyState = Annotated[
    Literal["requested", "approved", "booked", "refused"] | None,
    QueryParameter(name="state", required=False, description="Only in this state."),
]


class RefundItemBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charge given back: a usage's capture, a fee, a purchase, a session.

    Attributes:
        item: Id of its item in the ledger.
        amount_minor: How much; null: what is left of it.
        till: Where the paid part is handed out in cash; null: to the wallet.
        reason: Why, in words.
    """

    item: ItemId
    amount_minor: Amount | None = None
    till: Name | None = None
    reason: Reason


class RefundRequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person asks back.

    Attributes:
        session: Which session.
        amount_minor: How much; null: what is left of its charge.
        reason: One of the rule's reasons.
        words: More, in the person's own words.
    """

    session: Name
    amount_minor: Amount | None = None
    reason: Name
    words: MoreWords = ""


class GrantBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request granted.

    Attributes:
        words: For the person; may be empty.
    """

    words: MoreWords = ""


class DeclineBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request refused.

    Attributes:
        reason: Why, for the person.
    """

    reason: Reason


class RefundRequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A refund request.

    Attributes:
        id: Made by who asked; the refund's id too.
        session: Which session.
        account: Whose.
        unit: Unit of the money.
        amount_minor: How much is asked.
        fee_minor: Of it, kept as a fee when it is granted.
        reason: The reason that was chosen.
        words: What the person wrote.
        evidence: What the machine's record says for it; empty: nothing.
        approver: Who decides.
        state: How far it is.
        by: Id of the API key that asked.
        requested_ms: When.
        expected_ms: Until when it is decided at the latest.
        decided_by: Who decided, or `rule`; empty: nobody yet.
        decided_ms: When; null: not yet.
        decision: Words of who decided.
    """

    id: str
    session: str
    account: str
    unit: str
    amount_minor: int
    fee_minor: int
    reason: str
    words: str
    evidence: str
    approver: Approver
    state: RequestState
    by: str
    requested_ms: int
    expected_ms: int
    decided_by: str
    decided_ms: int | None
    decision: str


class RefundRulesText(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of refunds that holds, for people and for programs.

    Attributes:
        unit: Unit of its amounts.
        text: The rule in plain words.
        rule: The rule.
    """

    unit: str
    text: str
    rule: RefundRule


@money("/refunds", Scope.REFUNDS_WRITE, tag=TAG)
def refund_item(
    hub: Hub, request: HttpRequest, data: JSONBody[RefundItemBody], idempotency_key: IdempotencyKey
) -> Response[PaymentView]:
    """Refund any charge, fully or in part, to what paid it."""
    by = caller_of(request).id
    asked = refunds.Refund(
        id=idempotency_key,
        item=data.item,
        amount_minor=data.amount_minor,
        till=data.till or "",
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: payment_view(refunds.refund_item(tx, asked)))


@money("/refund-requests", Scope.PAYMENTS_WRITE, tag=TAG)
def ask_refund(
    hub: Hub,
    request: HttpRequest,
    data: JSONBody[RefundRequestBody],
    idempotency_key: IdempotencyKey,
) -> Response[RefundRequestView]:
    """Ask for a refund by the rules: it is decided at once, or waits for a person."""
    by = caller_of(request).id
    asked = refund_requests.Ask(
        id=idempotency_key,
        session=data.session,
        amount_minor=data.amount_minor,
        reason=data.reason,
        words=data.words,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(refund_requests.ask_refund(tx, asked)))


@read("/refund-requests", Scope.PAYMENTS_READ, tag=TAG)
def list_refund_requests(
    hub: Hub,
    only_state: OnlyState = None,
    account: OfAccount = None,
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[RefundRequestView]:
    """List refund requests, newest first."""
    place = decode_cursor(after, tuple[int, str])
    wanted = {"state": only_state, "account": account}
    match = {name: value for name, value in wanted.items() if value is not None}
    with hub.store.read() as connection:
        rows = refund_request_rows.list_requests(connection, match=match, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.requested_ms, row.id))


@read("/refund-requests/{refund_request:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_refund_request(hub: Hub, refund_request: PathId) -> RefundRequestView:
    """Read one refund request."""
    with hub.store.read() as connection:
        return _view(refund_request_rows.get_request(connection, refund_request))


@money("/refund-requests/{refund_request:str}/approve", Scope.REFUNDS_WRITE, tag=TAG)
def approve_refund_request(
    hub: Hub,
    request: HttpRequest,
    refund_request: PathId,
    data: JSONBody[GrantBody],
    idempotency_key: IdempotencyKey,
) -> Response[RefundRequestView]:
    """Grant a refund request: the money goes back now."""
    by = caller_of(request).id
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(
        hub,
        claim,
        lambda tx: _view(refund_requests.approve_request(tx, refund_request, by, data.words)),
        status=200,
    )


@write("/refund-requests/{refund_request:str}/refuse", Scope.REFUNDS_WRITE, tag=TAG, status=200)
def refuse_refund_request(
    hub: Hub, request: HttpRequest, refund_request: PathId, data: JSONBody[DeclineBody]
) -> RefundRequestView:
    """Refuse a refund request, with a reason for the person."""
    by = caller_of(request).id
    return _view(
        hub.writer.run(
            lambda tx: refund_requests.refuse_request(tx, refund_request, by, data.reason)
        )
    )


@read("/refund-rules", Scope.PAYMENTS_READ, tag=RULES_TAG)
def get_refund_text(hub: Hub, unit: Of = "", site: Of = "", kind: Of = "") -> RefundRulesText:
    """Read the rule of refunds that holds at a site for a machine kind, in plain words."""
    code = unit or hub.settings.unit.code
    with hub.store.read() as connection:
        found = find_unit(connection, code)
        rules = refund_rules.read_refund_rules(connection, code)
    record = Record(site=site, kind=kind, reason="", time_ms=0, quantity=0)
    rule = refund_rules.rule_for(rules, record)
    return RefundRulesText(unit=code, text=refund_rules.words(rule, found), rule=rule)


@read("/rules/refunds/{unit:str}", Scope.PAYMENTS_READ, tag=RULES_TAG)
def get_refund_rules(hub: Hub, unit: PathId) -> RefundRules:
    """Read the rules of refunds in a unit."""
    with hub.store.read() as connection:
        return refund_rules.read_refund_rules(connection, unit)


@write("/rules/refunds/{unit:str}", Scope.TARIFFS_WRITE, tag=RULES_TAG, status=200)
def put_refund_rules(hub: Hub, unit: PathId, data: JSONBody[RefundRules]) -> RefundRules:
    """Decide the rules of refunds in a unit, all of them; they are in force at once."""
    return hub.writer.run(lambda tx: refund_rules.write_refund_rules(tx, unit, data))


def _view(found: RefundRequest) -> RefundRequestView:
    return msgspec.convert(found, RefundRequestView, from_attributes=True)


ROUTES = (
    refund_item,
    ask_refund,
    list_refund_requests,
    get_refund_request,
    approve_refund_request,
    refuse_refund_request,
    get_refund_text,
    get_refund_rules,
    put_refund_rules,
)

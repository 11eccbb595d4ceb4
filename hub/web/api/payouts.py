"""Routes of payouts: asked for, approved, sent, done; failed or cancelled; and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import Connection

from hub.ledger.writer import Tx
from hub.payments import payout_rows, payout_rules, payouts
from hub.payments.payout_rows import Payout, PayoutState, Step
from hub.payments.payout_rules import PayoutRules
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.units import find_unit
from hub.web.api.payments import Amount, Reason
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name

TAG = "Payouts"
RULES_TAG = "Rules"
HttpRequest = Request[Any, Any, Any]
Destination = Annotated[str, msgspec.Meta(max_length=payouts.DESTINATION_LENGTH_MAX)]
OnlyState = Annotated[
    Literal["requested", "approved", "sent", "done", "failed", "cancelled"] | None,
    QueryParameter(name="state", required=False, description="Only in this state."),
]
OfUnit = Annotated[
    str, QueryParameter(max_length=64, required=False, description="Of this unit; or the hub's.")
]


class PayoutBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to be paid out.

    Attributes:
        amount_minor: What leaves the account, the fee included.
        provider: Through whom it goes; null: a till hands it out.
        till: Which till hands it out; null: a provider sends it.
        destination: Where to, in words that name no account number.
    """

    amount_minor: Amount
    provider: Name | None = None
    till: Name | None = None
    destination: Destination = ""


class PayoutStepBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that needs no reason: there is nothing to say."""


class PayoutEndBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payout that comes back.

    Attributes:
        reason: Why, in words.
    """

    reason: Reason


class PayoutStepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was taken.

    Attributes:
        step: What happened.
        state: The payout after it.
        reason: Words of who took it.
        by: Id of the API key, or `rule`.
        second: Who else agreed; empty: nobody had to.
        at_ms: When.
    """

    step: Step
    state: PayoutState
    reason: str
    by: str
    second: str
    at_ms: int


class PayoutView(msgspec.Struct, frozen=True, kw_only=True):
    """A payout.

    Attributes:
        id: Made by who asked; the first movement's id too.
        account: Whose.
        unit: Unit of the money.
        amount_minor: What leaves the account, the fee included.
        fee_minor: Of it, kept.
        provider: Through whom it goes; empty: a till hands it out.
        till: Which till hands it out; empty: a provider sends it.
        destination: Where to.
        state: How far it is.
        reason: Why it failed or was cancelled.
        by: Id of the API key that asked.
        requested_ms: When.
        expected_ms: When it has arrived at the latest.
        ended_ms: When it was done, failed or cancelled; null: it is under way.
    """

    id: str
    account: str
    unit: str
    amount_minor: int
    fee_minor: int
    provider: str
    till: str
    destination: str
    state: PayoutState
    reason: str
    by: str
    requested_ms: int
    expected_ms: int
    ended_ms: int | None


class PayoutHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A payout and how it came so far.

    Attributes:
        payout: The payout.
        steps: All steps, oldest first.
    """

    payout: PayoutView
    steps: list[PayoutStepView]


class PayoutRulesText(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of payouts, for people and for programs.

    Attributes:
        unit: Unit of their amounts.
        text: The rules in plain words.
        rules: The rules.
    """

    unit: str
    text: str
    rules: PayoutRules


@money("/accounts/{account:str}/payouts", Scope.PAYMENTS_WRITE, tag=TAG)
def request_payout(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[PayoutBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Ask for a payout of paid money: it leaves the wallet at once."""
    by = caller_of(request).id
    asked = payouts.Ask(
        id=idempotency_key,
        account=account,
        amount_minor=data.amount_minor,
        provider=data.provider or "",
        till=data.till or "",
        destination=data.destination,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(payouts.request_payout(tx, asked)))


@read("/accounts/{account:str}/payouts", Scope.PAYMENTS_READ, tag=TAG)
def list_account_payouts(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[PayoutView]:
    """List payouts of an account, newest first."""
    with hub.store.read() as connection:
        get_account(connection, account)
        return _page(connection, {"account": account}, after, limit)


@read("/payouts", Scope.PAYMENTS_READ, tag=TAG)
def list_payouts(
    hub: Hub, only_state: OnlyState = None, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[PayoutView]:
    """List payouts, newest first; with a state, the queue of those in it."""
    with hub.store.read() as connection:
        match = {} if only_state is None else {"state": str(only_state)}
        return _page(connection, match, after, limit)


@read("/payouts/{payout:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_payout(hub: Hub, payout: PathId) -> PayoutHistory:
    """Read one payout and its steps."""
    with hub.store.read() as connection:
        found = payout_rows.get_payout(connection, payout)
        steps = payout_rows.steps_of(connection, payout)
    return PayoutHistory(
        payout=_view(found),
        steps=[msgspec.convert(step, PayoutStepView, from_attributes=True) for step in steps],
    )


@money("/payouts/{payout:str}/approve", Scope.REFUNDS_WRITE, tag=TAG)
def approve_payout(
    hub: Hub,
    request: HttpRequest,
    payout: PathId,
    data: JSONBody[PayoutStepBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Approve a payout; above a limit a second person must agree, see approvals."""
    return _step(hub, request, (payout, Step.APPROVE, ""), data, idempotency_key)


@money("/payouts/{payout:str}/send", Scope.REFUNDS_WRITE, tag=TAG)
def send_payout(
    hub: Hub,
    request: HttpRequest,
    payout: PathId,
    data: JSONBody[PayoutStepBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Send an approved payout, or hand it out at its till: then it is done."""
    return _step(hub, request, (payout, Step.SEND, ""), data, idempotency_key)


@money("/payouts/{payout:str}/finish", Scope.REFUNDS_WRITE, tag=TAG)
def finish_payout(
    hub: Hub,
    request: HttpRequest,
    payout: PathId,
    data: JSONBody[PayoutStepBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Say that a payout has arrived."""
    return _step(hub, request, (payout, Step.FINISH, ""), data, idempotency_key)


@money("/payouts/{payout:str}/fail", Scope.REFUNDS_WRITE, tag=TAG)
def fail_payout(
    hub: Hub,
    request: HttpRequest,
    payout: PathId,
    data: JSONBody[PayoutEndBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Say that a payout failed: the money goes back to the account, the fee too."""
    return _step(hub, request, (payout, Step.FAIL, data.reason), data, idempotency_key)


@money("/payouts/{payout:str}/cancel", Scope.PAYMENTS_WRITE, tag=TAG)
def cancel_payout(
    hub: Hub,
    request: HttpRequest,
    payout: PathId,
    data: JSONBody[PayoutEndBody],
    idempotency_key: IdempotencyKey,
) -> Response[PayoutView]:
    """Cancel a payout that wasn't sent: the money goes back to the account."""
    return _step(hub, request, (payout, Step.CANCEL, data.reason), data, idempotency_key)


@read("/payout-rules", Scope.PAYMENTS_READ, tag=RULES_TAG)
def get_payout_text(hub: Hub, unit: OfUnit = "") -> PayoutRulesText:
    """Read the rules of payouts, in plain words."""
    code = unit or hub.settings.unit.code
    with hub.store.read() as connection:
        found = find_unit(connection, code)
        rules = payout_rules.read_payout_rules(connection, code)
    return PayoutRulesText(unit=code, text=payout_rules.words(rules, found), rules=rules)


@write("/rules/payouts/{unit:str}", Scope.TARIFFS_WRITE, tag=RULES_TAG, status=200)
def put_payout_rules(hub: Hub, unit: PathId, data: JSONBody[PayoutRules]) -> PayoutRules:
    """Decide the rules of payouts in a unit, all of them; they are in force at once."""
    return hub.writer.run(lambda tx: payout_rules.write_payout_rules(tx, unit, data))


def _step(
    hub: Hub,
    request: HttpRequest,
    wanted: tuple[str, Step, str],
    data: msgspec.Struct,
    key: str,
) -> Response[PayoutView]:
    payout, step, reason = wanted
    by = caller_of(request).id
    take = payouts.Take(id=key, payout=payout, step=step, reason=reason, by=by)
    claim = claim_of(by, key, request.url.path, data)

    def job(tx: Tx) -> PayoutView:
        return _view(payouts.take_step(tx, take))

    return answer_once(hub, claim, job, status=200)


def _page(
    connection: Connection, match: dict[str, str], after: str | None, limit: int
) -> Page[PayoutView]:
    place = decode_cursor(after, tuple[int, str])
    rows = payout_rows.list_payouts(connection, match=match, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.requested_ms, row.id))


def _view(payout: Payout) -> PayoutView:
    return msgspec.convert(payout, PayoutView, from_attributes=True)


ROUTES = (
    request_payout,
    list_account_payouts,
    list_payouts,
    get_payout,
    approve_payout,
    send_payout,
    finish_payout,
    fail_payout,
    cancel_payout,
    get_payout_text,
    put_payout_rules,
)

"""Routes of billing: the rules, an account's terms, and its periods."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody
from sqlalchemy import Connection

from hub.billing import period_rows, periods, rules, standing, terms
from hub.billing.period_rows import Period
from hub.billing.rules import DISCONTINUE_DAYS_MAX, BillingPeriod, BillingRules
from hub.billing.sums import by_group
from hub.ledger.writer import Tx
from hub.people.accounts import get_account
from hub.people.credit import Billing, usual_billing
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, change, money, read
from wire.bounds import Millis, Name

TAG = "Billing"
Days = Annotated[int, msgspec.Meta(ge=0, le=DISCONTINUE_DAYS_MAX)]
Minute = Annotated[int, msgspec.Meta(ge=0, lt=rules.MINUTES_PER_DAY)]
HttpRequest = Request[Any, Any, Any]


class RulesView(msgspec.Struct, frozen=True, kw_only=True):
    """How every account is billed that says nothing else.

    Attributes:
        period: How often periods close: `month` or `week`.
        timezone: IANA name: where days, weeks and months begin.
        discontinue_days: Days after a period's end until an account that didn't pay it is
            discontinued.
        verify_minute: Minute of the local day when the whole book is verified.
    """

    period: BillingPeriod
    timezone: str
    discontinue_days: int
    verify_minute: int


class ChangeRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of the rules; what is left out stays.

    Attributes:
        period: How often periods close.
        timezone: IANA name.
        discontinue_days: Days until an unpaid account is discontinued.
        verify_minute: Minute of the local day when the whole book is verified.
    """

    period: BillingPeriod | msgspec.UnsetType = msgspec.UNSET
    timezone: Name | msgspec.UnsetType = msgspec.UNSET
    discontinue_days: Days | msgspec.UnsetType = msgspec.UNSET
    verify_minute: Minute | msgspec.UnsetType = msgspec.UNSET


class TermsView(msgspec.Struct, frozen=True, kw_only=True):
    """How an account is billed.

    Attributes:
        billing: `prepaid`, `postpaid` or `mixed`.
        credit_limit_minor: How far below zero its wallet may go, unpaid receivables included.
        period: How often its periods close; null: by the rules.
        timezone: Where its days begin; empty: by the rules.
        discontinue_days: Days until it is discontinued; null: by the rules.
        discontinue_after_ms: A date of its own for all that was billed before; null: none.
        discontinue_ms: When it is discontinued if it pays nothing; null: nothing is open.
        discontinued_ms: Since when it is; null: it isn't.
        in_force: The rules by which it is billed.
    """

    billing: Billing
    credit_limit_minor: int
    period: BillingPeriod | None
    timezone: str
    discontinue_days: int | None
    discontinue_after_ms: int | None
    discontinue_ms: int | None
    discontinued_ms: int | None
    in_force: RulesView


class ChangeTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of an account's terms; what is left out stays.

    Attributes:
        period: How often its periods close; null: by the rules.
        timezone: IANA name; empty: by the rules.
        discontinue_days: Days until it is discontinued; null: by the rules.
        discontinue_after_ms: A date of its own, sooner or later; null: none.
    """

    period: BillingPeriod | msgspec.UnsetType | None = msgspec.UNSET
    timezone: Name | msgspec.UnsetType = msgspec.UNSET
    discontinue_days: Days | msgspec.UnsetType | None = msgspec.UNSET
    discontinue_after_ms: Millis | msgspec.UnsetType | None = msgspec.UNSET


class PeriodView(msgspec.Struct, frozen=True, kw_only=True):
    """A closed period, money in minor units.

    Attributes:
        account: Whose.
        unit: Unit of the money.
        starts_ms: When it began.
        ends_ms: When it ended, and the next began.
        timezone: By whose days.
        opening_minor: Wallet and what was held of it, at the beginning.
        closing_minor: The same at the end: opening and all sums.
        groups: Signed sums as people read them: `usage fees refunds paid_in other`.
        sums: The same by kind of movement in the ledger.
        due_minor: What became receivable.
        paid_minor: What of that is paid.
        paid_ms: When all was paid; null: something is open.
        item: The item in the ledger; empty: nothing was due.
        by: Who closed it: `calendar`, or an API key.
        closed_ms: When it was closed.
    """

    account: str
    unit: str
    starts_ms: int
    ends_ms: int
    timezone: str
    opening_minor: int
    closing_minor: int
    groups: dict[str, int]
    sums: dict[str, int]
    due_minor: int
    paid_minor: int
    paid_ms: int | None
    item: str
    by: str
    closed_ms: int


class CloseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more is needed: the period ends now."""


@read("/rules/billing", Scope.PEOPLE_READ, tag=TAG)
def get_rules(hub: Hub) -> RulesView:
    """Read how accounts are billed."""
    with hub.store.read() as connection:
        return _rules_view(rules.read_billing_rules(connection))


@change("/rules/billing", Scope.TARIFFS_WRITE, tag=TAG)
def change_rules(hub: Hub, data: JSONBody[ChangeRules]) -> RulesView:
    """Change how accounts are billed; periods that run end by the new calendar."""
    given = _given(data)

    def job(tx: Tx) -> BillingRules:
        before = rules.read_billing_rules(tx.connection)
        return rules.write_billing_rules(tx, msgspec.structs.replace(before, **given))

    return _rules_view(hub.writer.run(job))


@read("/accounts/{account:str}/billing", Scope.PEOPLE_READ, tag=TAG)
def get_terms(hub: Hub, account: PathId) -> TermsView:
    """Read how an account is billed, and when it would be discontinued."""
    with hub.store.read() as connection:
        return _terms_view(connection, account)


@change("/accounts/{account:str}/billing", Scope.PEOPLE_WRITE, tag=TAG)
def change_terms(hub: Hub, account: PathId, data: JSONBody[ChangeTerms]) -> TermsView:
    """Change an account's calendar, or when it is discontinued."""
    given = _given(data)

    def job(tx: Tx) -> TermsView:
        terms.change_terms(tx, account, given)
        return _terms_view(tx.connection, account)

    return hub.writer.run(job)


@read("/accounts/{account:str}/periods", Scope.PAYMENTS_READ, tag=TAG)
def list_periods(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[PeriodView]:
    """List closed periods of an account, newest first."""
    place = decode_cursor(after, tuple[int])
    with hub.store.read() as connection:
        get_account(connection, account)
        before = place[0] if place else None
        rows = period_rows.list_periods(connection, account, before_ms=before, limit=limit)
    return page_of(rows, limit, _period_view, lambda row: (row.ends_ms,))


@money("/accounts/{account:str}/periods", Scope.PAYMENTS_WRITE, tag=TAG)
def close_period(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[CloseBody],
    idempotency_key: IdempotencyKey,
) -> Response[PeriodView]:
    """Close an account's period now, before its calendar does."""
    by = caller_of(request).id
    asked = periods.EarlyClose(id=idempotency_key, account=account, by=by)
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _period_view(periods.close_now(tx, asked)))


def _given(data: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(data)
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _rules_view(found: BillingRules) -> RulesView:
    return msgspec.convert(found, RulesView, from_attributes=True)


def _terms_view(connection: Connection, name: str) -> TermsView:
    account = get_account(connection, name)
    own = terms.read_terms(connection, name)
    limit = account.terms.credit_limit_minor
    return TermsView(
        billing=account.terms.billing or usual_billing(limit),
        credit_limit_minor=limit,
        period=own.period,
        timezone=own.timezone,
        discontinue_days=own.discontinue_days,
        discontinue_after_ms=own.discontinue_after_ms,
        discontinue_ms=standing.date_of(connection, name),
        discontinued_ms=account.discontinued_ms,
        in_force=_rules_view(own.in_force(rules.read_billing_rules(connection))),
    )


def _period_view(period: Period) -> PeriodView:
    names = [name for name in PeriodView.__struct_fields__ if name != "groups"]
    groups = {group.value: minor for group, minor in by_group(period.sums).items()}
    return PeriodView(groups=groups, **{name: getattr(period, name) for name in names})


ROUTES = (
    get_rules,
    change_rules,
    get_terms,
    change_terms,
    list_periods,
    close_period,
)

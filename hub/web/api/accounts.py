"""Routes of accounts: open, look, change, block and close."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar.params import JSONBody, QueryParameter

from hub.ledger.writer import Tx
from hub.payments.second_person import check_credit
from hub.people import accounts
from hub.people.accounts import Account, AccountState, Terms
from hub.people.credit import Billing, usual_billing
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, change, read, write
from wire.bounds import Millis, Minor, Name

TAG = "Accounts"
Label = Annotated[str, msgspec.Meta(max_length=120)]
Search = Annotated[
    str, QueryParameter(max_length=64, required=False, description="Beginning of a name or an id.")
]


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account.

    Attributes:
        id: Its id.
        unit: Unit of its money.
        state: `open`, `blocked` or `closed`.
        name: What staff call it.
        group: Price group.
        tariffs: Its own prices: machine id or kind to tariff id.
        permissions: Name to wall time (ms) when it ends; 0: never.
        language: Of its owner.
        credit_limit_minor: How far below zero its wallet may go.
        billing: `prepaid`, `postpaid` or `mixed`.
        discontinued_ms: Since when it is blocked for something unpaid; null: it isn't.
        created_ms: When it was opened.
    """

    id: str
    unit: str
    state: AccountState
    name: str
    group: str
    tariffs: dict[str, str]
    permissions: dict[str, int]
    language: str
    credit_limit_minor: int
    billing: Billing
    discontinued_ms: int | None
    created_ms: int


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens an account.

    Attributes:
        id: Its id; left out: one is made.
        unit: Unit of its money; left out: the hub's.
        name: What staff call it.
        group: Price group.
        tariffs: Its own prices: machine id or kind to tariff id.
        permissions: Name to wall time (ms) when it ends; 0: never.
        language: Of its owner.
        credit_limit_minor: How far below zero its wallet may go.
        billing: How it pays; left out: prepaid without a credit limit, mixed with one.
    """

    id: Name | None = None
    unit: Name | None = None
    name: Label = ""
    group: Name = ""
    tariffs: dict[Name, Name] = {}
    permissions: dict[Name, Millis] = {}
    language: Name = ""
    credit_limit_minor: Minor = 0
    billing: Billing | None = None


class ChangeAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of an account; what is left out stays.

    Attributes:
        name: What staff call it.
        group: Price group.
        tariffs: Its own prices, all of them.
        permissions: Its permissions, all of them.
        language: Of its owner.
        credit_limit_minor: How far below zero its wallet may go; lowered below what is in
            use it is refused.
        billing: How it pays; prepaid needs a credit limit of 0, the others one above.
        state: `open` or `blocked`; closing has its own address.
    """

    name: Label | msgspec.UnsetType = msgspec.UNSET
    group: Name | msgspec.UnsetType = msgspec.UNSET
    tariffs: dict[Name, Name] | msgspec.UnsetType = msgspec.UNSET
    permissions: dict[Name, Millis] | msgspec.UnsetType = msgspec.UNSET
    language: Name | msgspec.UnsetType = msgspec.UNSET
    credit_limit_minor: Minor | msgspec.UnsetType = msgspec.UNSET
    billing: Billing | msgspec.UnsetType = msgspec.UNSET
    state: AccountState | msgspec.UnsetType = msgspec.UNSET


def view(account: Account) -> AccountView:
    """An account as the API shows it."""
    terms = account.terms
    return AccountView(
        id=account.id,
        unit=account.unit,
        state=account.state,
        name=terms.name,
        group=terms.group,
        tariffs=terms.tariffs,
        permissions=terms.permissions,
        language=terms.language,
        credit_limit_minor=terms.credit_limit_minor,
        billing=terms.billing or usual_billing(terms.credit_limit_minor),
        discontinued_ms=account.discontinued_ms,
        created_ms=account.created_ms,
    )


@read("/accounts", Scope.PEOPLE_READ, tag=TAG)
def list_accounts(
    hub: Hub, search: Search = "", after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[AccountView]:
    """List accounts, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = accounts.list_accounts(connection, search=search, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.created_ms, row.id))


@read("/accounts/{account:str}", Scope.PEOPLE_READ, tag=TAG)
def get_account(hub: Hub, account: PathId) -> AccountView:
    """One account."""
    with hub.store.read() as connection:
        return view(accounts.get_account(connection, account))


@write("/accounts", Scope.PEOPLE_WRITE, tag=TAG)
def open_account(hub: Hub, data: JSONBody[OpenAccount]) -> AccountView:
    """Open an account."""
    account_id = data.id if data.id is not None else hub.ids.new("acc")
    unit = data.unit if data.unit is not None else hub.settings.unit.code
    terms = Terms(
        name=data.name,
        group=data.group,
        tariffs=dict(data.tariffs),
        permissions=dict(data.permissions),
        language=data.language,
        credit_limit_minor=data.credit_limit_minor,
        billing=data.billing,
    )

    def job(tx: Tx) -> AccountView:
        check_credit(tx.connection, unit, 0, terms.credit_limit_minor)
        return view(accounts.open_account(tx, account_id, unit, terms))

    return hub.writer.run(job)


@change("/accounts/{account:str}", Scope.PEOPLE_WRITE, tag=TAG)
def change_account(hub: Hub, account: PathId, data: JSONBody[ChangeAccount]) -> AccountView:
    """Change an account."""
    given: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(data).items()
        if value is not msgspec.UNSET
    }
    state: AccountState | None = given.pop("state", None)

    def job(tx: Tx) -> AccountView:
        before = accounts.get_account(tx.connection, account)
        credit = before.terms.credit_limit_minor
        wanted = given.get("credit_limit_minor", credit)
        check_credit(tx.connection, before.unit, credit, wanted)
        return view(accounts.change_account(tx, account, given, state))

    return hub.writer.run(job)


@write(
    "/accounts/{account:str}/close",
    Scope.PEOPLE_WRITE,
    tag=TAG,
    status=200,
)
def close_account(hub: Hub, account: PathId) -> AccountView:
    """Close an account; its history and what is left in it stay."""
    return view(hub.writer.run(lambda tx: accounts.close_account(tx, account)))


ROUTES = (list_accounts, get_account, open_account, change_account, close_account)

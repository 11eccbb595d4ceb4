"""Routes of transfers between accounts, and their rules."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from hub.payments import records, transfer_rules, transfers
from hub.payments.transfer_rules import TransferRules
from hub.payments.transfers import Passed
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.units import find_unit
from hub.web.api.payments import Amount
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read, write
from wire.bounds import Name

TAG = "Transfers"
RULES_TAG = "Rules"
HttpRequest = Request[Any, Any, Any]
OptionalReason = Annotated[str, msgspec.Meta(max_length=records.REASON_LENGTH_MAX)]
OfUnit = Annotated[
    str, QueryParameter(max_length=64, required=False, description="Of this unit; or the hub's.")
]


class TransferBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money for another account.

    Attributes:
        receiver: Account that gets it.
        amount_minor: How much.
        reason: Words for both; may be empty.
    """

    receiver: Name
    amount_minor: Amount
    reason: OptionalReason = ""


class TransferView(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer.

    Attributes:
        id: Made by who asked; the movement's id too.
        sender: Account that gave.
        receiver: Account that got.
        unit: Unit of the money.
        amount_minor: How much.
        reason: Words for both.
        by: Id of the API key, or `cli`.
        at_ms: When.
    """

    id: str
    sender: str
    receiver: str
    unit: str
    amount_minor: int
    reason: str
    by: str
    at_ms: int


class TransferRulesText(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of transfers, for people and for programs.

    Attributes:
        unit: Unit of their amounts.
        text: The rules in plain words.
        rules: The rules.
    """

    unit: str
    text: str
    rules: TransferRules


@money("/accounts/{account:str}/transfers", Scope.PAYMENTS_WRITE, tag=TAG)
def transfer(
    hub: Hub,
    request: HttpRequest,
    account: PathId,
    data: JSONBody[TransferBody],
    idempotency_key: IdempotencyKey,
) -> Response[TransferView]:
    """Give paid money to another account; what that one owes is settled first."""
    by = caller_of(request).id
    asked = transfers.Ask(
        id=idempotency_key,
        sender=account,
        receiver=data.receiver,
        amount_minor=data.amount_minor,
        reason=data.reason,
        by=by,
    )
    claim = claim_of(by, idempotency_key, request.url.path, data)
    return answer_once(hub, claim, lambda tx: _view(transfers.transfer(tx, asked)))


@read("/accounts/{account:str}/transfers", Scope.PAYMENTS_READ, tag=TAG)
def list_transfers(
    hub: Hub, account: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[TransferView]:
    """List what an account gave and got, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = transfers.list_transfers(connection, account, after=place, limit=limit)
    return page_of(rows, limit, _view, lambda row: (row.at_ms, row.id))


@read("/transfer-rules", Scope.PAYMENTS_READ, tag=RULES_TAG)
def get_transfer_text(hub: Hub, unit: OfUnit = "") -> TransferRulesText:
    """Read the rules of transfers, in plain words."""
    code = unit or hub.settings.unit.code
    with hub.store.read() as connection:
        found = find_unit(connection, code)
        rules = transfer_rules.read_transfer_rules(connection, code)
    return TransferRulesText(unit=code, text=transfer_rules.words(rules, found), rules=rules)


@write("/rules/transfers/{unit:str}", Scope.TARIFFS_WRITE, tag=RULES_TAG, status=200)
def put_transfer_rules(hub: Hub, unit: PathId, data: JSONBody[TransferRules]) -> TransferRules:
    """Decide the rules of transfers in a unit, all of them; they are in force at once."""
    return hub.writer.run(lambda tx: transfer_rules.write_transfer_rules(tx, unit, data))


def _view(passed: Passed) -> TransferView:
    return msgspec.convert(passed, TransferView, from_attributes=True)


ROUTES = (transfer, list_transfers, get_transfer_text, put_transfer_rules)

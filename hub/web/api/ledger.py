"""Routes of the book: what an account has, and every line that made it so."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from hub.charging import lot_rows
from hub.errors import InputError
from hub.ledger import accounts as chart, statements
from hub.ledger.statements import Line
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read

TAG = "Ledger"


class Pot(StrEnum):
    """Which of an account's ledger accounts."""

    WALLET = "wallet"
    BONUS = "bonus"
    ESCROW = "escrow"
    DEPOSIT = "deposit"
    OVERRUN = "overrun"
    RECEIVABLE = "receivable"


_CODES: dict[Pot, Callable[[str, str], str]] = {
    Pot.WALLET: chart.wallet,
    Pot.ESCROW: chart.escrow,
    Pot.DEPOSIT: chart.deposit,
    Pot.OVERRUN: chart.overrun,
    Pot.RECEIVABLE: chart.receivable,
}
_LOT_CODES: dict[Pot, Callable[[str, str, str], str]] = {
    Pot.BONUS: chart.bonus,
    Pot.ESCROW: chart.escrow,
}
LotParameter = Annotated[
    str,
    QueryParameter(
        required=False, max_length=200, description="Which lot, for `bonus` and `escrow`."
    ),
]
PotParameter = Annotated[
    Pot, QueryParameter(required=False, description="Which of its ledger accounts.")
]


class BalanceView(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has, as far as the hub has booked.

    Attributes:
        account: Whose.
        unit: Unit of the money.
        wallet_minor: Spendable; below 0 only within the credit limit.
        bonus_minor: Given, not paid in: what is free of all lots; never paid out.
        held_minor: Held for controllers and usages, of lots too.
        deposit_minor: Deposit paid; never spendable.
        overrun_minor: What was used beyond every right; a top-up settles it first.
        receivable_minor: What was billed for closed periods and isn't paid; it counts
            against the credit limit.
        as_of_ms: When this was read.
    """

    account: str
    unit: str
    wallet_minor: int
    bonus_minor: int
    held_minor: int
    deposit_minor: int
    overrun_minor: int
    receivable_minor: int
    as_of_ms: int


@read("/accounts/{account:str}/balance", Scope.PEOPLE_READ, tag=TAG)
def get_balance(hub: Hub, account: PathId) -> BalanceView:
    """Read what an account has, as of now."""
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        unit = get_account(connection, account).unit
        codes = {pot: code(account, unit) for pot, code in _CODES.items()}
        found = statements.balances_of(connection, codes.values())
        free_minor, held_minor = lot_rows.left_in_lots(connection, account)
    have = {pot: found.get(code, 0) for pot, code in codes.items()}
    return BalanceView(
        account=account,
        unit=unit,
        wallet_minor=have[Pot.WALLET],
        bonus_minor=free_minor,
        held_minor=have[Pot.ESCROW] + held_minor,
        deposit_minor=have[Pot.DEPOSIT],
        overrun_minor=-have[Pot.OVERRUN],
        receivable_minor=-have[Pot.RECEIVABLE],
        as_of_ms=now_ms,
    )


@read("/accounts/{account:str}/ledger", Scope.PEOPLE_READ, tag=TAG)
def list_lines(
    hub: Hub,
    account: PathId,
    pot: PotParameter = Pot.WALLET,
    lot: LotParameter = "",
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[Line]:
    """List the lines of an account, newest first, each with its running balance.

    The lines of `bonus` are those of one lot: name it.
    """
    place = decode_cursor(after, tuple[int, int])
    before = statements.Place(*place) if place else statements.NEWEST
    with hub.store.read() as connection:
        code = _code(pot, lot, account, get_account(connection, account).unit)
        lines = statements.lines_of(connection, code, before=before, limit=limit)
    if len(lines) < limit:
        return Page(items=lines)
    # A full page may be the last; its cursor then leads to an empty one.
    full = page_of(
        [*lines, lines[-1]], limit, lambda line: line, lambda line: (line.id, line.before_minor)
    )
    return Page(items=full.items, next=full.next)


def _code(pot: Pot, lot: str, account: str, unit: str) -> str:
    if lot and pot in _LOT_CODES:
        return _LOT_CODES[pot](account, unit, lot)
    if lot or pot is Pot.BONUS:
        raise InputError("name a lot for bonus, or for escrow; other pots have none")
    return _CODES[pot](account, unit)


ROUTES = (get_balance, list_lines)

"""Routes of money that came in at a machine while nobody's card was there."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from hub.charging import cash_holdings
from hub.charging.cash_holdings import Holding, HoldingState
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import read

TAG = "Tills"
OnlyState = Annotated[
    HoldingState | None,
    QueryParameter(name="state", required=False, description="Only in this state."),
]


class HoldingView(msgspec.Struct, frozen=True, kw_only=True):
    """Money held for a card to come, or that none came for.

    Attributes:
        id: Made by the controller with the first coin.
        controller: Where.
        epoch: In which of its journals.
        machine: Which machine.
        unit: Unit of the money.
        held_minor: What came in.
        claimed_minor: Of it, credited to a card's account.
        state: `held`, `claimed` or `unclaimed`: then a person decides.
        at_ms: When it changed last.
    """

    id: str
    controller: str
    epoch: str
    machine: str
    unit: str
    held_minor: int
    claimed_minor: int
    state: HoldingState
    at_ms: int


def view(holding: Holding) -> HoldingView:
    """Held money as the API shows it."""
    return msgspec.convert(holding, HoldingView, from_attributes=True)


@read("/cash-holdings", Scope.PAYMENTS_READ, tag=TAG)
def list_cash_holdings(
    hub: Hub, only_state: OnlyState = None, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[HoldingView]:
    """List money that came in without a card, the oldest change first."""
    place = decode_cursor(after, tuple[int, str, str])
    with hub.store.read() as connection:
        rows = cash_holdings.list_holdings(connection, state=only_state, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.at_ms, row.controller, row.id))


ROUTES = (list_cash_holdings,)

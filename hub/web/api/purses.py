"""Routes of purses: accounts in other units that a card pays from."""

from __future__ import annotations

import msgspec
from litestar.params import JSONBody

from hub.people import purses
from hub.people.keys import Scope
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.routing import PathId, read, remove, write
from wire.bounds import Name

TAG = "Cards"


class PurseView(msgspec.Struct, frozen=True, kw_only=True):
    """An account that a card pays from, beside its own.

    Attributes:
        unit: In which unit.
        account: Which account.
    """

    unit: str
    account: str


class PurseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account for a card to pay from.

    Attributes:
        account: In a unit that the card doesn't pay in yet.
    """

    account: Name


@read("/cards/{card:str}/purses", Scope.PEOPLE_READ, tag=TAG)
def list_purses(hub: Hub, card: PathId) -> Page[PurseView]:
    """Accounts that a card pays from, beside its own."""
    with hub.store.read() as connection:
        return _page(purses.list_purses(connection, card))


@write("/cards/{card:str}/purses", Scope.PEOPLE_WRITE, tag=TAG)
def link_purse(hub: Hub, card: PathId, data: JSONBody[PurseBody]) -> Page[PurseView]:
    """Let a card pay from another account, in the unit of that account."""
    return _page(hub.writer.run(lambda tx: purses.link_purse(tx, card, data.account)))


@remove("/cards/{card:str}/purses/{unit:str}", Scope.PEOPLE_WRITE, tag=TAG)
def unlink_purse(hub: Hub, card: PathId, unit: PathId) -> None:
    """Have a card pay no more in a unit; the account keeps its money."""
    hub.writer.run(lambda tx: purses.unlink_purse(tx, card, unit))


def _page(mine: dict[str, str]) -> Page[PurseView]:
    return Page(items=[PurseView(unit=unit, account=of) for unit, of in sorted(mine.items())])


ROUTES = (list_purses, link_purse, unlink_purse)

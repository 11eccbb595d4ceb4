"""Routes of units: those that ship, and those of the operator."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.people.keys import Scope
from hub.units import SYMBOL_LENGTH_MAX, declare_unit, find_unit, list_units
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.money import EXPONENT_MAX, Unit

TAG = "Units"


class UnitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit of one's own, for ever.

    Attributes:
        code: 3 to 8 capital letters or digits, such as `WASH`.
        exponent: Decimal places of its smallest part: whole washes have 0.
        symbol: What people read before the figure; empty: the code after it.
    """

    code: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9]{2,7}$")]
    exponent: Annotated[int, msgspec.Meta(ge=0, le=EXPONENT_MAX)] = 0
    symbol: Annotated[str, msgspec.Meta(max_length=SYMBOL_LENGTH_MAX)] = ""


@read("/units", Scope.PEOPLE_READ, tag=TAG)
def list_all(hub: Hub) -> Page[Unit]:
    """All units: those that ship, then those declared."""
    with hub.store.read() as connection:
        return Page(items=list_units(connection))


@read("/units/{code:str}", Scope.PEOPLE_READ, tag=TAG)
def get_unit(hub: Hub, code: PathId) -> Unit:
    """One unit."""
    with hub.store.read() as connection:
        return find_unit(connection, code)


@write("/units", Scope.TARIFFS_WRITE, tag=TAG)
def declare(hub: Hub, data: JSONBody[UnitBody]) -> Unit:
    """Declare a unit of one's own; accounts and tariffs can have it from then on."""
    return hub.writer.run(lambda tx: declare_unit(tx, data.code, data.exponent, data.symbol))


ROUTES = (list_all, get_unit, declare)

"""Money that came in at a machine while nobody's card was there, and whose it became."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, tuple_

from hub.charging.bulk import insert_rows
from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.store.tables.charging import cash_holdings
from hub.units import find_unit
from wire.events import CashTaken, HoldingFacts

_COLUMNS = tuple(column.name for column in cash_holdings.columns)
_KEY = ("controller", "epoch", "id")
_LOAD = (
    select(cash_holdings)
    .where(
        (cash_holdings.c.controller == bindparam("controller"))
        & (cash_holdings.c.epoch == bindparam("epoch"))
        & cash_holdings.c.id.in_(bindparam("wanted", expanding=True))
    )
    .with_for_update()
)


class HoldingState(StrEnum):
    """What became of held money."""

    HELD = "held"
    CLAIMED = "claimed"  # a card came
    UNCLAIMED = "unclaimed"  # none came in time: a person decides


@dataclass(slots=True, kw_only=True)
class Holding:
    """Money held at a machine.

    Attributes:
        controller: Where.
        epoch: In which of its journals.
        id: Made by the controller with the first coin.
        machine: Which machine.
        unit: Unit of the money.
        held_minor: What came in.
        claimed_minor: Of it, credited to a card's account.
        state: What became of it.
        at_ms: Hub's wall time when it changed last.
    """

    controller: str
    epoch: str
    id: str
    machine: str
    unit: str
    held_minor: int
    claimed_minor: int = 0
    state: HoldingState = HoldingState.HELD
    at_ms: int = 0

    @property
    def left_minor(self) -> int:
        """What nobody has claimed."""
        return self.held_minor - self.claimed_minor


def holdings_of(tx: Tx, place: tuple[str, str], found: Iterable[object]) -> dict[str, Holding]:
    """Holdings that events of a journal name, as far as they are known, by id."""
    events = [one for one in found if isinstance(one, CashTaken | HoldingFacts)]
    wanted = sorted({one.holding for one in events} - {""})
    if not wanted:
        return {}
    controller, epoch = place
    asked = {"controller": controller, "epoch": epoch, "wanted": wanted}
    return {row.id: _holding(row) for row in tx.connection.execute(_LOAD, asked)}


def units_named(connection: Connection, found: Iterable[object]) -> frozenset[str]:
    """Units of held money that are known here: a controller may say anything."""
    named = {one.unit for one in found if isinstance(one, HoldingFacts)}
    return frozenset(unit for unit in named if _is_known(connection, unit))


def save_holdings(tx: Tx, holdings: Mapping[str, Holding]) -> None:
    """Write holdings."""
    rows = [tuple(_value(one, name) for name in _COLUMNS) for one in holdings.values()]
    insert_rows(tx.connection, "cash_holdings", _COLUMNS, rows, _KEY)


def list_holdings(
    connection: Connection,
    *,
    state: HoldingState | None,
    after: tuple[int, str, str] | None,
    limit: int,
) -> list[Holding]:
    """Held money, oldest change first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        state: Only in this state; None: in any.
        after: `at_ms`, controller and id of the row that the page follows.
        limit: Page size.
    """
    place = (cash_holdings.c.at_ms, cash_holdings.c.controller, cash_holdings.c.id)
    query = select(cash_holdings).order_by(*place).limit(limit + 1)
    if state is not None:
        query = query.where(cash_holdings.c.state == state.value)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [_holding(row) for row in connection.execute(query)]


def _value(holding: Holding, name: str) -> object:
    return holding.state.value if name == "state" else getattr(holding, name)


def _is_known(connection: Connection, unit: str) -> bool:
    try:
        find_unit(connection, unit)
    except InputError:
        return False
    return True


def _holding(row: Row[Any]) -> Holding:
    values = dict(row._mapping)  # noqa: SLF001 a public name of SQLAlchemy
    return Holding(**values | {"state": HoldingState(row.state)})

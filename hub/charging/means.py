"""What an account may spend, as far as the hub knows: the base of every right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, bindparam, case, func, select

from hub.charging import lot_rows
from hub.charging.lot import Lot
from hub.ledger import accounts as chart
from hub.ledger.statements import balances_of
from hub.store.tables.lots import card_purses
from hub.store.tables.people import accounts, cards

# Made once: every want asks twice, and making a statement costs more than running it.
_WANTED: BindParameter[str] = bindparam("wanted", expanding=True)
_ACCOUNTS = select(accounts).where(accounts.c.id.in_(_WANTED))
_IS_ACTIVE = cards.c.state == "active"
_CARDS = (
    select(cards.c.account, func.max(case((_IS_ACTIVE, cards.c.level))).label("level"))
    .where(cards.c.account.in_(_WANTED))
    .group_by(cards.c.account)
)
_PURSES = (
    select(card_purses.c.account, func.max(cards.c.level).label("level"))
    .join(cards, cards.c.id == card_purses.c.card)
    .where(card_purses.c.account.in_(_WANTED) & _IS_ACTIVE)
    .group_by(card_purses.c.account)
)
"""Highest level of active cards that pay from accounts though they are another's."""


@dataclass(frozen=True, slots=True)
class Means:
    """An account's means.

    Attributes:
        unit: Unit of its money.
        state: `open`, `blocked` or `closed`.
        available_minor: What its wallet may still give, credit included, and its lots
            that pay for every kind of machine.
        overrun_minor: What facts cost beyond all its rights, ≥ 0.
        level: Highest level of active cards that pay from it; None: there is none.
        has_cards: Whether it is in the card list at all.
        listed_cap_minor: Its floor's cap as last listed.
        restricted: Its lots that pay for some kinds only, and what of each is free.
    """

    unit: str
    state: str
    available_minor: int
    overrun_minor: int
    level: int | None
    has_cards: bool
    listed_cap_minor: int
    restricted: tuple[tuple[Lot, int], ...] = ()

    @property
    def in_good_standing(self) -> bool:
        """Whether it may have a floor and standing rights."""
        return self.state == "open" and self.overrun_minor == 0

    def available_for(self, kinds: frozenset[str]) -> int:
        """What it may spend where all machines are of these kinds."""
        fitting = (minor for lot, minor in self.restricted if lot.fits_all(kinds))
        return self.available_minor + sum(fitting)


def means_of(connection: Connection, of: Iterable[str]) -> dict[str, Means]:
    """Means of accounts; unknown ones are left out.

    Args:
        connection: Sees the ledger as committed, or as flushed within the transaction.
        of: At most a statement's worth of accounts.
    """
    wanted = sorted(set(of))
    asked = {"wanted": wanted}
    rows = connection.execute(_ACCOUNTS, asked).all()
    codes = [chart.wallet(row.id, row.unit) for row in rows]
    codes += [chart.overrun(row.id, row.unit) for row in rows]
    # What was billed and isn't paid uses credit as what the wallet is below zero does.
    codes += [chart.receivable(row.id, row.unit) for row in rows if row.billing != "prepaid"]
    lots = lot_rows.open_lots(connection, wanted)
    codes += [lot.free_code for mine in lots.values() for lot in mine]
    balances = balances_of(connection, codes)
    levels: dict[str, int | None] = {
        row.account: row.level for row in connection.execute(_CARDS, asked)
    }
    listed = frozenset(levels)
    for row in connection.execute(_PURSES, asked):
        levels[row.account] = max(row.level, levels.get(row.account) or 0)
    free = {
        account: [(lot, balances.get(lot.free_code, 0)) for lot in mine]
        for account, mine in lots.items()
    }
    return {
        row.id: Means(
            unit=row.unit,
            state=row.state,
            available_minor=balances.get(chart.wallet(row.id, row.unit), 0)
            + row.credit_limit_minor
            + balances.get(chart.receivable(row.id, row.unit), 0)
            + sum(minor for lot, minor in free.get(row.id, ()) if not lot.kinds),
            overrun_minor=-balances.get(chart.overrun(row.id, row.unit), 0),
            level=levels.get(row.id),
            has_cards=row.id in listed,
            listed_cap_minor=row.floor_cap_minor,
            restricted=tuple(one for one in free.get(row.id, ()) if one[0].kinds),
        )
        for row in rows
    }

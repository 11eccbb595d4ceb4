"""What an account may spend, as far as the hub knows: the base of every right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from hub.ledger import accounts as chart
from hub.ledger.statements import balances_of
from hub.store.tables.people import accounts, cards


@dataclass(frozen=True, slots=True)
class Means:
    """An account's means.

    Attributes:
        unit: Unit of its money.
        state: `open`, `blocked` or `closed`.
        available_minor: What its wallet may still give, credit included.
        overrun_minor: What facts cost beyond all its rights, ≥ 0.
        level: Highest level of its active cards; None: it has none.
        has_cards: Whether it is in the card list at all.
        listed_cap_minor: Its floor's cap as last listed.
    """

    unit: str
    state: str
    available_minor: int
    overrun_minor: int
    level: int | None
    has_cards: bool
    listed_cap_minor: int

    @property
    def in_good_standing(self) -> bool:
        """Whether it may have a floor and standing rights."""
        return self.state == "open" and self.overrun_minor == 0


def means_of(connection: Connection, of: Iterable[str]) -> dict[str, Means]:
    """Means of accounts; unknown ones are left out.

    Args:
        connection: Sees the ledger as committed, or as flushed within the transaction.
        of: At most a statement's worth of accounts.
    """
    wanted = sorted(set(of))
    rows = connection.execute(select(accounts).where(accounts.c.id.in_(wanted))).all()
    codes = [chart.wallet(row.id, row.unit) for row in rows]
    codes += [chart.overrun(row.id, row.unit) for row in rows]
    # What was billed and isn't paid uses credit as what the wallet is below zero does.
    codes += [chart.receivable(row.id, row.unit) for row in rows if row.billing != "prepaid"]
    balances = balances_of(connection, codes)
    levels = {
        row.account: row.level
        for row in connection.execute(
            select(cards.c.account, func.max(cards.c.level).label("level"))
            .where(cards.c.account.in_(wanted) & (cards.c.state == "active"))
            .group_by(cards.c.account)
        )
    }
    listed = set(
        connection.execute(
            select(cards.c.account).where(cards.c.account.in_(wanted)).distinct()
        ).scalars()
    )
    return {
        row.id: Means(
            unit=row.unit,
            state=row.state,
            available_minor=balances.get(chart.wallet(row.id, row.unit), 0)
            + row.credit_limit_minor
            + balances.get(chart.receivable(row.id, row.unit), 0),
            overrun_minor=-balances.get(chart.overrun(row.id, row.unit), 0),
            level=levels.get(row.id),
            has_cards=row.id in listed,
            listed_cap_minor=row.floor_cap_minor,
        )
        for row in rows
    }

"""What controllers hold for accounts: rights in full, for people and for forfeits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, tuple_

from hub.charging.allowances import totals_of
from hub.store.tables.charging import allowances


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An account's rights at one controller in one of its journals, minor units.

    Attributes:
        account: Whose.
        epoch: Which journal.
        held_minor: Backed right left, as booked.
        granted_minor: Total ever granted.
        spent_minor: Total charged against backed rights.
        released_minor: Total given back.
        taken_in_minor: Total of cash accepted.
        unbacked_minor: Total charged beyond backed rights.
        forfeited_minor: Total that a person gave up on.
    """

    account: str
    epoch: str
    held_minor: int
    granted_minor: int
    spent_minor: int
    released_minor: int
    taken_in_minor: int
    unbacked_minor: int
    forfeited_minor: int


def list_holdings(
    connection: Connection, controller: str, *, after: tuple[str, str] | None, limit: int
) -> list[Holding]:
    """Rights at a controller by account and journal, one more than `limit` if there are more."""
    key = (allowances.c.account, allowances.c.epoch)
    query = select(allowances).where(allowances.c.controller == controller).order_by(*key)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    found = []
    for row in connection.execute(query.limit(limit + 1)):
        totals = totals_of(row)
        found.append(
            Holding(
                account=row.account,
                epoch=row.epoch,
                held_minor=totals.backed,
                granted_minor=totals.granted,
                spent_minor=totals.spent,
                released_minor=totals.released,
                taken_in_minor=totals.taken_in,
                unbacked_minor=totals.unbacked,
                forfeited_minor=totals.forfeited,
            )
        )
    return found

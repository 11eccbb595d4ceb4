"""Cash of a shift, told from the book: what came in and went out, by kind of movement."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from hub.ledger.writer import Tx

LAST = 2**62
"""A number after every transfer."""

_NEWEST = text("""
    SELECT
        coalesce((SELECT max(id) FROM transfers WHERE debit = a.id), 0) AS given,
        coalesce((SELECT max(id) FROM transfers WHERE credit = a.id), 0) AS taken
    FROM ledger_accounts AS a WHERE a.code = :code
""")
_BY_KIND = text("""
    SELECT i.kind, sum(t.came) AS came, sum(t.went) AS went, count(*) AS movements
    FROM (
        SELECT item, amount AS came, 0 AS went FROM transfers
        WHERE debit = (SELECT id FROM ledger_accounts WHERE code = :code)
            AND id > :first AND id <= :last
        UNION ALL
        SELECT item, 0 AS came, amount AS went FROM transfers
        WHERE credit = (SELECT id FROM ledger_accounts WHERE code = :code)
            AND id > :first AND id <= :last
    ) AS t JOIN items AS i ON i.id = t.item
    GROUP BY i.kind ORDER BY i.kind
""")


@dataclass(frozen=True, slots=True)
class Takings:
    """Cash of one kind of movement.

    Attributes:
        kind: Kind of the item: `top_up`, `deposit_returned`, `till_cash` …
        in_minor: Came in.
        out_minor: Went out.
        movements: How many.
    """

    kind: str
    in_minor: int
    out_minor: int
    movements: int


def newest_transfer(tx: Tx, cash: str) -> int:
    """Number of the newest transfer at a till's account; 0: there is none.

    Transfers of one account are numbered in the order of booking, on every database.
    """
    tx.book.flush()
    row = tx.connection.execute(_NEWEST, {"code": cash}).first()
    return 0 if row is None else int(max(row.given, row.taken))


def takings_of(
    connection: Connection, cash: str, *, after: int, through: int | None
) -> tuple[Takings, ...]:
    """Cash that moved at a till, by kind.

    Args:
        connection: Sees the ledger as committed, or as flushed within the transaction.
        cash: The till's account in the book.
        after: Number of the last transfer before.
        through: Number of the last one to count; None: to the end.
    """
    wanted = {"code": cash, "first": after, "last": LAST if through is None else through}
    return tuple(
        Takings(row.kind, int(row.came), int(row.went), int(row.movements))
        for row in connection.execute(_BY_KIND, wanted)
    )

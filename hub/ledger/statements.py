"""Reading the book: balances, lines of an account, sums. All on read-only connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, text

from hub.store.rows import encode_rows, from_values

LINES_PER_PAGE_MAX = 200
"""What a screen or an integrator reads at once."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer as an account sees it.

    Attributes:
        id: Number of the transfer; the cursor of paging.
        item: Item that it belongs to.
        kind: Kind of the item.
        ref: What the item is about.
        reason: Words of a person.
        other: Ledger account on the other side.
        amount_minor: Signed: positive came in.
        balance_minor: Balance after it.
        at_ms: When it was booked.
    """

    id: int
    item: str
    kind: str
    ref: str
    reason: str
    other: str
    amount_minor: int
    balance_minor: int
    at_ms: int

    @property
    def before_minor(self) -> int:
        """Balance before it."""
        return self.balance_minor - self.amount_minor


class Place(NamedTuple):
    """A place in an account's lines.

    It carries the balance there, since nothing older changes any more: else a deep page
    would have to add up all that is newer.

    Attributes:
        id: The line that comes next is the newest with a smaller number.
        balance_minor: Balance after that next line; None: as the account stands now.
    """

    id: int
    balance_minor: int | None = None


def balances_of(connection: Connection, codes: Iterable[str]) -> dict[str, int]:
    """Balances of ledger accounts; those never used are missing."""
    statement = text(
        f"SELECT a.code, a.balance FROM {from_values(connection.dialect.name, 'codes')} "  # noqa: S608
        "JOIN ledger_accounts AS a ON a.code = r.value"
    )
    # PostgreSQL takes no text with a NUL, and no account has one.
    wanted = [code for code in codes if "\0" not in code]
    rows = connection.execute(statement, {"codes": encode_rows(wanted)})
    return {row.code: row.balance for row in rows}


def balance_of(connection: Connection, code: str) -> int:
    """Balance of one ledger account; 0 when it was never used."""
    return balances_of(connection, [code]).get(code, 0)


_LINES = text("""
    SELECT t.id, t.item, i.kind, i.ref, i.reason, o.code AS other, t.signed, t.at_ms
    FROM (
        SELECT * FROM (
            SELECT id, item, credit AS other, -amount AS signed, at_ms FROM transfers
            WHERE debit = :account AND id < :before ORDER BY id DESC LIMIT :limit
        ) AS given
        UNION ALL
        SELECT * FROM (
            SELECT id, item, debit AS other, amount AS signed, at_ms FROM transfers
            WHERE credit = :account AND id < :before ORDER BY id DESC LIMIT :limit
        ) AS taken
    ) AS t
    JOIN items AS i ON i.id = t.item
    JOIN ledger_accounts AS o ON o.id = t.other
    ORDER BY t.id DESC LIMIT :limit
""")

NEWEST = Place(id=2**62)
"""A place after every transfer."""


def lines_of(
    connection: Connection, code: str, *, before: Place = NEWEST, limit: int = 50
) -> list[Line]:
    """Lines of a ledger account, newest first, each with its running balance.

    A page costs the same however deep it lies.

    Args:
        connection: To read from.
        code: The ledger account.
        before: Where the page before ended: its last line's `id` and `before_minor`.
        limit: 1 to `LINES_PER_PAGE_MAX`.
    """
    account = connection.execute(
        text("SELECT id, balance FROM ledger_accounts WHERE code = :code"), {"code": code}
    ).one_or_none()
    if account is None:
        return []
    limit = max(1, min(limit, LINES_PER_PAGE_MAX))
    wanted = {"account": account.id, "before": before.id, "limit": limit}
    rows = connection.execute(_LINES, wanted).all()
    balance = account.balance if before.balance_minor is None else before.balance_minor
    lines = []
    for row in rows:
        lines.append(
            Line(
                id=row.id,
                item=row.item,
                kind=row.kind,
                ref=row.ref,
                reason=row.reason,
                other=row.other,
                amount_minor=row.signed,
                balance_minor=balance,
                at_ms=row.at_ms,
            )
        )
        balance -= row.signed
    return lines


def sum_of_kind(connection: Connection, kind: str) -> dict[str, int]:
    """Sum of all balances of one kind, by unit: `revenue`, `tax` or another."""
    rows = connection.execute(
        text(
            "SELECT unit, sum(balance) AS total FROM ledger_accounts "
            "WHERE code LIKE unit || ':' || :kind || '/%' GROUP BY unit"
        ),
        {"kind": kind},
    )
    return {row.unit: int(row.total) for row in rows}


def sum_by_unit(connection: Connection) -> dict[str, int]:
    """Sum of all balances by unit: 0 for each, or the book is broken."""
    rows = connection.execute(
        text("SELECT unit, sum(balance) AS total FROM ledger_accounts GROUP BY unit")
    )
    return {row.unit: int(row.total) for row in rows}

"""What moved an account's own money between two moments, by kind of movement.

Its own money is its wallet and what is held of it, so money that is held, or comes
back, moves nothing here. What given money pays isn't the account's own either.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, text

from hub.people.credit import own_codes

CLOSE = "period_close"
"""Kind of the item that makes a receivable; it belongs to the close, not to a period."""
PAYMENT = "receivable_paid"
NOBODY = -1
"""Number of a ledger account that isn't opened yet."""

_NUMBERS = text("SELECT code, id FROM ledger_accounts WHERE code IN (:wallet, :escrow)")
_MOVED = """
    SELECT id, item, at_ms, -amount AS signed FROM transfers
    WHERE debit = :wallet AND credit <> :escrow AND id > :after
    UNION ALL
    SELECT id, item, at_ms, amount FROM transfers
    WHERE credit = :wallet AND debit <> :escrow AND id > :after
    UNION ALL
    SELECT id, item, at_ms, -amount FROM transfers
    WHERE debit = :escrow AND credit <> :wallet AND id > :after
    UNION ALL
    SELECT id, item, at_ms, amount FROM transfers
    WHERE credit = :escrow AND debit <> :wallet AND id > :after
"""
_LAST = text(f"SELECT max(id) FROM ({_MOVED}) AS moved WHERE at_ms < :before_ms")  # noqa: S608
_SUMS = text(f"""
    SELECT items.kind, sum(moved.signed) AS minor FROM ({_MOVED}) AS moved
    JOIN items ON items.id = moved.item
    WHERE moved.id <= :last GROUP BY items.kind ORDER BY items.kind
""")  # noqa: S608 our own names


class Group(StrEnum):
    """Kinds of movements as people read them on a bill."""

    USAGE = "usage"
    FEES = "fees"
    REFUNDS = "refunds"
    PAID_IN = "paid_in"
    OTHER = "other"


_GROUPS = {
    "session": Group.USAGE,
    "purchase": Group.USAGE,
    "fee": Group.FEES,
    "subscription": Group.FEES,
    "refund": Group.REFUNDS,
    "cash": Group.PAID_IN,
    "top_up": Group.PAID_IN,
    "voucher": Group.PAID_IN,
    PAYMENT: Group.PAID_IN,
}


def last_before(connection: Connection, account: str, unit: str, after: int, before_ms: int) -> int:
    """Number of the last movement that was booked before a moment; `after`: there is none."""
    asked = _numbers(connection, account, unit) | {"after": after, "before_ms": before_ms}
    found = connection.execute(_LAST, asked).scalar()
    return after if found is None else int(found)


def sums_by_kind(
    connection: Connection, account: str, unit: str, after: int, last: int
) -> dict[str, int]:
    """Signed sums of movements by kind of item, minor units: positive came in.

    Args:
        connection: Sees the ledger as flushed.
        account: Whose.
        unit: Unit of its money.
        after: Number of the transfer before the first that counts.
        last: Number of the last that counts.
    """
    asked = _numbers(connection, account, unit) | {"after": after, "last": last}
    rows = connection.execute(_SUMS, asked)
    return {row.kind: int(row.minor) for row in rows if row.kind != CLOSE}


def by_group(sums: Mapping[str, int]) -> dict[Group, int]:
    """Sums by kind as people read them; every group is there."""
    found = dict.fromkeys(Group, 0)
    for kind, minor in sums.items():
        found[_GROUPS.get(kind, Group.OTHER)] += minor
    return found


def _numbers(connection: Connection, account: str, unit: str) -> dict[str, int]:
    wallet, escrow = own_codes(account, unit)
    rows = connection.execute(_NUMBERS, {"wallet": wallet, "escrow": escrow})
    found = {row.code: row.id for row in rows}
    # Two numbers that differ, so that neither hides what the other gave.
    return {"wallet": found.get(wallet, NOBODY), "escrow": found.get(escrow, NOBODY - 1)}

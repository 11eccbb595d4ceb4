"""Discontinuing accounts that don't pay what was billed, and opening them again.

A receivable has a date: the end of its period and the days of the rules, or of the
account. An account may have a date of its own instead, which counts for all that was
billed before that date. Past it, the account is blocked with that reason; when nothing
is past its date any more it opens, unless staff blocked it too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from hub.billing.rules import DAY_MS, read_billing_rules
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.store.tables.people import accounts

DATE = """
    CASE WHEN b.discontinue_after_ms >= p.closed_ms THEN b.discontinue_after_ms
    ELSE p.ends_ms + CAST(coalesce(b.discontinue_days, :days) AS bigint) * :day_ms END
"""
"""When a period `p` of an account with billing terms `b` must be paid, for SQL."""
_OF_ONE = text(f"""
    SELECT min({DATE}) FROM periods AS p LEFT JOIN billing_terms AS b ON b.account = p.account
    WHERE p.account = :account AND p.paid_ms IS NULL
""")  # noqa: S608 our own names
_OVERDUE = text(f"""
    SELECT DISTINCT p.account FROM periods AS p
    JOIN accounts AS a ON a.id = p.account AND a.discontinued_ms IS NULL AND a.state <> 'closed'
    LEFT JOIN billing_terms AS b ON b.account = p.account
    WHERE p.paid_ms IS NULL AND p.account > :after AND {DATE} <= :now_ms
    ORDER BY p.account LIMIT :limit
""")  # noqa: S608 our own names


def date_of(connection: Connection, account: str) -> int | None:
    """When an account is discontinued if it pays nothing; None: it owes nothing billed."""
    days = read_billing_rules(connection).discontinue_days
    asked = {"account": account, "days": days, "day_ms": DAY_MS}
    found = connection.execute(_OF_ONE, asked).scalar()
    return None if found is None else int(found)


def overdue_accounts(connection: Connection, now_ms: int, after: str, limit: int) -> list[str]:
    """Accounts that are past their date and not discontinued yet.

    Args:
        connection: A connection for reading.
        now_ms: Hub's wall time.
        after: Only accounts behind this one, in the order of names.
        limit: Accounts at most.
    """
    days = read_billing_rules(connection).discontinue_days
    asked = {"days": days, "day_ms": DAY_MS, "now_ms": now_ms, "after": after, "limit": limit}
    return list(connection.execute(_OVERDUE, asked).scalars())


def review(tx: Tx, account: str) -> None:
    """Discontinue an account, or open it again, as what it owes says now."""
    row = _lock(tx, account)
    if row.state == "closed":
        return
    date = date_of(tx.connection, account)
    is_due = date is not None and date <= tx.now_ms
    if is_due == (row.discontinued_ms is not None):
        return
    if is_due:
        changed: dict[str, Any] = {
            "state": "blocked",
            "discontinued_ms": tx.now_ms,
            "also_blocked": int(row.state == "blocked"),
        }
    else:
        changed = {
            "state": "blocked" if row.also_blocked else "open",
            "discontinued_ms": None,
            "also_blocked": 0,
        }
    tx.connection.execute(update(accounts).where(accounts.c.id == account).values(**changed))
    card_list.relist_account(tx, account)
    tx.touch("account", account)


def _lock(tx: Tx, account: str) -> Row[*tuple[Any, ...]]:
    query = select(accounts.c.state, accounts.c.discontinued_ms, accounts.c.also_blocked)
    return tx.connection.execute(query.where(accounts.c.id == account).with_for_update()).one()

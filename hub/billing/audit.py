"""Holds periods against the book: what they say is owed must be what stands there."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from hub.billing.sums import sums_by_kind

FAULTS_PER_CHECK_MAX = 20

_RECEIVABLES = text("""
    SELECT due.code, due.minor, coalesce(-book.balance, 0) AS booked
    FROM (
        SELECT unit || '\\:receivable/' || account AS code, sum(due_minor - paid_minor) AS minor
        FROM periods GROUP BY unit, account
    ) AS due
    LEFT JOIN ledger_accounts AS book ON book.code = due.code
    WHERE due.minor <> coalesce(-book.balance, 0) LIMIT :most
""")
_LOOSE = text("""
    SELECT code, balance FROM ledger_accounts AS l
    WHERE code LIKE '%\\:receivable/%' AND balance <> 0 AND NOT EXISTS (
        SELECT 1 FROM periods AS p WHERE p.unit || '\\:receivable/' || p.account = l.code)
    LIMIT :most
""")
_LEAST = text("""
    SELECT w.code, w.balance_min, a.credit_limit_minor, coalesce(r.balance, 0) AS owed
    FROM accounts AS a
    JOIN ledger_accounts AS w ON w.code = a.unit || '\\:wallet/' || a.id
    LEFT JOIN ledger_accounts AS r ON r.code = a.unit || '\\:receivable/' || a.id
    WHERE w.balance_min <> -a.credit_limit_minor - coalesce(r.balance, 0) LIMIT :most
""")
_RUNNING = text("""
    SELECT o.account, a.unit, o.opening_minor, o.after_transfer, coalesce(sum(b.balance), 0) AS own
    FROM open_periods AS o JOIN accounts AS a ON a.id = o.account
    LEFT JOIN ledger_accounts AS b ON b.code IN
        (a.unit || '\\:wallet/' || a.id, a.unit || '\\:escrow/' || a.id)
    GROUP BY o.account, a.unit, o.opening_minor, o.after_transfer ORDER BY o.account
""")
_NEWEST = 2**62
"""Behind every transfer."""


def audit_billing(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    for row in connection.execute(_RECEIVABLES, most):
        yield f"{row.code}: periods leave {int(row.minor)} to pay, {int(row.booked)} is booked"
    for row in connection.execute(_LOOSE, most):
        yield f"{row.code} is {row.balance}, and no period made it"
    for row in connection.execute(_LEAST, most):
        yield (
            f"{row.code} may go to {row.balance_min}, but the credit limit is "
            f"{row.credit_limit_minor} and {-row.owed} are billed and unpaid"
        )
    for row in connection.execute(_RUNNING).all():
        moved = sums_by_kind(connection, row.account, row.unit, row.after_transfer, _NEWEST)
        minor = row.opening_minor + sum(moved.values())
        if minor != row.own:
            yield f"{row.account}: its period comes to {minor}, it has {int(row.own)}"

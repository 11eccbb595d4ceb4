"""Holds what is kept about money that came in against the book: both tell the same story."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from hub.payments.deposit_rows import audit_deposits

FAULTS_PER_CHECK_MAX = 20

_VOUCHERS = text("""
    SELECT owed.code, owed.minor, coalesce(book.balance, 0) AS booked
    FROM (
        SELECT b.unit || '\\:clearing/vouchers' AS code,
            sum(CASE WHEN v.state = 'issued' THEN b.amount_minor ELSE 0 END) AS minor
        FROM voucher_batches AS b JOIN vouchers AS v ON v.batch = b.id
        WHERE b.funding = 'sold' GROUP BY b.unit
    ) AS owed LEFT JOIN ledger_accounts AS book ON book.code = owed.code
    WHERE owed.minor <> coalesce(book.balance, 0) LIMIT :most
""")
_CODES = text("""
    SELECT owed.code, owed.minor, coalesce(book.balance, 0) AS booked
    FROM (
        SELECT b.unit || '\\:clearing/codes' AS code,
            sum(CASE WHEN c.state = 'issued' THEN b.amount_minor ELSE 0 END) AS minor
        FROM code_batches AS b JOIN offline_codes AS c ON c.batch = b.id
        WHERE b.funding = 'sold' GROUP BY b.unit
    ) AS owed LEFT JOIN ledger_accounts AS book ON book.code = owed.code
    WHERE owed.minor <> coalesce(book.balance, 0) LIMIT :most
""")
_CODES_USED = text("""
    SELECT c.controller, c.counter FROM offline_codes AS c
    WHERE c.state = 'used' AND NOT EXISTS (
        SELECT 1 FROM items AS i WHERE i.id = c.movement AND i.kind = 'code')
    LIMIT :most
""")
_REDEEMED = text("""
    SELECT v.batch, v.serial FROM vouchers AS v
    WHERE v.state = 'used' AND NOT EXISTS (
        SELECT 1 FROM payments AS p WHERE p.id = v.payment AND p.account = v.account)
    LIMIT :most
""")
_CAMPAIGNS = text("""
    SELECT c.id, c.given_minor, coalesce(sum(p.bonus_minor), 0) AS paid
    FROM campaigns AS c LEFT JOIN payments AS p ON p.campaign = c.id
    GROUP BY c.id, c.given_minor
    HAVING c.given_minor <> coalesce(sum(p.bonus_minor), 0) LIMIT :most
""")
_SHIFTS = text("""
    SELECT id FROM shifts WHERE state = 'closed' AND (
        expected_minor <> float_minor + in_minor - out_minor
        OR difference_minor <> counted_minor - expected_minor)
    LIMIT :most
""")


def audit_money_in(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    yield from audit_deposits(connection)
    for row in connection.execute(_VOUCHERS, most):
        yield f"unused vouchers are worth {int(row.minor)}, {row.code} is {row.booked}"
    for row in connection.execute(_CODES, most):
        yield f"unused codes are worth {int(row.minor)}, {row.code} is {row.booked}"
    for row in connection.execute(_CODES_USED, most):
        yield f"code {row.counter} of {row.controller} was used, and no movement says so"
    for row in connection.execute(_REDEEMED, most):
        yield f"voucher {row.serial} of {row.batch} was used, and no payment says so"
    for row in connection.execute(_CAMPAIGNS, most):
        yield f"campaign {row.id} gave {row.given_minor}, its top-ups say {int(row.paid)}"
    for row in connection.execute(_SHIFTS, most):
        yield f"shift {row.id}: its counts don't add up"

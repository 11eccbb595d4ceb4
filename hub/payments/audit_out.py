"""Holds what is kept about money that went back and around against the book."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

FAULTS_PER_CHECK_MAX = 20

_PAYOUTS = text("""
    SELECT u.unit, coalesce(sum(p.amount_minor), 0) AS minor, coalesce(max(u.balance), 0) AS booked
    FROM (
        SELECT unit, balance FROM ledger_accounts WHERE code = unit || '\\:payout/'
    ) AS u LEFT JOIN payouts AS p ON p.unit = u.unit AND p.state IN ('requested', 'approved')
    GROUP BY u.unit
    HAVING coalesce(sum(p.amount_minor), 0) <> coalesce(max(u.balance), 0) LIMIT :most
""")
_LOOSE_PAYOUTS = text("""
    SELECT p.id FROM payouts AS p
    WHERE NOT EXISTS (SELECT 1 FROM items AS i WHERE i.id = p.id AND i.kind = 'payout') LIMIT :most
""")
_SESSIONS = text("""
    SELECT s.id, s.refunded_minor, g.refunded_minor AS noted
    FROM given_back AS g
    JOIN items AS i ON i.id = g.item AND i.kind = 'session'
    JOIN sessions AS s ON s.id = i.ref
    WHERE s.refunded_minor <> g.refunded_minor LIMIT :most
""")
_REFUNDS = text("""
    SELECT g.item, g.refunded_minor, coalesce(sum(t.amount), 0) AS booked
    FROM given_back AS g
    LEFT JOIN items AS r ON r.reverses = g.item AND r.kind = 'refund'
    LEFT JOIN transfers AS t ON t.item = r.id
    GROUP BY g.item, g.refunded_minor
    HAVING g.refunded_minor < coalesce(sum(t.amount), 0) LIMIT :most
""")
_REQUESTS = text("""
    SELECT r.id FROM refund_requests AS r
    WHERE (r.state = 'booked') <> EXISTS (
        SELECT 1 FROM payments AS p WHERE p.id = r.id AND p.kind = 'refund') LIMIT :most
""")
_CORRECTIONS = text("""
    SELECT c.id FROM corrections AS c
    WHERE NOT EXISTS (
        SELECT 1 FROM items AS i
        WHERE i.id = c.id AND i.kind = 'correction' AND i.reverses = c.item) LIMIT :most
""")
_TRANSFERS = text("""
    SELECT a.id FROM account_transfers AS a
    LEFT JOIN transfers AS t ON t.item = a.id
    GROUP BY a.id, a.amount_minor
    HAVING a.amount_minor <> coalesce(sum(t.amount), 0) LIMIT :most
""")

_VENDS = text("""
    SELECT s.id FROM sessions AS s
    WHERE s.reason = 'vend_unknown' AND s.charge_minor > 0 AND s.state <> 'refunded'
        AND (s.state = 'ended') <> EXISTS (
            SELECT 1 FROM items AS i WHERE i.ref = s.id AND i.kind = 'capture') LIMIT :most
""")


def audit_money_out(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    for row in connection.execute(_PAYOUTS, most):
        yield f"payouts under way are {int(row.minor)}, {row.unit}:payout/ is {int(row.booked)}"
    for row in connection.execute(_LOOSE_PAYOUTS, most):
        yield f"payout {row.id} never left its wallet"
    for row in connection.execute(_SESSIONS, most):
        yield f"session {row.id} says {row.refunded_minor} refunded, its charge {row.noted}"
    for row in connection.execute(_REFUNDS, most):
        yield f"item {row.item} says {row.refunded_minor} refunded, {int(row.booked)} is booked"
    for row in connection.execute(_REQUESTS, most):
        yield f"refund request {row.id} and the refunds that were booked don't agree"
    for row in connection.execute(_CORRECTIONS, most):
        yield f"correction {row.id} isn't in the book"
    for row in connection.execute(_TRANSFERS, most):
        yield f"transfer {row.id} between accounts and the book don't agree"
    for row in connection.execute(_VENDS, most):
        yield f"vend {row.id} is decided without its price, or priced without a decision"

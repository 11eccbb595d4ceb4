"""Holds rights, sessions and journals against the book: they must tell the same story."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from hub.charging.lot_audit import audit_lots
from hub.charging.usage_audit import audit_usage
from hub.people.spending import audit_spending

FAULTS_PER_CHECK_MAX = 20

# What each escrow account must hold: backed rights, of which a part is held in lots, and
# what usages hold.
_HELD = """
    SELECT code, sum(minor) AS minor FROM (
        SELECT p.unit || '\\:escrow/' || a.account AS code,
            a.granted_minor + a.taken_in_minor - a.spent_minor - a.released_minor
                - a.forfeited_minor AS minor
        FROM allowances AS a JOIN accounts AS p ON p.id = a.account
        UNION ALL
        SELECT p.unit || '\\:escrow/' || a.account, -a.held_minor
        FROM allowance_lots AS a JOIN accounts AS p ON p.id = a.account
        UNION ALL
        SELECT p.unit || '\\:escrow/' || a.account || '/' || a.lot, a.held_minor
        FROM allowance_lots AS a JOIN accounts AS p ON p.id = a.account
        UNION ALL
        SELECT code, minor FROM usage_holds
    ) AS parts GROUP BY code
"""
_ESCROW = text(
    "SELECT held.code, held.minor, coalesce(book.balance, 0) AS booked"  # noqa: S608 our own
    f" FROM ({_HELD}) AS held LEFT JOIN ledger_accounts AS book ON book.code = held.code"
    " WHERE held.minor <> coalesce(book.balance, 0) LIMIT :most"
)
_LOOSE_ESCROW = text(
    "SELECT l.code, l.balance FROM ledger_accounts AS l"  # noqa: S608 our own
    " WHERE l.code LIKE '%\\:escrow/%' AND l.balance <> 0"
    f" AND l.code NOT IN (SELECT code FROM ({_HELD}) AS held) LIMIT :most"
)
_SESSIONS = text("""
    SELECT s.id, s.charge_minor, coalesce(sum(t.amount), 0) AS booked
    FROM sessions AS s
    LEFT JOIN items AS i ON i.ref = s.id AND i.kind = 'session'
    LEFT JOIN transfers AS t ON t.item = i.id
    WHERE s.state <> 'running'
    GROUP BY s.id, s.charge_minor
    HAVING s.charge_minor <> coalesce(sum(t.amount), 0) LIMIT :most
""")
_SHARES = text("""
    SELECT id FROM sessions WHERE state <> 'running' AND (
        backed_minor + unbacked_minor <> charge_minor OR overrun_minor > unbacked_minor)
    LIMIT :most
""")
_ITEMS = text("""
    SELECT i.id FROM items AS i WHERE i.kind = 'session'
        AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = i.ref AND s.state <> 'running')
    LIMIT :most
""")
_JOURNALS = text("""
    SELECT j.controller, j.epoch, j.through_seq, count(e.seq) AS kept,
        coalesce(max(e.seq), 0) AS last
    FROM journals AS j
    LEFT JOIN events AS e ON e.controller = j.controller AND e.epoch = j.epoch
    GROUP BY j.controller, j.epoch, j.through_seq
    HAVING count(e.seq) <> j.through_seq OR coalesce(max(e.seq), 0) <> j.through_seq
    LIMIT :most
""")


def audit_charging(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    for row in connection.execute(_ESCROW, most):
        yield f"controllers and holds keep {row.minor} in {row.code}, it is {row.booked}"
    for row in connection.execute(_LOOSE_ESCROW, most):
        yield f"{row.code} is {row.balance}, and nobody holds anything of it"
    for row in connection.execute(_SESSIONS, most):
        yield f"session {row.id} charged {row.charge_minor}, {row.booked} is booked"
    for row in connection.execute(_SHARES, most):
        yield f"session {row.id}: its shares don't make its charge"
    for row in connection.execute(_ITEMS, most):
        yield f"item {row.id} charges a session that isn't known or still runs"
    for row in connection.execute(_JOURNALS, most):
        yield (
            f"journal {row.epoch} of {row.controller} is booked through {row.through_seq}, "
            f"{row.kept} events up to {row.last} are kept"
        )
    yield from audit_lots(connection)
    yield from audit_usage(connection)
    yield from audit_spending(connection)

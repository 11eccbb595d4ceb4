"""Holds lots against the book and against rights: they must tell the same story."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from operator import attrgetter

from sqlalchemy import Connection, select, text

from hub.charging.lot import nest
from hub.charging.lot_rows import lot_of_row
from hub.store.tables.lots import lots

FAULTS_PER_CHECK_MAX = 20

_BEYOND = text("""
    SELECT h.account, h.controller, h.epoch, sum(h.held_minor) AS minor
    FROM allowance_lots AS h
    LEFT JOIN allowances AS a ON a.account = h.account AND a.controller = h.controller
        AND a.epoch = h.epoch
    GROUP BY h.account, h.controller, h.epoch, a.granted_minor, a.taken_in_minor,
        a.spent_minor, a.released_minor, a.forfeited_minor
    HAVING sum(h.held_minor) > coalesce(a.granted_minor + a.taken_in_minor - a.spent_minor
        - a.released_minor - a.forfeited_minor, 0)
    LIMIT :most
""")
_OF_OTHERS = text("""
    SELECT h.lot, h.account FROM allowance_lots AS h
    LEFT JOIN lots AS l ON l.id = h.lot AND l.account = h.account
    WHERE h.held_minor > 0 AND (l.id IS NULL OR l.state IN ('waiting', 'closed')) LIMIT :most
""")
_LOOSE = text("""
    SELECT b.code, b.balance FROM ledger_accounts AS b
    LEFT JOIN lots AS l ON b.code = l.unit || '\\:bonus/' || l.account || '/' || l.id
    WHERE b.code LIKE '%\\:bonus/%' AND b.balance <> 0 AND (l.id IS NULL OR l.state = 'closed')
    LIMIT :most
""")


def audit_lots(connection: Connection) -> Iterator[str]:
    """Check on one read-only connection, within the caller's transaction.

    Yields:
        A sentence for each fault.
    """
    most = {"most": FAULTS_PER_CHECK_MAX}
    for row in connection.execute(_BEYOND, most):
        yield (
            f"{row.controller} in {row.epoch} holds {row.minor} of {row.account}'s lots, "
            "more than its whole right"
        )
    for row in connection.execute(_OF_OTHERS, most):
        yield f"lot {row.lot} is held for {row.account}, and is another's or not open"
    for row in connection.execute(_LOOSE, most):
        yield f"{row.code} is {row.balance}, and belongs to no lot that is open"
    yield from _overlaps(connection)


def _overlaps(connection: Connection) -> Iterator[str]:
    living = lots.c.state.in_(("waiting", "open"))
    rows = connection.execute(select(lots).where(living).order_by(lots.c.account, lots.c.id))
    for account, mine in groupby(map(lot_of_row, rows), key=attrgetter("account")):
        for one, other in combinations(mine, 2):
            if not nest(one.kinds, other.kinds):
                yield f"{account}: the kinds of lots {one.id} and {other.id} overlap"

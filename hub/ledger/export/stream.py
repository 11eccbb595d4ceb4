"""The book as a stream of items, in the order of booking, a few in memory at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from hub.ledger.items import Transfer
from wire.money import Unit

ROWS_AT_ONCE = 2_000
"""Rows fetched together: a few hundred kB, and few round trips to a server."""
Progress = Callable[[int, int], None]
"""Told how many items are done, of how many."""
STRIDE = 5_000
"""Items between two words of progress."""
FindUnit = Callable[[str], Unit]
"""Looks a unit up by its code."""

_ITEMS = text("""
    SELECT i.place, i.id, i.unit, i.kind, i.ref, i.reason, i.reverses,
           t.debit, t.credit, t.amount, t.at_ms
    FROM items AS i JOIN transfers AS t ON t.item = i.id
    ORDER BY i.place, t.ordinal
""")


@dataclass(frozen=True, slots=True)
class BookedItem:
    """An item as it was booked.

    Attributes:
        place: Its place in the order of booking, from 1.
        id: Its id.
        unit: Unit of its money.
        kind: `top_up`, `session`, …
        ref: What it is about.
        reason: Words of a person.
        reverses: Id of the item that it corrects, or None.
        at_ms: Hub's wall time of the booking.
        transfers: What moved, in order.
    """

    place: int
    id: str
    unit: str
    kind: str
    ref: str
    reason: str
    reverses: str | None
    at_ms: int
    transfers: tuple[Transfer, ...]


def booked_items(
    connection: Connection, progress: Progress = lambda _done, _all: None
) -> Iterator[BookedItem]:
    """Read every item, oldest first, as of one moment.

    Args:
        connection: For reading, in one transaction throughout.
        progress: Told how far it is.
    """
    total = connection.execute(text("SELECT count(*) FROM items")).scalar_one()
    codes = {
        row.id: row.code for row in connection.execute(text("SELECT id, code FROM ledger_accounts"))
    }
    streaming = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
    grouped = itertools.groupby(streaming.execute(_ITEMS), key=lambda row: row.place)
    for done, (_, group) in enumerate(grouped, 1):
        rows = list(group)
        first = rows[0]
        yield BookedItem(
            place=first.place,
            id=first.id,
            unit=first.unit,
            kind=first.kind,
            ref=first.ref,
            reason=first.reason,
            reverses=first.reverses,
            at_ms=first.at_ms,
            transfers=tuple(
                Transfer(codes[row.debit], codes[row.credit], row.amount) for row in rows
            ),
        )
        if done % STRIDE == 0:
            progress(done, total)
    progress(total, total)


def final_balances(connection: Connection) -> list[tuple[str, int]]:
    """Code and balance of every ledger account, by code."""
    rows = connection.execute(text("SELECT code, balance FROM ledger_accounts ORDER BY code"))
    return [(row.code, int(row.balance)) for row in rows]

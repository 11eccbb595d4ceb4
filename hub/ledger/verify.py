"""Recompute the whole book from its transfers and name what differs.

Checks: each balance is the sum of its transfers and within its limits; each unit sums
to zero; each item and its transfers are as they were booked; the batches' hashes form
one chain over all items; no transfer without its item, no item left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from hub.ledger.accounts import unit_of
from hub.ledger.entries import FIRST_HASH, chain_batch
from hub.ledger.items import Transfer, effect_of

Progress = Callable[[int, int], None]
"""Told how many items are done, of how many."""
STRIDE = 10_000
"""Items between two words of progress."""
NAMED_MAX = 20
"""Faults of one kind that are named; where there are more, one look isn't enough anyway."""

_BOOKED = text("""
    SELECT i.*, t.id AS transfer, t.ordinal, t.debit, t.credit, t.amount, t.at_ms
    FROM items AS i LEFT JOIN transfers AS t ON t.item = i.id
    ORDER BY i.place, t.ordinal
""")


def verify_book(connection: Connection, progress: Progress | None = None) -> Iterator[str]:
    """Check the whole book on one read-only connection, as of one moment.

    Yields:
        A sentence for each fault, naming account, transfer, item or batch.
    """
    check = _Check(connection)
    yield from check.batches(progress or (lambda _done, _all: None))
    yield from check.balances()
    yield from check.orphans()


class _Check:
    """One pass over a book."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._codes = {
            row.id: row.code
            for row in connection.execute(text("SELECT id, code FROM ledger_accounts"))
        }
        self._sums = dict.fromkeys(self._codes, 0)
        self._done = 0

    def batches(self, progress: Progress) -> Iterator[str]:
        """Check every batch with its items, in the order of booking."""
        total = self._connection.execute(text("SELECT count(*) FROM items")).scalar_one()
        heads = self._connection.execute(text("SELECT id, hash, items, at_ms FROM batches"))
        by_id = {row.id: row for row in heads}
        expected = iter(sorted(by_id))
        streamed = self._connection.execution_options(stream_results=True).execute(_BOOKED)
        hash_ = FIRST_HASH
        for batch, rows in itertools.groupby(streamed, key=lambda row: row.batch):
            for number in itertools.takewhile(lambda n, b=batch: n != b, expected):  # type: ignore[misc]
                yield f"batch {number} has no items: they are gone"
            digests: list[tuple[str, str]] = []
            for _, found in itertools.groupby(rows, key=lambda row: row.id):
                item = list(found)
                yield from self._item(item, by_id.get(batch))
                digests.append((item[0].digest, item[0].effect))
                if self._done % STRIDE == 0:
                    progress(self._done, total)
            head = by_id.get(batch)
            if head is None:
                yield f"items name batch {batch}, which doesn't exist"
                continue
            if len(digests) != head.items or chain_batch(hash_, digests) != head.hash:
                yield f"batch {batch} was changed: its items don't give its hash"
            hash_ = head.hash
        for number in expected:
            yield f"batch {number} has no items: they are gone"
        progress(total, total)

    def balances(self) -> Iterator[str]:
        """Check each account against its transfers and limits, and the sum of each unit."""
        units: dict[str, int] = {}
        rows = self._connection.execute(text("SELECT * FROM ledger_accounts"))
        for row in rows:
            units[row.unit] = units.get(row.unit, 0) + row.balance
            made = self._sums.get(row.id, 0)
            if row.balance != made:
                yield f"account {row.code} says {row.balance}, its transfers make {made}"
            if row.balance_min is not None and row.balance < row.balance_min:
                yield f"account {row.code} is at {row.balance}, below its limit {row.balance_min}"
            if row.balance_max is not None and row.balance > row.balance_max:
                yield f"account {row.code} is at {row.balance}, above its limit {row.balance_max}"
            if unit_of(row.code) != row.unit:
                yield f"account {row.code} is kept in {row.unit}"
        for unit, total in units.items():
            if total:
                yield f"all balances in {unit} sum to {total}, not to 0"

    def orphans(self) -> Iterator[str]:
        """Look for transfers whose item is gone."""
        rows = self._connection.execute(
            text(
                "SELECT id, item FROM transfers "
                "WHERE item NOT IN (SELECT id FROM items) ORDER BY id LIMIT :most"
            ),
            {"most": NAMED_MAX},
        )
        for row in rows:
            yield f"transfer {row.id} belongs to item {row.item}, which doesn't exist"

    def _item(self, rows: Sequence[Row[Any]], batch: Row[Any] | None) -> Iterator[str]:
        first = rows[0]
        self._done += 1
        if first.place != self._done:
            yield f"item {first.id} stands at place {first.place}, expected {self._done}"
            self._done = first.place
        at_ms = first.at_ms if batch is None else batch.at_ms
        transfers, sound = [], True
        for place, row in enumerate(row for row in rows if row.transfer is not None):
            self._sums[row.debit] = self._sums.get(row.debit, 0) - row.amount
            self._sums[row.credit] = self._sums.get(row.credit, 0) + row.amount
            giver, taker = self._codes.get(row.debit, "?"), self._codes.get(row.credit, "?")
            if not unit_of(giver) == unit_of(taker) == first.unit:
                yield f"transfer {row.transfer} moves {giver} to {taker}: money never crosses units"
            sound = sound and row.ordinal == place and row.at_ms == at_ms
            transfers.append(Transfer(giver, taker, row.amount))
        about = (first.id, first.unit, first.kind, first.ref, first.reason, first.reverses)
        if not sound or effect_of(about, at_ms, tuple(transfers)) != first.effect:
            yield f"item {first.id} isn't as it was booked: {_named(rows, transfers)}"


def _named(rows: Sequence[Row[Any]], transfers: Sequence[Transfer]) -> str:
    numbers = [str(row.transfer) for row in rows if row.transfer is not None]
    if not numbers:
        return "its transfers are gone"
    touched = sorted({code for t in transfers for code in (t.debit, t.credit)})
    return f"see transfer {', '.join(numbers)} on {', '.join(touched)}"

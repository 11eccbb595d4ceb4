"""Recompute the whole book from its transfers and name what differs.

Checks: each balance is the sum of its transfers and within its limits; each unit sums
to zero; each item and its transfers are as they were booked; the batches' hashes form
one chain over all items; no transfer without its item, no item left out or twice. Rows
are streamed: only accounts are held in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from hub.ledger.accounts import is_code, unit_of, usual_limits
from hub.ledger.entries import FIRST_HASH, chain_batch
from hub.ledger.items import Transfer, effect_of

Progress = Callable[[int, int], None]
"""Told how many items are done, of how many."""
STRIDE = 10_000
"""Items between two words of progress."""
NAMED_MAX = 20
"""Faults of one kind that are named; where there are more, one look isn't enough anyway."""

ROWS_FETCHED = 1_000
"""Rows held at once: a book of any length is read in the same memory."""

_ITEMS = text("SELECT count(*) FROM items")
_ACCOUNTS = text("SELECT * FROM ledger_accounts ORDER BY id")
_BATCHES = text("SELECT id, hash, items, at_ms FROM batches ORDER BY id")
_BOOKED = text("""
    SELECT i.*, t.id AS transfer, t.ordinal, t.debit, t.credit, t.amount, t.at_ms
    FROM items AS i LEFT JOIN transfers AS t ON t.item = i.id
    ORDER BY i.place, t.ordinal
""")
_TWICE = text("SELECT id FROM items GROUP BY id HAVING count(*) > 1 LIMIT :most")
_ORPHANS = text("""
    SELECT t.id, t.item FROM transfers AS t
    WHERE NOT EXISTS (SELECT 1 FROM items AS i WHERE i.id = t.item) ORDER BY t.id LIMIT :most
""")


def verify_book(connection: Connection, progress: Progress | None = None) -> Iterator[str]:
    """Check the whole book on one read-only connection, as of one moment.

    Yields:
        A sentence for each fault, naming account, transfer, item or batch.
    """
    check = _Check(connection)
    yield from check.batches(progress or (lambda _done, _all: None))
    yield from check.balances()
    yield from check.ids()


class _Check:
    """One pass over a book."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._codes = {row.id: row.code for row in self._stream(_ACCOUNTS)}
        self._sums = dict.fromkeys(self._codes, 0)
        self._done = 0

    def batches(self, progress: Progress) -> Iterator[str]:
        """Check every batch with its items, in the order of booking."""
        total = int(self._connection.execute(_ITEMS).scalar_one())
        heads = self._stream(_BATCHES)
        head = next(heads, None)
        hash_ = FIRST_HASH
        for batch, rows in itertools.groupby(self._stream(_BOOKED), key=lambda row: row.batch):
            while head is not None and head.id < batch:
                yield f"batch {head.id} has no items: they are gone"
                head = next(heads, None)
            found = head if head is not None and head.id == batch else None
            digests: list[tuple[str, str]] = []
            for _, item_rows in itertools.groupby(rows, key=lambda row: row.place):
                item = list(item_rows)
                yield from self._item(item, found)
                digests.append((item[0].digest, item[0].effect))
                if self._done % STRIDE == 0:
                    progress(self._done, total)
            if found is None:
                yield f"items name batch {batch}, which doesn't exist"
                continue
            if len(digests) != found.items or chain_batch(hash_, digests) != found.hash:
                yield f"batch {batch} was changed: its items don't give its hash"
            hash_ = found.hash
            head = next(heads, None)
        for left in itertools.chain(() if head is None else (head,), heads):
            yield f"batch {left.id} has no items: they are gone"
        progress(total, total)

    def balances(self) -> Iterator[str]:
        """Check each account against its transfers and limits, and the sum of each unit."""
        units: dict[str, int] = {}
        for row in self._stream(_ACCOUNTS):
            units[row.unit] = units.get(row.unit, 0) + row.balance
            made = self._sums.get(row.id, 0)
            if row.balance != made:
                yield f"account {row.code} says {row.balance}, its transfers make {made}"
            yield from _check_limits(row)
            if unit_of(row.code) != row.unit:
                yield f"account {row.code} is kept in {row.unit}"
        for unit, total in units.items():
            if total:
                yield f"all balances in {unit} sum to {total}, not to 0"

    def ids(self) -> Iterator[str]:
        """Look for ids that were booked twice, and transfers whose item is gone."""
        most = {"most": NAMED_MAX}
        for row in self._connection.execute(_TWICE, most):
            yield f"item {row.id} was booked twice"
        for row in self._connection.execute(_ORPHANS, most):
            yield f"transfer {row.id} belongs to item {row.item}, which doesn't exist"

    def _stream(self, statement: TextClause) -> Iterator[Row[Any]]:
        few = statement.execution_options(stream_results=True, yield_per=ROWS_FETCHED)
        return iter(self._connection.execute(few))

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


def _check_limits(row: Row[Any]) -> Iterator[str]:
    if row.balance_min is not None and row.balance < row.balance_min:
        yield f"account {row.code} is at {row.balance}, below its limit {row.balance_min}"
    if row.balance_max is not None and row.balance > row.balance_max:
        yield f"account {row.code} is at {row.balance}, above its limit {row.balance_max}"
    if not is_code(row.code):
        yield f"account {row.code} isn't of the chart of accounts"
        return
    usual = usual_limits(row.code)
    if usual.least is not None and row.balance_min is None:
        yield f"account {row.code} has lost its least balance"
    if usual.most is not None and row.balance_max is None:
        yield f"account {row.code} has lost its most balance"


def _named(rows: Sequence[Row[Any]], transfers: Sequence[Transfer]) -> str:
    numbers = [str(row.transfer) for row in rows if row.transfer is not None]
    if not numbers:
        return "its transfers are gone"
    touched = sorted({code for t in transfers for code in (t.debit, t.credit)})
    return f"see transfer {', '.join(numbers)} on {', '.join(touched)}"

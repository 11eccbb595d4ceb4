"""Recompute the whole book from its transfers and name what differs.

Checks: each balance is the sum of its transfers and within its limits; each unit sums
to zero; each item's stored transfers are those that came of it; the batches' hashes
form one chain over all items; no transfer without its item.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from hub.ledger.accounts import unit_of
from hub.ledger.book import FIRST_HASH, chain_batch
from hub.ledger.items import Transfer, effect_of

Progress = Callable[[int, int], None]
"""Told how many items are done, of how many."""
STRIDE = 10_000
"""Items between two words of progress."""


def verify_book(connection: Connection, progress: Progress | None = None) -> Iterator[str]:
    """Check the whole book on one read-only connection.

    The caller keeps the connection in one transaction, so that a book in use is read
    as of one moment.

    Yields:
        A sentence for each fault, naming account, item or batch.
    """
    codes = {
        row.id: row.code for row in connection.execute(text("SELECT id, code FROM ledger_accounts"))
    }
    sums = dict.fromkeys(codes, 0)
    yield from _verify_items(connection, codes, sums, progress or (lambda _done, _all: None))
    yield from _verify_balances(connection, codes, sums)
    orphans = connection.execute(
        text("SELECT id, item FROM transfers WHERE item NOT IN (SELECT id FROM items) LIMIT 20")
    )
    for row in orphans:
        yield f"transfer {row.id} belongs to item {row.item}, which doesn't exist"


def _verify_items(
    connection: Connection, codes: dict[int, str], sums: dict[int, int], progress: Progress
) -> Iterator[str]:
    total = connection.execute(text("SELECT count(*) FROM items")).scalar_one()
    hash_, done = FIRST_HASH, 0
    batches = connection.execute(text("SELECT id, hash, items, at_ms FROM batches ORDER BY id"))
    rows = connection.execution_options(stream_results=True).execute(
        text("""
            SELECT i.id, i.place, i.digest, i.effect, i.batch, t.debit, t.credit, t.amount
            FROM items AS i LEFT JOIN transfers AS t ON t.item = i.id
            ORDER BY i.place, t.ordinal
        """)
    )
    by_batch = itertools.groupby(rows, key=lambda row: row.batch)
    batch_id, group = next(by_batch, (None, iter(())))
    for batch in batches:
        digests: list[tuple[str, str]] = []
        if batch_id == batch.id:
            for item, lines in itertools.groupby(group, key=lambda row: row.id):
                found = list(lines)
                done += 1
                if done % STRIDE == 0:
                    progress(done, total)
                if found[0].place != done:
                    yield f"item {item} stands at place {found[0].place}, expected {done}"
                    done = found[0].place
                yield from _verify_item(item, batch.at_ms, found, codes, sums)
                digests.append((found[0].digest, found[0].effect))
            batch_id, group = next(by_batch, (None, iter(())))
        hash_ = chain_batch(hash_, digests)
        if len(digests) != batch.items or hash_ != batch.hash:
            yield f"batch {batch.id} was changed: its items don't give its hash"
            hash_ = batch.hash
    if batch_id is not None:
        yield f"items name batch {batch_id}, which doesn't exist"
    progress(total, total)


def _verify_item(
    item: str,
    at_ms: int,
    found: Sequence[Row[Any]],
    codes: dict[int, str],
    sums: dict[int, int],
) -> Iterator[str]:
    transfers = []
    for row in found:
        debit, credit, amount = row.debit, row.credit, row.amount
        if debit is None:
            continue
        sums[debit] = sums.get(debit, 0) - amount
        sums[credit] = sums.get(credit, 0) + amount
        giver, taker = codes.get(debit, "?"), codes.get(credit, "?")
        if unit_of(giver) != unit_of(taker):
            yield f"item {item} moves {giver} to {taker}: money never crosses units"
        transfers.append(Transfer(giver, taker, amount))
    if effect_of(item, at_ms, tuple(transfers)) != found[0].effect:
        touched = sorted({code for t in transfers for code in (t.debit, t.credit)})
        yield f"item {item} was changed: its transfers on {', '.join(touched)} aren't those booked"


def _verify_balances(
    connection: Connection, codes: dict[int, str], sums: dict[int, int]
) -> Iterator[str]:
    units: dict[str, int] = {}
    rows = connection.execute(
        text("SELECT id, unit, balance, balance_min, balance_max FROM ledger_accounts")
    )
    for row in rows:
        code = codes.get(row.id, "?")
        units[row.unit] = units.get(row.unit, 0) + row.balance
        if row.balance != sums.get(row.id, 0):
            yield (
                f"account {code} says {row.balance} minor units, its transfers make "
                f"{sums.get(row.id, 0)}"
            )
        if row.balance_min is not None and row.balance < row.balance_min:
            yield f"account {code} is at {row.balance}, below its limit {row.balance_min}"
        if row.balance_max is not None and row.balance > row.balance_max:
            yield f"account {code} is at {row.balance}, above its limit {row.balance_max}"
        if unit_of(code) != row.unit:
            yield f"account {code} is kept in {row.unit}"
    for unit, total in units.items():
        if total:
            yield f"all balances in {unit} sum to {total}, not to 0"

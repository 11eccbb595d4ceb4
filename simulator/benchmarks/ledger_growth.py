"""`ledger-growth` and `statement-pages`: what a large book costs beside a small one.

`STANDPIPE_BOOK_TRANSFERS` sets the size of the large book, as 10000000; filling it takes
as long as the book takes so many. Ids come in order, as hubs and controllers make them;
or at random, as others may, which costs most: each belongs somewhere else in its index.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator

from hub.ledger import accounts as chart, statements
from hub.ledger.items import Item, Move
from hub.store.engine import Store
from simulator.benchmarks.ledger_load import (
    MACHINES,
    PEOPLE,
    UNIT,
    Book,
    booked,
    drive,
    person,
    session,
    sqlite_book,
)
from simulator.benchmarks.rows import Row, Say, make_row, quantile

SIZE_VARIABLE = "STANDPIPE_BOOK_TRANSFERS"
SMALL_TRANSFERS = 10_000
LARGE_TRANSFERS = 300_000
BLOCK_ITEMS = 5_000
BLOCKS = 5
"""Measured of each book; the quickest counts, since others use this machine too."""
WAITERS = 1_000
LINES = 100_000
LINES_PER_ITEM = 50
PAGE_LINES = 50
READS = 200
_NS_PER_MS = 1_000_000
_US_PER_S = 1_000_000


def measure(say: Say) -> list[Row]:
    """Measure what a transfer costs in a large book beside a small one."""
    return [
        _measure(say, "ledger-growth", _ids_in_order),
        _measure(say, "ledger-growth/random-ids", _random_ids),
    ]


def measure_pages(say: Say) -> list[Row]:
    """Measure a page deep in an account's lines beside the first one."""
    with sqlite_book() as book:
        say(f"  an account of {LINES:,} lines")
        code = _fill_account(book)
        book.writer.close()
        deep = _deep_place(book.store, code)
        first_ms = _read_ms(book.store, code, statements.NEWEST)
        deep_ms = _read_ms(book.store, code, deep)
    return [
        make_row(
            "statement-pages",
            deep_ms,
            "ms",
            peer=first_ms,
            lines=LINES,
            page_lines=PAGE_LINES,
            peer_is="the first page",
        )
    ]


def _measure(say: Say, name: str, ids: _Ids) -> Row:
    large = int(os.environ.get(SIZE_VARIABLE, LARGE_TRANSFERS))
    rng = random.Random(1)
    with sqlite_book() as small_book, sqlite_book() as large_book:
        small, grown = Growing(small_book, rng, ids(rng)), Growing(large_book, rng, ids(rng))
        say(f"  {name}: a book of {SMALL_TRANSFERS:,} transfers, and one of {large:,}")
        small.grow(SMALL_TRANSFERS)
        grown.grow(large)
        # In turns, so that whoever else uses this machine slows both.
        costs_us = [(grown.cost_us(), small.cost_us()) for _ in range(BLOCKS)]
    return make_row(
        name,
        min(cost_us for cost_us, _ in costs_us),
        "µs/transfer",
        peer=min(cost_us for _, cost_us in costs_us),
        transfers=large,
        peer_is=f"in a book of {SMALL_TRANSFERS:,}",
    )


class Growing:
    """A book that is filled, and measured then.

    Args:
        book: Where everybody has paid in.
        rng: Draws who pays where.
        ids: Makes ids.
    """

    def __init__(self, book: Book, rng: random.Random, ids: Iterator[str]) -> None:
        self._writer = book.writer
        self._rng = rng
        self._ids = ids

    def grow(self, transfers: int) -> None:
        """Add so many transfers."""
        drive(self._writer, self._items(transfers // 2), WAITERS)

    def cost_us(self) -> float:
        """Add a block, and say what a transfer of it took."""
        items = list(self._items(BLOCK_ITEMS))
        return _US_PER_S / drive(self._writer, items, WAITERS).per_second / 2

    def _items(self, count: int) -> Iterator[Item]:
        for _ in range(count):
            machine = f"machine-{self._rng.randrange(MACHINES)}"
            who = person(self._rng.randrange(PEOPLE))
            yield session(next(self._ids), who, machine, self._rng.randrange(1, 10))


_Ids = Callable[[random.Random], Iterator[str]]
"""Makes ids without end."""


def _ids_in_order(_rng: random.Random) -> Iterator[str]:
    return (f"grw_{number:026d}" for number in itertools.count())


def _random_ids(rng: random.Random) -> Iterator[str]:
    while True:
        yield f"{rng.getrandbits(128):032x}"


def _fill_account(book: Book) -> str:
    source, code = chart.clearing("bank", UNIT), chart.wallet("reader", UNIT)
    legs = (Move(source, code, 1),) * LINES_PER_ITEM
    answers = [
        book.writer.submit_item(Item(id=f"fill-{n}", unit=UNIT, kind="top_up", legs=legs))
        for n in range(LINES // LINES_PER_ITEM)
    ]
    for answer in answers:
        booked(answer.result())
    return code


def _deep_place(store: Store, code: str) -> statements.Place:
    """A place near the account's first line, as a reader who went through all has it."""
    place = statements.NEWEST
    with store.read() as connection:
        for _ in range(LINES // statements.LINES_PER_PAGE_MAX - 1):
            lines = statements.lines_of(
                connection, code, before=place, limit=statements.LINES_PER_PAGE_MAX
            )
            place = statements.Place(lines[-1].id, lines[-1].before_minor)
    return place


def _read_ms(store: Store, code: str, place: statements.Place) -> float:
    took = []
    for _ in range(READS):
        with store.read() as connection:
            began = time.monotonic_ns()
            statements.lines_of(connection, code, before=place, limit=PAGE_LINES)
            took.append((time.monotonic_ns() - began) / _NS_PER_MS)
    return quantile(took, 0.5)

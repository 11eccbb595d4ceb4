"""`ledger…`: what the book takes, from many waiters and from one, on each database.

Each waiter hands over its next item when its last one is answered, so the answer of a
commit is what drives the next. The peer inserts the very rows that the book wrote, in
batches of the same sizes, with nothing around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from simulator.benchmarks.bare_insert import Insert, bare_insert, by_copy
from simulator.benchmarks.ledger_hub import READY, TOOK, HubProcess
from simulator.benchmarks.ledger_load import (
    Book,
    Form,
    book_at,
    drive,
    make_items,
    move,
    session,
    sqlite_book,
)
from simulator.benchmarks.rows import Row, Say, make_row, quantile
from simulator.postgres import PostgresServer, temporary_postgres

WAITERS = 1_000
ITEMS = 100_000
"""Long enough for the log to be checkpointed several times, and over in seconds."""
ITEMS_PG = 50_000
ITEMS_SINGLE = 3_000
ITEMS_HOT = 40_000


def measure_many(say: Say) -> list[Row]:
    """Measure 1,000 waiters beside a bare insert of the same rows, for each form of item."""
    return [
        _measure_many(say, name, _SQLITE, (form, each, ITEMS))
        for name, form, each in (("ledger", session, 2), ("ledger-move", move, 1))
    ]


def measure_many_pg(say: Say) -> list[Row]:
    """Measure the same on PostgreSQL, beside COPY too, its quickest way to insert."""
    rows = []
    with temporary_postgres() as server:
        for name, form, each in (("ledger-pg", session, 2), ("ledger-pg-move", move, 1)):
            place = partial(_on_postgres, server)
            rows.append(_measure_many(say, name, place, (form, each, ITEMS_PG), (by_copy,)))
    return rows


def measure_single(say: Say) -> list[Row]:
    """Measure one waiter that asks again when it is answered."""
    return [_measure_single(say, "ledger-single", _SQLITE)]


def measure_single_pg(say: Say) -> list[Row]:
    """Measure the same on PostgreSQL."""
    with temporary_postgres() as server:
        return [_measure_single(say, "ledger-single-pg", partial(_on_postgres, server))]


def measure_two_pg(say: Say) -> list[Row]:
    """Measure two hubs on one PostgreSQL database beside one of them alone."""
    with temporary_postgres() as server, _on_postgres(server) as (book, _):
        book.writer.close()
        say(f"  {ITEMS_PG:,} items by one hub")
        alone = _by_hubs(book.url, "one", 1)
        say("  as many by two hubs")
        both = _by_hubs(book.url, "two", 2)
        book.check()
    return [
        make_row(
            "ledger-pg-two", both, "transfers/s", peer=alone, peer_is="one hub, as many waiters"
        )
    ]


def measure_hot(say: Say) -> list[Row]:
    """Measure everybody paying one machine beside everybody paying some machine."""
    rates = {}
    for name, machines in (("spread", 100), ("hot", 1)):
        with sqlite_book() as book:
            say(f"  {ITEMS_HOT:,} items at {machines} machines")
            run = drive(book.writer, make_items(session, ITEMS_HOT, machines=machines), WAITERS)
            book.check()
        rates[name] = run.per_second * 2
    return [
        make_row(
            "ledger-hot",
            rates["hot"],
            "transfers/s",
            peer=rates["spread"],
            peer_is="the same at 100 machines",
        )
    ]


_Place = Callable[[], AbstractContextManager[tuple[Book, Callable[[], str]]]]
"""Opens a new book; gives it, and what makes empty databases beside it, by their URLs."""


@contextmanager
def _on_sqlite() -> Iterator[tuple[Book, Callable[[], str]]]:
    with sqlite_book() as book:
        yield book, lambda: f"{book.url}.bare"


@contextmanager
def _on_postgres(server: PostgresServer) -> Iterator[tuple[Book, Callable[[], str]]]:
    with book_at(server.url(server.create())) as book:
        yield book, lambda: server.url(server.create())


_SQLITE: _Place = _on_sqlite


def _measure_many(
    say: Say,
    name: str,
    place: _Place,
    load: tuple[Form, int, int],
    also: tuple[Insert, ...] = (),
) -> Row:
    form, each, count = load
    beside_also: dict[str, float] = {}
    with place() as (book, beside):
        say(f"  {count:,} items of {each} from {WAITERS:,} waiters")
        run = drive(book.writer, make_items(form, count), WAITERS)
        book.check()
        say("  the same rows, inserted bare")
        seconds = bare_insert(book.url, beside(), book.paid)
        for insert in also:
            took = bare_insert(book.url, beside(), book.paid, insert)
            beside_also[f"ratio_{insert.__name__}"] = round(took / run.seconds, 3)
    return make_row(
        name,
        run.per_second * each,
        "transfers/s",
        peer=count * each / seconds,
        waiters=WAITERS,
        transfers_per_item=each,
        p50_ms=round(quantile(run.waited_ms, 0.5), 2),
        p99_ms=round(quantile(run.waited_ms, 0.99), 2),
        peer_is="the same rows, inserted bare",
        **beside_also,
    )


def _measure_single(say: Say, name: str, place: _Place) -> Row:
    with place() as (book, _):
        say(f"  {ITEMS_SINGLE:,} items, one after the other")
        run = drive(book.writer, make_items(move, ITEMS_SINGLE), 1)
        book.check()
    return make_row(
        name,
        run.per_second,
        "transfers/s",
        p50_ms=round(quantile(run.waited_ms, 0.5), 3),
        p99_ms=round(quantile(run.waited_ms, 0.99), 3),
    )


def _by_hubs(url: str, name: str, count: int) -> float:
    """Have so many hubs share the items and the waiters; gives transfers in a second."""
    share = ITEMS_PG // count, WAITERS // count
    hubs = [HubProcess(url, f"{name}-{number}", *share) for number in range(count)]
    try:
        for hub in hubs:
            hub.expect(READY)
        for hub in hubs:
            hub.go()
        seconds = max(float(hub.expect(TOOK)) for hub in hubs)
    finally:
        for hub in hubs:
            hub.end()
    return ITEMS_PG * 2 / seconds

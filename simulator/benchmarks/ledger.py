"""`ledger` and `ledger-single`: what the book takes, from many waiters and from one.

Each waiter hands over its next item when its last one is answered, so the answer of a
commit is what drives the next. Items are of two forms: `session` is what the hub books
all day, a charge with its tax in two transfers; `move` is one transfer alone, so that
nothing is shared between transfers. The peer inserts the very rows that the book wrote,
in batches of the same sizes, with nothing around it.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import text

from hub.clock import SystemClock
from hub.collector import look_less_often
from hub.ledger import accounts as chart
from hub.ledger.items import Booked, Item, Move, Outcome, Spill
from hub.ledger.verify import verify_book
from hub.ledger.writer import Answer, Writer
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from hub.turns import take_turns_sooner
from simulator.benchmarks.bare_insert import bare_insert
from simulator.benchmarks.rows import Row, Say, make_row, quantile
from simulator.errors import SimulatorError

WAITERS = 1_000
PEOPLE = 10_000
MACHINES = 100
ITEMS = 100_000
"""Long enough for the log to be checkpointed several times, and over in seconds."""
ITEMS_SINGLE = 3_000
PAID_MINOR = 1_000_000
PEOPLE_PER_ITEM = 50
ANSWER_S_MAX = 60
_UNIT = "EUR"
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class _Run:
    """What one run took."""

    seconds: float = 0.0
    waited_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.waited_ms) / self.seconds


def measure_many(say: Say) -> list[Row]:
    """Measure 1,000 waiters beside a bare insert of the same rows, for each form of item."""
    return [
        _measure_many(say, "ledger", _session, 2),
        _measure_many(say, "ledger-move", _move, 1),
    ]


def measure_single(say: Say) -> list[Row]:
    """Measure one waiter that asks again when it is answered."""
    with _book() as (store, writer, _):
        say(f"  {ITEMS_SINGLE:,} items, one after the other")
        run = _drive(writer, _items(_move, ITEMS_SINGLE), 1)
        writer.close()
        _check(store)
    return [
        make_row(
            "ledger-single",
            run.per_second,
            "transfers/s",
            p50_ms=round(quantile(run.waited_ms, 0.5), 3),
            p99_ms=round(quantile(run.waited_ms, 0.99), 3),
        )
    ]


def _measure_many(say: Say, name: str, form: _Form, transfers_per_item: int) -> Row:
    with _book() as (store, writer, folder):
        paid = _last_batch(store)
        say(f"  {ITEMS:,} items of {transfers_per_item} from {WAITERS:,} waiters")
        look_less_often()
        take_turns_sooner()
        run = _drive(writer, _items(form, ITEMS), WAITERS)
        writer.close()
        _check(store)
        say("  the same rows, inserted bare")
        seconds = bare_insert(folder / "hub.db", folder / "bare.db", paid)
    return make_row(
        name,
        run.per_second * transfers_per_item,
        "transfers/s",
        peer=ITEMS * transfers_per_item / seconds,
        waiters=WAITERS,
        transfers_per_item=transfers_per_item,
        p50_ms=round(quantile(run.waited_ms, 0.5), 2),
        p99_ms=round(quantile(run.waited_ms, 0.99), 2),
        peer_is="the same rows, inserted bare",
    )


@contextmanager
def _book() -> Iterator[tuple[Store, Writer, Path]]:
    """A new book in which everybody has paid in."""
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as folder:
        store = open_store(f"{folder}/hub.db")
        try:
            upgrade(store)
            with Writer(store, SystemClock()) as writer:
                for first in range(0, PEOPLE, PEOPLE_PER_ITEM):
                    _booked(writer.submit_item(_pay_in(first)).result())
                yield store, writer, Path(folder)
        finally:
            store.close()


def _pay_in(first: int) -> Item:
    source = chart.clearing("bank", _UNIT)
    people = range(first, first + PEOPLE_PER_ITEM)
    return Item(
        id=f"pay-{first}",
        unit=_UNIT,
        kind="top_up",
        legs=tuple(Move(source, chart.wallet(_person(n), _UNIT), PAID_MINOR) for n in people),
    )


def _person(number: int) -> str:
    return f"acc_{number:026d}"


_Form = Callable[[str, str, str, int], Item]
"""Makes an item of an id, a person, a machine and an amount."""


def _session(id_: str, person: str, machine: str, minor: int) -> Item:
    rights = (
        chart.escrow(person, _UNIT),
        chart.wallet(person, _UNIT),
        chart.overrun(person, _UNIT),
    )
    takers = ((chart.revenue(machine, _UNIT), minor), (chart.tax(190_000, _UNIT), minor))
    return Item(id=id_, unit=_UNIT, kind="session", legs=(Spill(rights, takers),), ref=id_)


def _move(id_: str, person: str, machine: str, minor: int) -> Item:
    move = Move(chart.wallet(person, _UNIT), chart.revenue(machine, _UNIT), minor)
    return Item(id=id_, unit=_UNIT, kind="session", legs=(move,), ref=id_)


def _items(form: _Form, count: int) -> list[Item]:
    rng = random.Random(1)
    return [
        form(
            f"ses_{number:026d}",
            _person(rng.randrange(PEOPLE)),
            f"machine-{rng.randrange(MACHINES)}",
            rng.randrange(1, 100),
        )
        for number in range(count)
    ]


def _drive(writer: Writer, items: list[Item], waiters: int) -> _Run:
    """Have each waiter ask again as soon as it is answered, until all is booked.

    The waiters live in this thread, as a web server's do in theirs: the writer only
    tells them.
    """
    run = _Run()
    waiting = iter(items)
    answers: SimpleQueue[tuple[Answer[Outcome], int]] = SimpleQueue()
    began = time.monotonic_ns()
    for item in islice(waiting, waiters):
        _ask(writer, item, answers)
    while len(run.waited_ms) < len(items):
        future, asked = answers.get(timeout=ANSWER_S_MAX)
        _booked(future.result())
        run.waited_ms.append((time.monotonic_ns() - asked) / _NS_PER_MS)
        following = next(waiting, None)
        if following is not None:
            _ask(writer, following, answers)
    run.seconds = (time.monotonic_ns() - began) / _NS_PER_S
    return run


def _ask(writer: Writer, item: Item, answers: SimpleQueue[tuple[Answer[Outcome], int]]) -> None:
    asked = time.monotonic_ns()
    writer.submit_item(item).add_done_callback(lambda future: answers.put((future, asked)))


def _booked(outcome: Outcome) -> None:
    if not isinstance(outcome, Booked):
        raise SimulatorError(f"the book answered {outcome}")


def _check(store: Store) -> None:
    with store.read() as connection:
        for fault in verify_book(connection):
            raise SimulatorError(f"the book is wrong: {fault}")


def _last_batch(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(text("SELECT max(id) FROM batches")).scalar_one())

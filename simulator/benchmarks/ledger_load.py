"""What the ledger's benchmarks share: a book in which everybody has paid in, and waiters.

Items are of two forms: `session` is what the hub books all day, a charge with its tax in
two transfers; `move` is one transfer alone, so that nothing is shared between transfers.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
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
from simulator.errors import SimulatorError

PEOPLE = 10_000
MACHINES = 100
PAID_MINOR = 1_000_000
PEOPLE_PER_ITEM = 50
ANSWER_S_MAX = 60
UNIT = "EUR"
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class Run:
    """What one run took."""

    seconds: float = 0.0
    waited_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Items answered in a second."""
        return len(self.waited_ms) / self.seconds


@dataclass(slots=True)
class Book:
    """An open book.

    Attributes:
        url: Its database.
        store: The same, open.
        writer: Writes it.
        paid: Number of the last batch in which people paid in.
    """

    url: str
    store: Store
    writer: Writer
    paid: int

    def check(self) -> None:
        """Close the writer and verify the book.

        Raises:
            SimulatorError: It is wrong.
        """
        self.writer.close()
        with self.store.read() as connection:
            for fault in verify_book(connection):
                raise SimulatorError(f"the book is wrong: {fault}")


Form = Callable[[str, str, str, int], Item]
"""Makes an item of an id, a person, a machine and an amount."""


def session(id_: str, person: str, machine: str, minor: int) -> Item:
    """A charge with its tax: two transfers."""
    rights = (chart.escrow(person, UNIT), chart.wallet(person, UNIT), chart.overrun(person, UNIT))
    takers = ((chart.revenue(machine, UNIT), minor), (chart.tax(190_000, UNIT), minor))
    return Item(id=id_, unit=UNIT, kind="session", legs=(Spill(rights, takers),), ref=id_)


def move(id_: str, person: str, machine: str, minor: int) -> Item:
    """One transfer alone."""
    leg = Move(chart.wallet(person, UNIT), chart.revenue(machine, UNIT), minor)
    return Item(id=id_, unit=UNIT, kind="session", legs=(leg,), ref=id_)


def make_items(
    form: Form, count: int, *, machines: int = MACHINES, name: str = "ses"
) -> list[Item]:
    """Make items of people and machines at random, with ids in order, as a hub makes them."""
    rng = random.Random(1)
    return [
        form(
            f"{name}_{number:026d}",
            person(rng.randrange(PEOPLE)),
            f"machine-{rng.randrange(machines)}",
            rng.randrange(1, 100),
        )
        for number in range(count)
    ]


def person(number: int) -> str:
    """Id of one of the people."""
    return f"acc_{number:026d}"


@contextmanager
def sqlite_book() -> Iterator[Book]:
    """A new book in a file, in which everybody has paid in."""
    with (
        tempfile.TemporaryDirectory(prefix="standpipe-bench-") as folder,
        book_at(f"sqlite:///{folder}/hub.db") as book,
    ):
        yield book


@contextmanager
def book_at(url: str) -> Iterator[Book]:
    """A new book in an empty database, in which everybody has paid in."""
    store = open_store(url)
    try:
        upgrade(store)
        with Writer(store, SystemClock()) as writer:
            for first in range(0, PEOPLE, PEOPLE_PER_ITEM):
                booked(writer.submit_item(_pay_in(first)).result())
            serve_as_a_hub()
            yield Book(url, store, writer, last_batch(store))
    finally:
        store.close()


def serve_as_a_hub() -> None:
    """Set the interpreter as `standpipe-hub serve` does."""
    look_less_often()
    take_turns_sooner()


def last_batch(store: Store) -> int:
    """Number of the last batch."""
    with store.read() as connection:
        return int(connection.execute(text("SELECT max(id) FROM batches")).scalar_one())


def drive(writer: Writer, items: Iterable[Item], waiters: int) -> Run:
    """Have each waiter ask again as soon as it is answered, until all is booked.

    The waiters live in this thread, as a web server's do in theirs: the writer only
    tells them.
    """
    run = Run()
    waiting = iter(items)
    answers: SimpleQueue[tuple[Answer[Outcome], int]] = SimpleQueue()
    asked_now = 0
    began = time.monotonic_ns()
    for item in islice(waiting, waiters):
        _ask(writer, item, answers)
        asked_now += 1
    while asked_now:
        answer, asked = answers.get(timeout=ANSWER_S_MAX)
        booked(answer.result())
        run.waited_ms.append((time.monotonic_ns() - asked) / _NS_PER_MS)
        following = next(waiting, None)
        if following is None:
            asked_now -= 1
        else:
            _ask(writer, following, answers)
    run.seconds = (time.monotonic_ns() - began) / _NS_PER_S
    return run


def booked(outcome: Outcome) -> None:
    """Check that an item was booked.

    Raises:
        SimulatorError: It wasn't.
    """
    if not isinstance(outcome, Booked):
        raise SimulatorError(f"the book answered {outcome}")


def _ask(writer: Writer, item: Item, answers: SimpleQueue[tuple[Answer[Outcome], int]]) -> None:
    asked = time.monotonic_ns()
    writer.submit_item(item).add_done_callback(lambda answer: answers.put((answer, asked)))


def _pay_in(first: int) -> Item:
    source = chart.clearing("bank", UNIT)
    people = range(first, first + PEOPLE_PER_ITEM)
    return Item(
        id=f"pay-{first}",
        unit=UNIT,
        kind="top_up",
        legs=tuple(Move(source, chart.wallet(person(n), UNIT), PAID_MINOR) for n in people),
    )

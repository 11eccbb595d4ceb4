"""A hub's writer in a process of its own, booking without end: `bank_hub.py URL NAME SEED`.

Prints each id that was answered as booked or already there. Ids are of a range that all
such processes share, and an id says what its item is: the same id from two processes is
the same item, except that each now and then asks for an id with content of its own.
"""

from __future__ import annotations

import os
import random
import sys
from concurrent.futures import Future

from hub.ledger import accounts as chart
from hub.ledger.items import Already, Booked, Item, Move, Outcome, Spill
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from wire.clock import ManualClock

PEOPLE = tuple(f"p{n}" for n in range(12))
MACHINES = ("washer", "dryer")
WAITERS = 40
IDS = 1_000_000
FAILED = 3


def item_of(number: int, twist: int = 0) -> Item:
    """The item with a number; a twist makes it another one of the same id."""
    rng = random.Random(number)
    unit = rng.choice(("EUR", "EUR", "PTS"))
    ann, bob = rng.sample(PEOPLE, 2)
    minor = rng.randrange(1, 50) + twist
    wallet, other = chart.wallet(ann, unit), chart.wallet(bob, unit)
    machine = chart.revenue(rng.choice(MACHINES), unit)
    facts = (chart.escrow(ann, unit), wallet, chart.overrun(ann, unit))
    legs = rng.choice(
        (
            (Move(chart.clearing("bank", unit), wallet, 2 * minor),),
            (Move(wallet, other, minor),),
            (Move(wallet, chart.escrow(ann, unit), minor),),
            (Spill(facts, ((machine, minor), (chart.tax(190_000, unit), minor))),),
            (Move(wallet, machine, minor), Move(wallet, other, minor)),
        )
    )
    return Item(id=f"id-{number}", unit=unit, kind="bank", legs=legs)


def main() -> None:
    url, seed = sys.argv[1:]
    rng = random.Random(int(seed))
    numbers = iter(range(IDS))
    writer = Writer(open_store(url), ManualClock())

    def ask() -> None:
        # Near the front of the range, so that the processes meet.
        number = next(numbers) + rng.randrange(20)
        twist = int(rng.random() < 0.02)
        item = item_of(number, twist)
        if rng.random() < 0.2:
            answer = writer.submit(lambda tx: tx.book.post(item))
        else:
            answer = writer.submit_item(item)
        answer.add_done_callback(lambda answer: told(item, answer))

    def told(item: Item, answer: Future[Outcome]) -> None:
        error = answer.exception()
        if error is not None:
            sys.stderr.write(f"{item.id}: {error}\n")
            os._exit(FAILED)
        if isinstance(answer.result(), Booked | Already):
            sys.stdout.write(f"{item.id} {item.legs!r}\n")
            sys.stdout.flush()
        ask()

    for _ in range(WAITERS):
        ask()
    writer.start()
    sys.stdin.read()
    os._exit(0)  # the waiters would ask for ever


if __name__ == "__main__":
    main()

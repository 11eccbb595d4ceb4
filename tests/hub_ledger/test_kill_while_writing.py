"""A hub killed while it writes has lost nothing that it had acknowledged."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import text

from hub.ledger import accounts as chart
from hub.ledger.items import Already, Item, Move
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.store.engine import open_store

LIVES = 4
ACKNOWLEDGED_PER_LIFE = 400

PROGRAM = """
import sys
from hub.ledger import accounts as chart
from hub.ledger.items import Booked, Item, Move
from hub.store.engine import open_store
from hub.ledger.writer import Writer
from wire.clock import ManualClock

path, life = sys.argv[1:]
bank, wallet = chart.clearing("bank", "EUR"), chart.wallet("ann", "EUR")

def ask(number):
    item = Item(id=f"{life}-{number}", unit="EUR", kind="t", legs=(Move(bank, wallet, number),))
    writer.submit_item(item).add_done_callback(lambda answer: told(number, answer.result()))

def told(number, outcome):
    assert isinstance(outcome, Booked), outcome
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    ask(number + 64)

writer = Writer(open_store(path), ManualClock())
for number in range(1, 65):
    ask(number)
writer.start()
sys.stdin.read()
"""


def live_and_die(path, life) -> list[int]:
    """Run a hub that books without end, kill it, and give what it had acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(life)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(ACKNOWLEDGED_PER_LIFE)]
        child.kill()
        told += child.stdout.readlines()
    return [int(line) for line in told if line.endswith("\n")]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_acknowledged_item_is_lost(store, clock, tmp_path):
    path = tmp_path / "hub.db"
    store.close()
    acknowledged = {life: live_and_die(path, life) for life in range(LIVES)}

    assert all(len(numbers) >= ACKNOWLEDGED_PER_LIFE for numbers in acknowledged.values())
    survivor = open_store(str(path))
    with survivor.read() as connection:
        assert list(verify_book(connection)) == []
        kept = set(connection.execute(text("SELECT id FROM items")).scalars())
    assert {f"{life}-{n}" for life, numbers in acknowledged.items() for n in numbers} <= kept
    bank, wallet = chart.clearing("bank", "EUR"), chart.wallet("ann", "EUR")
    with Writer(survivor, clock) as writer:
        for life, numbers in acknowledged.items():
            last = Item(
                id=f"{life}-{numbers[-1]}",
                unit="EUR",
                kind="t",
                legs=(Move(bank, wallet, numbers[-1]),),
            )
            assert writer.submit_item(last).result(10) == Already()
    survivor.close()

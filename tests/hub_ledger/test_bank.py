"""Several hubs move money at random, one is killed, and readers look all the time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import bank_hub
import pytest
from sqlalchemy import text

from hub.ledger.verify import verify_book
from hub.store.engine import open_store

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

HUBS = 3
BOOKED_BEFORE_THE_KILL = 500
BOOKED_AFTER_IT = 500
SECONDS_MAX = 60
HURT = text("""
    SELECT 'unit ' || unit || ' sums to ' || sum(balance) AS fault
    FROM ledger_accounts GROUP BY unit HAVING sum(balance) <> 0
    UNION ALL
    SELECT 'account ' || code || ' at ' || balance FROM ledger_accounts
    WHERE balance < balance_min OR balance > balance_max
    UNION ALL
    SELECT 'account ' || a.code || ' at ' || a.balance || ', moved ' || t.moved
    FROM ledger_accounts AS a JOIN (
        SELECT account, sum(minor) AS moved FROM (
            SELECT credit AS account, amount AS minor FROM transfers
            UNION ALL SELECT debit, -amount FROM transfers
        ) AS sides GROUP BY account
    ) AS t ON t.account = a.id WHERE t.moved <> a.balance
    UNION ALL
    SELECT 'item ' || t.item || ' is missing' FROM transfers AS t
    LEFT JOIN items AS i ON i.id = t.item WHERE i.id IS NULL
    UNION ALL
    SELECT 'places end at ' || max(place) || ' of ' || count(*) FROM items
    HAVING max(place) <> count(*)
""")
"""What must be true at every moment; told by SQL, which shares nothing with the writer."""


class Hub:
    """One process, and what it was told is booked."""

    def __init__(self, url: str, seed: int) -> None:
        self.told: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, bank_hub.__file__, url, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.told.append(line.rstrip())

    def wait_for(self, count: int, until: float) -> None:
        while len(self.told) < count:
            assert self.process.poll() is None, "a hub ended by itself"
            assert time.monotonic() < until, f"only {len(self.told)} of {count} were booked"
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> None:
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self._end()

    def _end(self) -> None:
        self.process.wait(SECONDS_MAX)
        self._listener.join(SECONDS_MAX)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Reader:
    """Looks at the whole book again and again, each time as of one moment."""

    def __init__(self, store) -> None:
        self.faults: list[str] = []
        self.looks = 0
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.is_set() and not self.faults:
            with self._store.read() as connection:
                self.faults += connection.execute(HURT).scalars()
                self.looks += 1

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(SECONDS_MAX)


def test_a_hub_killed_among_others_loses_and_repeats_nothing(url, store):
    until = time.monotonic() + SECONDS_MAX
    hubs = [Hub(url, seed) for seed in range(HUBS)]
    reader = Reader(store)
    try:
        for hub in hubs:
            hub.wait_for(BOOKED_BEFORE_THE_KILL, until)
        hubs[0].kill()
        for hub in hubs[1:]:
            hub.wait_for(len(hub.told) + BOOKED_AFTER_IT, until)
    finally:
        for hub in hubs:
            hub.stop()
        reader.stop()

    assert [hub.process.returncode for hub in hubs] == [-9, 0, 0]
    assert reader.faults == []
    assert reader.looks > 1
    assert_booked_once(url, [line for hub in hubs for line in hub.told])


def assert_booked_once(url: str, told: list[str]) -> None:
    """Check that what any hub was told is in the book, once, with what was asked."""
    store = open_store(url)
    with store.read() as connection:
        assert list(verify_book(connection)) == []
        kept = list(connection.execute(text("SELECT id FROM items")).scalars())
    store.close()
    assert len(set(kept)) == len(kept)
    asked = {}
    for line in told:
        id_, _, legs = line.partition(" ")
        assert asked.setdefault(id_, legs) == legs, "one id was booked with two contents"
    assert set(asked) <= set(kept)

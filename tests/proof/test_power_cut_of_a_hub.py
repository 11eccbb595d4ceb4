"""The power of a hub on SQLite goes at any write: each transfer that was answered is there.

The real writer books on a disk that notes what SQLite writes and syncs; then the disk is
made as it would be had the power gone after each step, and the hub's store opens it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import pytest
from cuts import IMAGES, Looks, continued, plain_cuts, scattered_cuts
from quick_disk import quick_folder
from sqlalchemy import text

from hub.ledger import accounts as chart
from hub.ledger.items import Already, Booked, Item, Move
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from hub.store.migrations import upgrade
from simulator.disk.loss import Torn
from simulator.disk.platter import write_files
from simulator.disk.recorder import recording
from simulator.disk.steps import Synced, Tape, Written
from wire.clock import ManualClock

FILE = "hub.db"
BANK, WALLET = chart.clearing("bank", "EUR"), chart.wallet("ann", "EUR")
CLOCK = ManualClock()
KILLS = 2 if IMAGES > 1 else 1
ALONE = 6
"""Items booked one after the other."""
TOGETHER = 10
"""Items that wait at the same time, and share commits."""
WAL_PAGES = 60
"""So few that the WAL is moved into the database in between, as it is after 16,000."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A caller was told that its item is booked."""

    item: str


def pay_in(number: int) -> Item:
    return Item(id=f"item-{number}", unit="EUR", kind="t", legs=(Move(BANK, WALLET, number),))


def book(folder, synchronous: str) -> Tape:
    """Book some items with a real writer, and note what was answered when."""
    path = str(folder / FILE)
    with closing(open_store(path)) as store:
        upgrade(store)
    with (
        recording(folder) as tape,
        closing(open_store(path)) as store,
        Writer(store, ManualClock()) as writer,
    ):
        set_pragmas(store, f"synchronous = {synchronous}", f"wal_autocheckpoint = {WAL_PAGES}")

        def told(number: int, answer) -> None:
            assert isinstance(answer.result(), Booked)
            tape.promise(Answered(f"item-{number}"))

        for number in range(1, ALONE + 1):
            ask(writer, number, told).result(30)
        answers = [ask(writer, ALONE + n, told) for n in range(1, TOGETHER + 1)]
        for answer in answers:
            answer.result(30)
    return tape


def ask(writer, number, told):
    answer = writer.submit_item(pay_in(number))
    answer.add_done_callback(lambda done: told(number, done))
    return answer


def set_pragmas(store, *pragmas) -> None:
    driver = store.writing.raw_connection()
    try:
        for pragma in pragmas:
            driver.execute(f"PRAGMA {pragma}")
    finally:
        driver.close()


@pytest.fixture(scope="module")
def tape() -> Tape:
    with quick_folder() as folder:
        return book(folder, "FULL")


@pytest.fixture(scope="module")
def lazy_tape() -> Tape:
    with quick_folder() as folder:
        return book(folder, "NORMAL")


def broken(tape: Tape, cuts) -> list[str]:
    """What those cuts broke, in words."""
    found, looks = [], Looks(kept_and_faults)
    for cut in cuts:
        kept, faults = looks.at(cut)
        answered = {said.item for at, said in tape.promises if at <= cut.count}
        where = f"after {cut.count} steps, {cut.loss}: "
        found += [f"{where}{item} was answered and isn't there" for item in answered - kept]
        found += [f"{where}{fault}" for fault in faults]
    return found


def kept_and_faults(folder) -> tuple[set[str], list[str]]:
    """The items that a hub finds in its book, and what is wrong with the book."""
    with closing(open_store(str(folder / FILE))) as store:
        store.writing.connect().close()  # the one that may write comes first, as in a hub
        with store.read() as connection:
            kept = set(connection.execute(text("SELECT id FROM items")).scalars())
            return kept, list(verify_book(connection))


def test_the_disk_was_used_in_every_way(tape):
    assert len(tape.promises) == ALONE + TOGETHER
    assert any(isinstance(step, Written) and not step.number for step in tape.steps[:-20])


def test_a_cut_at_any_write_loses_no_answered_item(tape):
    assert not broken(tape, plain_cuts(tape))


def test_sectors_lost_in_any_order_lose_no_answered_item(tape):
    assert not broken(tape, scattered_cuts(tape, (Torn.WHOLE, Torn.HALF), every=6))


def test_a_spoilt_sector_holds_nothing_that_was_answered(tape):
    assert not broken(tape, scattered_cuts(tape, (Torn.SPOILT,), every=6))


def test_without_a_sync_at_each_commit_answered_items_are_lost(lazy_tape):
    found = broken(lazy_tape, scattered_cuts(lazy_tape, (Torn.WHOLE,), every=5))

    assert found
    assert all("was answered and isn't there" in words for words in found)


def test_what_was_answered_is_answered_again_after_a_cut(tape):
    last = list(plain_cuts(tape))[-1]
    with quick_folder() as folder:
        write_files(last.files, folder)
        with closing(open_store(str(folder / FILE))) as store, Writer(store, ManualClock()) as hub:
            again = [hub.submit_item(pay_in(n)) for n in range(1, ALONE + TOGETHER + 1)]
            assert {answer.result(30) for answer in again} == {Already()}


def test_a_cut_after_a_kill_takes_nothing_that_was_answered_since(tape):
    """A hub is killed amid a commit, starts, and is asked the same again; then the power goes."""
    for count, item in commits_under_way(tape):
        with quick_folder() as folder:
            write_files(next(c for c in plain_cuts(tape) if c.count == count).files, folder)
            with (
                recording(folder) as second,
                closing(open_store(str(folder / FILE))) as store,
                Writer(store, CLOCK) as hub,
            ):
                assert isinstance(hub.submit_item(pay_in(item)).result(30), Already | Booked)
                second.promise(Answered(f"item-{item}"))
                done = len(second.steps)
        both = continued(tape, count, second)
        later = [cut for cut in plain_cuts(both) if count <= cut.count <= count + done]
        assert not broken(both, later)


def commits_under_way(tape: Tape) -> list[tuple[int, int]]:
    """When an item was written and not yet synced, and its number."""
    found = []
    for number in range(2, ALONE + 1):
        at = next(at for at, said in tape.promises if said == Answered(f"item-{number}"))
        last = max(n for n, step in enumerate(tape.steps[:at], 1) if isinstance(step, Synced))
        found.append((last - 1, number))
    return found[:KILLS]

"""A disk that is full: nothing is half done, each caller is told, and it works again after."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from hub.errors import StoreError
from hub.ledger import accounts as chart, statements
from hub.ledger.items import Already, Booked, Item, Move
from hub.ledger.verify import verify_book

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
FREE_PAGES = 4
TOO_LONG = 4_096 * 5 * FREE_PAGES
"""More than all free pages hold."""
ITEMS_MAX = 5_000
"""More than the few free pages take."""


def pay_in(id_):
    words = "x" * 200
    return Item(id=id_, unit="EUR", kind="t", legs=(Move(BANK, WALLET, 1),), reason=words)


def raise_alarm(tx, code, length):
    tx.connection.execute(
        text(
            "INSERT INTO alarms (id, code, detail, raised_ms, last_ms)"
            " VALUES (:code, :code, :detail, 0, 0)"
        ),
        {"code": code, "detail": "x" * length},
    )


def set_pages_max(store, pages):
    """Have the one writing connection see a disk of this size; 0: all that there is."""
    driver = store.writing.raw_connection()
    try:
        return driver.execute(f"PRAGMA max_page_count = {pages or 2**30}").fetchone()[0]
    finally:
        driver.close()


@pytest.fixture
def nearly_full(store, writer):
    """A book that takes some pages more."""
    assert isinstance(writer.submit_item(pay_in("before")).result(10), Booked)
    with store.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    set_pages_max(store, pages + FREE_PAGES)


def fill(writer):
    """Book until it is refused; gives what was booked and what wasn't."""
    booked = []
    for number in range(ITEMS_MAX):
        try:
            answer = writer.submit_item(pay_in(f"fill-{number}")).result(10)
        except StoreError:
            return booked, f"fill-{number}"
        assert isinstance(answer, Booked)
        booked.append(f"fill-{number}")
    raise AssertionError("the disk never was full")


def ids_kept(store):
    with store.read() as connection:
        assert list(verify_book(connection)) == []
        kept = list(connection.execute(text("SELECT id FROM items ORDER BY place")).scalars())
        assert statements.balance_of(connection, WALLET) == len(kept)
    return kept


def test_nothing_is_half_done_and_it_works_again_after(store, writer, nearly_full):
    booked, refused = fill(writer)
    assert ids_kept(store) == ["before", *booked]
    with pytest.raises(StoreError, match="full"):
        writer.submit_item(pay_in(refused)).result(10)

    set_pages_max(store, 0)

    assert isinstance(writer.submit_item(pay_in(refused)).result(10), Booked)
    assert writer.submit_item(pay_in("before")).result(10) == Already()
    assert ids_kept(store) == ["before", *booked, refused]


def test_each_of_a_batch_is_told_and_only_what_was_kept_is_booked(store, writer, nearly_full):
    go = threading.Event()
    held = writer.submit(lambda _tx: go.wait(10))
    answers = {f"one-{n}": writer.submit_item(pay_in(f"one-{n}")) for n in range(200)}
    go.set()
    assert held.result(10)

    kept = [id_ for id_, answer in answers.items() if answer.exception(20) is None]
    assert 0 < len(kept) < len(answers)
    errors = [answer.exception() for id_, answer in answers.items() if id_ not in kept]
    assert {type(error) for error in errors} == {StoreError}
    assert ids_kept(store) == ["before", *kept]


@pytest.mark.parametrize("flush", [True, False])
def test_a_job_that_fills_the_disk_leaves_no_trace(store, writer, nearly_full, flush):
    def job(tx):
        raise_alarm(tx, 1, 1)
        tx.book.must_post(pay_in("job"))
        if flush:
            tx.book.flush()
        raise_alarm(tx, 2, TOO_LONG)

    go = threading.Event()
    held = writer.submit(lambda _tx: go.wait(10))
    first = writer.submit_item(pay_in("first"))
    full = writer.submit(job)
    last = writer.submit_item(pay_in("last"))
    go.set()
    assert held.result(10)

    with pytest.raises(StoreError, match="full"):
        full.result(10)
    assert isinstance(first.result(10), Booked)
    assert isinstance(last.result(10), Booked)
    assert ids_kept(store) == ["before", "first", "last"]
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alarms")).scalar_one() == 0


def test_a_job_that_ignores_the_failure_cannot_go_on(store, writer, nearly_full):
    """SQLite dropped the transaction: what came after would be kept without the rest."""

    def job(tx):
        tx.book.must_post(pay_in("job"))
        tx.book.flush()
        with suppress(OperationalError):
            raise_alarm(tx, 1, TOO_LONG)
        tx.book.must_post(pay_in("after"))
        tx.book.flush()

    with pytest.raises(StoreError, match="full"):
        writer.submit(job).result(10)
    assert ids_kept(store) == ["before"]

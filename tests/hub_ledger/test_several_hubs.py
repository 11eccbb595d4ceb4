"""Several hubs write one PostgreSQL database at once."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import ConflictError, OutcomeUnknownError, StoreError
from hub.ledger import accounts as chart, statements
from hub.ledger.corrections import opposite
from hub.ledger.items import Already, Booked, Conflict, Item, Move, Refused, Spill
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from wire.clock import ManualClock

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

BANK = chart.clearing("bank", "EUR")
ANN, BOB = chart.wallet("ann", "EUR"), chart.wallet("bob", "EUR")
WASHER = chart.revenue("washer", "EUR")
WAIT_S = 20


@pytest.fixture
def other(url):
    """A second hub on the same database."""
    store = open_store(url)
    with Writer(store, ManualClock()) as writer:
        yield writer
    store.close()


def item(id_, *legs):
    return Item(id=id_, unit="EUR", kind="test", legs=legs)


def pay_in(id_, code=ANN, minor=100):
    return item(id_, Move(BANK, code, minor))


def balance(store, code):
    with store.read() as connection:
        return statements.balance_of(connection, code)


def check_book(store):
    with store.read() as connection:
        assert list(verify_book(connection)) == []


@contextmanager
def paused(writer, job):
    """Run a job, which stays within its transaction until this block is left."""
    there, go = threading.Event(), threading.Event()

    def held(tx):
        result = job(tx)
        there.set()
        assert go.wait(WAIT_S)
        return result

    answer = writer.submit(held)
    assert there.wait(WAIT_S)
    try:
        yield answer
    finally:
        go.set()


def kill_connections(postgres, url):
    database = url.rpartition("/")[2]
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    )


def test_each_sees_what_the_other_booked(store, writer, other):
    assert isinstance(writer.submit_item(pay_in("in")).result(WAIT_S), Booked)
    assert other.submit_item(pay_in("in")).result(WAIT_S) == Already()
    assert other.submit_item(pay_in("in", minor=5)).result(WAIT_S) == Conflict()
    spent = item("out", Move(ANN, WASHER, 60))
    assert isinstance(other.submit_item(spent).result(WAIT_S), Booked)
    again = item("again", Move(ANN, WASHER, 60))
    assert isinstance(writer.submit_item(again).result(WAIT_S), Refused)
    check_book(store)


def test_a_balance_is_not_spent_twice(store, writer, other):
    writer.submit_item(pay_in("in")).result(WAIT_S)
    with paused(writer, lambda tx: tx.book.must_post(item("one", Move(ANN, WASHER, 60)))) as one:
        two = other.submit_item(item("two", Move(ANN, WASHER, 60)))
    assert one.result(WAIT_S)
    assert isinstance(two.result(WAIT_S), Refused)
    assert balance(store, ANN) == 40
    check_book(store)


@pytest.mark.parametrize(("minor", "outcome"), [(100, Already()), (7, Conflict())])
@pytest.mark.parametrize("code", [ANN, chart.house("fees", "EUR")])
def test_the_same_id_at_once_ends_as_asked_one_after_the_other(
    store, writer, other, minor, outcome, code
):
    """Where no account is locked, the id's own key tells who was first."""
    first = pay_in("in", code)
    with paused(writer, lambda tx: [tx.book.must_post(first), tx.book.flush()]):
        second = other.submit_item(pay_in("in", code, minor))
    assert second.result(WAIT_S) == outcome
    assert balance(store, code) == 100
    check_book(store)


def test_hubs_do_not_wait_for_each_other_where_nothing_can_be_forbidden(writer, other):
    """Everybody pays the same machine: its balance is added to when all is decided."""
    people = (pay_in("ann"), pay_in("bob", BOB))
    for one in people:
        writer.submit_item(one).result(WAIT_S)
    with paused(writer, lambda tx: tx.book.must_post(item("a", Move(ANN, WASHER, 5)))):
        beside = other.submit_item(item("b", Move(BOB, WASHER, 5)))
        assert isinstance(beside.result(WAIT_S), Booked)


def test_a_new_account_is_opened_by_both(store, writer, other):
    with paused(writer, lambda tx: [tx.book.must_post(pay_in("one")), tx.book.flush()]):
        second = other.submit_item(pay_in("two"))
    assert isinstance(second.result(WAIT_S), Booked)
    assert balance(store, ANN) == 200
    check_book(store)


def test_money_moved_while_we_waited_is_found_where_it_went(store, writer, other):
    """The escrow is opened by the very transaction that holds the wallet."""
    writer.submit_item(pay_in("in")).result(WAIT_S)
    escrow = chart.escrow("ann", "EUR")
    session = Spill((escrow, ANN, chart.overrun("ann", "EUR")), ((WASHER, 80),))
    with paused(writer, lambda tx: [tx.book.must_post(item("hold", Move(ANN, escrow, 100)))]):
        fact = other.submit_item(item("wash", session))
    assert isinstance(fact.result(WAIT_S), Booked)
    assert balance(store, escrow) == 20
    assert balance(store, chart.overrun("ann", "EUR")) == 0
    check_book(store)


def test_a_balance_that_is_asked_for_stays_until_the_commit(store, writer, other):
    """A till's count books the difference to what it should hold."""
    till = chart.cash("till", "EUR")
    sale = item("sale", Move(till, ANN, 30))

    def count(tx):
        held = -tx.book.balance(till)
        tx.book.must_post(item("count", Move(chart.house("suspense", "EUR"), till, held)))

    writer.submit_item(sale).result(WAIT_S)
    with paused(writer, count):
        late = other.submit_item(item("late", Move(till, BOB, 5)))
    assert isinstance(late.result(WAIT_S), Booked)
    assert balance(store, till) == -5
    check_book(store)


def test_a_deadlock_is_run_again(store, writer, other):
    writer.submit_item(pay_in("ann")).result(WAIT_S)
    writer.submit_item(pay_in("bob", BOB)).result(WAIT_S)
    both = threading.Barrier(2)

    def crosswise(name, first, second):
        def job(tx):
            tx.book.must_post(item(f"{name}-1", Move(first, WASHER, 1)))
            with suppress(threading.BrokenBarrierError):
                both.wait(1)  # the second run is alone
            tx.book.must_post(item(f"{name}-2", Move(second, WASHER, 1)))

        return job

    answers = [
        writer.submit(crosswise("x", ANN, BOB)),
        other.submit(crosswise("y", BOB, ANN)),
    ]
    assert [answer.result(WAIT_S) for answer in answers] == [None, None]
    assert balance(store, WASHER) == 4
    check_book(store)


def test_a_job_whose_key_was_taken_meanwhile_reads_what_took_it(store, writer, other):
    key = {"id": "a", "detail": ""}
    found = text("SELECT detail FROM alarms WHERE id = :id")
    keep = text(
        "INSERT INTO alarms (id, code, detail, raised_ms, last_ms) VALUES (:id, 1, :detail, 0, 0)"
    )

    def once(words):
        def job(tx):
            before = tx.connection.execute(found, key).scalar_one_or_none()
            if before is None:
                tx.connection.execute(keep, key | {"detail": words})
            return before or words

        return job

    with paused(writer, once("first")):
        second = other.submit(once("second"))
    assert second.result(WAIT_S) == "first"


def test_an_item_is_corrected_once_by_two_hubs(store, writer, other):
    sold = pay_in("in", chart.house("fees", "EUR"))
    writer.submit_item(sold).result(WAIT_S)

    def correct(new_id):
        return lambda tx: tx.book.must_post(opposite(tx.connection, "in", new_id, "mistake"))

    with paused(writer, correct("back-1")):
        second = other.submit(correct("back-2"))
    with pytest.raises(ConflictError, match="back-1"):
        second.result(WAIT_S)
    assert balance(store, chart.house("fees", "EUR")) == 0
    check_book(store)


def test_a_lost_connection_is_made_again(store, writer, postgres, url):
    tries = []

    def job(tx):
        tries.append(tx)
        if len(tries) == 1:
            kill_connections(postgres, url)
        tx.book.must_post(pay_in("in"))

    writer.run(job)

    assert len(tries) == 2
    assert balance(store, ANN) == 100


def test_a_connection_lost_while_committing_leaves_it_unknown(store, writer, postgres, url):
    killing = [True]

    def kill(_connection):
        if killing:
            killing.clear()
            kill_connections(postgres, url)

    event.listen(store.writing, "commit", kill)
    with pytest.raises(OutcomeUnknownError):
        writer.submit_item(pay_in("in")).result(WAIT_S)

    assert isinstance(writer.submit_item(pay_in("in")).result(WAIT_S), Booked)
    assert balance(store, ANN) == 100


def test_a_page_is_shown_again_after_the_server_was_restarted(store, postgres, url):
    with store.read() as connection:
        connection.execute(text("SELECT 1"))
    kill_connections(postgres, url)
    with store.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_is_gone_is_told_to_all_at_once(backend, clock):
    store = open_store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with Writer(store, clock) as writer:
        answers = [writer.submit_item(pay_in(f"in-{n}")) for n in range(20)]
        errors = [answer.exception(WAIT_S) for answer in answers]
    store.close()
    assert {type(error).__bases__[0] for error in errors} == {StoreError}


def test_a_job_that_ends_the_transaction_takes_nobody_with_it(store, writer):
    with paused(writer, lambda _tx: None):
        first = writer.submit_item(pay_in("first"))
        bad = writer.submit(lambda tx: tx.connection.connection.rollback())
        last = writer.submit_item(pay_in("last"))
    assert isinstance(first.result(WAIT_S), Booked)
    assert isinstance(last.result(WAIT_S), Booked)
    with pytest.raises((StoreError, SQLAlchemyError)):
        bad.result(WAIT_S)
    assert balance(store, ANN) == 200
    check_book(store)

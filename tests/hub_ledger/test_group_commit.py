"""One writer for many callers: each gets its own outcome, whatever the others do."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import wait

import pytest
from sqlalchemy import text

from hub.errors import ConflictError, OutcomeUnknownError, OverloadedError, RefusedError, StoreError
from hub.ledger import accounts as chart, statements, writer as writer_module
from hub.ledger.items import Already, Booked, Item, Move, Refused, Transfer
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from wire.errors import Code

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
REVENUE = chart.revenue("washer", "EUR")


def pay_in(id_, minor=100):
    return Item(id=id_, unit="EUR", kind="top_up", legs=(Move(BANK, WALLET, minor),))


def spend(id_, minor):
    return Item(id=id_, unit="EUR", kind="session", legs=(Move(WALLET, REVENUE, minor),))


def balance(store, code=WALLET):
    with store.read() as connection:
        return statements.balance_of(connection, code)


class Held:
    """A job that holds the writer, so that what is handed over meanwhile is one batch."""

    def __init__(self, writer):
        self._go, self._there = threading.Event(), threading.Event()
        self.answer = writer.submit(self._job)
        assert self._there.wait(10)

    def _job(self, _tx):
        self._there.set()
        assert self._go.wait(10)

    def release(self):
        self._go.set()


def count_batches(store):
    with store.read() as connection:
        return connection.execute(text("SELECT count(*) FROM batches")).scalar_one()


def test_what_comes_meanwhile_is_one_batch(store, writer):
    held = Held(writer)
    answers = [writer.submit_item(pay_in(f"in-{n}")) for n in range(50)]
    assert not any(answer.done() for answer in answers)
    held.release()

    assert all(isinstance(answer.result(10), Booked) for answer in answers)
    assert count_batches(store) == 1
    assert balance(store) == 5_000


def test_a_batch_decides_in_order(writer):
    held = Held(writer)
    asked = [spend("early", 60), pay_in("in", 100), spend("a", 60), spend("b", 60), pay_in("in")]
    answers = [writer.submit_item(one) for one in asked]
    held.release()

    outcomes = [type(answer.result(10)) for answer in answers]
    assert outcomes == [Refused, Booked, Booked, Refused, Already]


def test_an_id_asked_for_twice_may_name_other_accounts(store, writer, clock):
    """Found by the model: the second one's wallet had not been read, and stood at 0."""
    writer.submit_item(pay_in("in")).result(10)
    escrow = chart.escrow("ann", "EUR")
    hold = Item(id="hold", unit="EUR", kind="grant", legs=(Move(WALLET, escrow, 100),))
    writer.submit_item(hold).result(10)
    writer.close()
    other = Item(id="two", unit="EUR", kind="back", legs=(Move(escrow, WALLET, 100),))

    def both(tx):
        return [tx.book.post(spend("two", 5)), tx.book.post(other)]

    with Writer(store, clock) as anew:  # which remembers no account
        refused, booked = anew.run(both)

    assert isinstance(refused, Refused)
    assert isinstance(booked, Booked)
    assert balance(store) == 100


def test_a_failing_job_is_undone_alone(store, writer):
    def job(tx):
        tx.book.must_post(pay_in("lost"))
        tx.connection.execute(text("INSERT INTO idempotency VALUES ('a', 'b', 200, '', 0)"))
        tx.book.must_post(spend("too much", 10**6))

    held = Held(writer)
    first = writer.submit_item(pay_in("first"))
    bad = writer.submit(job)
    last = writer.submit(lambda tx: tx.book.must_post(pay_in("last")))
    held.release()

    with pytest.raises(RefusedError) as refused:
        bad.result(10)
    assert refused.value.code is Code.BALANCE_TOO_LOW
    assert isinstance(first.result(10), Booked)
    assert last.result(10)
    assert balance(store) == 200
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM idempotency")).scalar_one() == 0
        assert list(verify_book(connection)) == []


def test_a_broken_statement_is_the_jobs_own_failure(store, writer):
    held = Held(writer)
    bad = writer.submit(lambda tx: tx.connection.execute(text("SELECT * FROM nowhere")))
    good = writer.submit_item(pay_in("in"))
    held.release()

    with pytest.raises(StoreError):
        bad.result(10)
    assert isinstance(good.result(10), Booked)


def test_when_a_transaction_fails_its_jobs_are_run_one_by_one(store, writer):
    """A job that takes the transaction away can't take the others with it."""
    held = Held(writer)
    first = writer.submit_item(pay_in("first"))
    bad = writer.submit(lambda tx: tx.connection.connection.rollback() or tx.book.post(pay_in("x")))
    last = writer.submit_item(pay_in("last", 50))
    held.release()

    assert isinstance(first.result(10), Booked)
    assert isinstance(last.result(10), Booked)
    with pytest.raises(StoreError):
        bad.result(10)
    assert balance(store) == 150
    with store.read() as connection:
        assert list(verify_book(connection)) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_lost_commit_is_unknown_and_can_be_asked_again(store, writer):
    def forget_the_money(tx):
        tx.book.must_post(pay_in("in"))
        driver = tx.connection.connection.driver_connection
        driver.set_authorizer(
            lambda action, what, *_: int(action == 22 and what == "COMMIT")
        )  # COMMIT

    with pytest.raises(OutcomeUnknownError):
        writer.run(forget_the_money)

    assert isinstance(writer.submit_item(pay_in("in")).result(10), Booked)
    assert balance(store) == 100


def test_the_same_id_with_other_content_is_a_conflict(store, writer):
    writer.run(lambda tx: tx.book.must_post(pay_in("in")))

    with pytest.raises(ConflictError) as conflict:
        writer.run(lambda tx: tx.book.must_post(pay_in("in", 200)))
    assert conflict.value.code is Code.ID_CONFLICT
    again = writer.run(lambda tx: tx.book.must_post(pay_in("in")))
    assert again == (Transfer(BANK, WALLET, 100),)
    assert balance(store) == 100


def test_hooks_run_after_the_commit_and_only_then(store, writer):
    seen, told = [], []
    writer.listen(told.append)

    def good(tx):
        tx.book.must_post(pay_in("in"))
        tx.touch("account", "ann")
        tx.after_commit(lambda: seen.append(balance(store)))

    def bad(tx):
        tx.touch("account", "bob")
        tx.after_commit(lambda: seen.append("never"))
        raise ValueError("no")

    def broken(tx):
        tx.after_commit(lambda: 1 // 0)

    answers = [writer.submit(job) for job in (good, bad, broken)]
    wait(answers, 10)
    writer.close()

    assert seen == [100]
    assert frozenset().union(*told) == {("account", "ann")}
    assert isinstance(answers[1].exception(), ValueError)
    assert answers[2].exception() is None


def test_a_caller_that_gives_up_harms_nobody(store, writer):
    async def give_up():
        answer = asyncio.wrap_future(writer.submit(lambda tx: tx.book.must_post(pay_in("in"))))
        answer.cancel()

    held = Held(writer)
    asyncio.run(give_up())
    other = writer.submit(lambda tx: tx.book.must_post(pay_in("other")))
    assert not other.cancel()
    held.release()

    assert other.result(10)
    assert balance(store) == 200


def test_a_late_answer_is_unknown(writer):
    held = Held(writer)

    with pytest.raises(OutcomeUnknownError):
        writer.run(lambda _tx: None, timeout_s=0)
    held.release()


def test_a_full_queue_refuses(writer, monkeypatch):
    monkeypatch.setattr(writer_module, "QUEUE_JOBS_MAX", 2)
    held = Held(writer)
    answers = [writer.submit_item(pay_in(f"in-{n}")) for n in range(2)]

    with pytest.raises(OverloadedError):
        writer.submit_item(pay_in("more"))
    held.release()
    assert all(isinstance(answer.result(10), Booked) for answer in answers)


def test_closing_finishes_what_has_come_and_takes_no_more(store, clock):
    writer = Writer(store, clock)
    answers = [writer.submit_item(pay_in(f"in-{n}")) for n in range(10)]
    writer.start()
    writer.close()
    writer.close()

    assert all(isinstance(answer.result(0), Booked) for answer in answers)
    with pytest.raises(OverloadedError):
        writer.submit_item(pay_in("late"))


def test_what_cannot_be_is_answered_without_the_database(writer):
    held = Held(writer)

    outcome = writer.submit_item(pay_in("zero", 0)).result(0)
    held.release()

    assert isinstance(outcome, Refused)


def test_a_limit_and_its_balance_change_together(store, writer):
    def raise_then_use(tx):
        tx.book.set_least(WALLET, -50)
        tx.book.must_post(spend("credit", 50))

    def settle_then_lower(tx):
        tx.book.must_post(pay_in("in", 50))
        tx.book.set_least(WALLET, 0)

    writer.run(raise_then_use)
    assert balance(store) == -50
    with pytest.raises(RefusedError):
        writer.run(lambda tx: tx.book.set_least(WALLET, -49))
    writer.run(settle_then_lower)
    assert balance(store) == 0
    with pytest.raises(RefusedError):
        writer.run(lambda tx: tx.book.must_post(spend("again", 1)))

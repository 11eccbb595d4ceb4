"""The real writer on a real file, held against the model after every step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from book_model import Model
from book_strategies import PEOPLE, UNIT, items
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from hub.errors import RefusedError
from hub.ledger import accounts as chart, statements
from hub.ledger.items import Already, Booked, Conflict, Refused
from hub.ledger.verify import verify_book
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from wire.clock import ManualClock

WORDS = {Booked: "booked", Already: "already", Conflict: "conflict", Refused: "refused"}


class _GiveUpError(Exception):
    pass


class BookMachine(RuleBasedStateMachine):
    new_database: Callable[[], str]

    @initialize()
    def open_book(self):
        self.url = self.new_database()
        self.model = Model()
        self._open()

    def _open(self):
        self.store = open_store(self.url)
        self.writer = Writer(self.store, ManualClock())
        self.writer.start()

    def _close(self):
        self.writer.close()
        self.store.close()

    @rule(batch=st.lists(items, min_size=1, max_size=6))
    def items_one_after_the_other(self, batch):
        for one in batch:
            outcome = self.writer.submit_item(one).result(10)
            assert WORDS[type(outcome)] == self.model.post(one)

    @rule(batch=st.lists(items, min_size=1, max_size=12))
    def items_in_one_batch(self, batch):
        answers = [self.writer.submit_item(one) for one in batch]
        expected = [self.model.post(one) for one in batch]
        assert [WORDS[type(answer.result(10))] for answer in answers] == expected

    @rule(batch=st.lists(items, min_size=1, max_size=4))
    def a_job_that_succeeds(self, batch):
        outcomes = self.writer.run(lambda tx: [tx.book.post(one) for one in batch])
        expected = [self.model.post(one) for one in batch]
        assert [WORDS[type(outcome)] for outcome in outcomes] == expected

    @rule(
        batch=st.lists(items, min_size=1, max_size=4),
        around=st.lists(items, min_size=2, max_size=2),
        flush=st.booleans(),
    )
    def a_job_that_fails_among_items(self, batch, around, flush):
        def job(tx):
            for one in batch:
                tx.book.post(one)
            if flush:
                tx.book.flush()
            raise _GiveUpError

        before = self.writer.submit_item(around[0])
        failed = self.writer.submit(job)
        after = self.writer.submit_item(around[1])
        with pytest.raises(_GiveUpError):
            failed.result(10)
        for one, answer in zip(around, (before, after), strict=True):
            assert WORDS[type(answer.result(10))] == self.model.post(one)

    @rule(person=st.sampled_from(PEOPLE), limit=st.integers(0, 80))
    def a_credit_limit_changes(self, person, limit):
        code = chart.wallet(person, UNIT)
        if self.model.balances.get(code, 0) >= -limit:
            self.writer.run(lambda tx: tx.book.set_least(code, -limit))
            self.model.credit_limits[code] = limit
        else:
            with pytest.raises(RefusedError):
                self.writer.run(lambda tx: tx.book.set_least(code, -limit))

    @rule()
    def the_hub_restarts(self):
        self._close()
        self._open()

    @invariant()
    def balances_are_the_models(self):
        with self.store.read() as connection:
            found = statements.balances_of(connection, self.model.balances)
        kept = {code: minor for code, minor in found.items() if minor}
        assert kept == {code: minor for code, minor in self.model.balances.items() if minor}

    def teardown(self):
        with self.store.read() as connection:
            assert list(verify_book(connection)) == []
            lines = connection.exec_driver_sql(
                "SELECT t.item, d.code, c.code, t.amount FROM transfers t"
                " JOIN ledger_accounts d ON d.id = t.debit"
                " JOIN ledger_accounts c ON c.id = t.credit ORDER BY t.id"
            ).all()
        expected = [(id_, *move) for id_, moves in self.model.moves.items() for move in moves]
        assert [tuple(line) for line in lines] == expected
        self._close()


def test_the_book_is_what_the_model_says(new_database):
    run_state_machine_as_test(
        type("Book", (BookMachine,), {"new_database": staticmethod(new_database)}),
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )

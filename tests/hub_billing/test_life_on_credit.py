"""Spending, closing, paying, limits and discontinuing in any order, against a small model."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from life_model import Life
from sqlalchemy import delete

from hub.billing.charges import Charge, charge
from hub.billing.rules import BillingPeriod
from hub.errors import ConflictError, HubError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.statements import balances_of
from hub.people import accounts
from hub.people.accounts import AccountState
from hub.store.tables.billing import open_periods
from tests.hub_billing.conftest import MARCH_MS, Office
from tests.hub_billing.test_credit import top_up_of
from wire.errors import Code

amounts = st.integers(10, 500)


class LifeMachine(RuleBasedStateMachine):
    office: Office
    numbers: itertools.count

    @initialize(limit=st.integers(1, 800))
    def open(self, limit):
        # Each example has an account of its own; those before it needn't go on.
        self.office.desk.run(lambda tx: tx.connection.execute(delete(open_periods)))
        self.office.at(MARCH_MS)
        self.name = f"acc-{next(self.numbers)}"
        self.keys = (f"{self.name}:{number}" for number in itertools.count())
        self.office.open(self.name, limit)
        self.office.terms(self.name, period=BillingPeriod.WEEK, discontinue_days=3)
        self.model = Life(now_ms=self.office.now_ms, limit=limit)

    @rule(
        wait_ms=st.integers(1, 9 * 86_400_000),
        late=st.integers(0, 500),
        jobs=st.booleans(),
    )
    def time_passes(self, wait_ms, late, jobs):
        """Jobs run a while after their time, and something may be booked in between."""
        self.office.desk.clock.advance(wait_ms)
        self.model.now_ms += wait_ms
        if late:
            self.office.use(self.name, late)
            self.model.use(late)
        if jobs:
            self.office.close_due()
            self.model.close_due()
            self.office.discontinue_due()
            self.model.review()

    @rule(minor=amounts, by=st.sampled_from(["use", "charge", "hold", "release"]))
    def money_goes(self, minor, by):
        getattr(self, f"_{by}")(minor)

    @rule(minor=amounts, again=st.booleans(), pays=st.booleans())
    def money_comes(self, minor, again, pays):
        key = next(self.keys)
        for _ in range(1 + again):
            if pays:
                self.office.pay(self.name, minor, key)
            else:
                top_up_of(self.office, self.name, minor, key)
        (self.model.pay if pays else self.model.top_up)(minor)

    def _use(self, minor):
        self.office.use(self.name, minor)
        self.model.use(minor)

    def _charge(self, minor):
        asked = Charge(
            id=next(self.keys),
            account=self.name,
            what="rental",
            text="A bike",
            amount_minor=minor,
            by="staff",
        )
        try:
            self.office.desk.run(lambda tx: charge(tx, asked))
        except (RefusedError, ConflictError):
            assert not self.model.take(minor)
        else:
            assert self.model.take(minor)

    def _hold(self, minor):
        try:
            self.office.hold(self.name, minor)
        except RefusedError:
            assert not self.model.hold(minor)
        else:
            assert self.model.hold(minor)

    def _release(self, minor):
        minor = min(minor, self.model.held)
        if minor:
            wallet, escrow = chart.wallet(self.name, "EUR"), chart.escrow(self.name, "EUR")
            self.office.move(escrow, wallet, minor, "release")
            self.model.release(minor)

    @rule()
    def staff_close_early(self):
        try:
            period = self.office.close_now(self.name, next(self.keys))
        except HubError:
            assert self.model.now_ms <= self.model.starts_ms
        else:
            assert period.due_minor == self.model.close(self.model.now_ms, whole=True)

    @rule(limit=st.integers(1, 800))
    def the_limit_changes(self, limit):
        if self.model.set_limit(limit):
            self.office.change(self.name, credit_limit_minor=limit)
            return
        with pytest.raises(RefusedError) as refused:
            self.office.change(self.name, credit_limit_minor=limit)
        assert refused.value.code is Code.LIMIT_IN_USE

    @rule(state=st.sampled_from([AccountState.OPEN, AccountState.BLOCKED]))
    def staff_block_or_open(self, state):
        model = self.model
        try:
            self.office.desk.run(lambda tx: accounts.change_account(tx, self.name, {}, state))
        except ConflictError:
            assert model.discontinued
            assert not model.blocked_by_staff
            assert state is AccountState.OPEN
        else:
            model.blocked_by_staff = state is AccountState.BLOCKED

    @invariant()
    def the_book_is_what_the_model_says(self):
        model = self.model
        kinds = (chart.wallet, chart.escrow, chart.overrun, chart.receivable)
        codes = [kind(self.name, "EUR") for kind in kinds]
        with self.office.desk.store.read() as connection:
            minor = balances_of(connection, codes)
            state = accounts.get_account(connection, self.name).state.value
        found = (*(minor.get(code, 0) for code in codes), state)
        assert found == (model.wallet, model.held, -model.overrun, -model.owed, model.state)

    def teardown(self):
        if not hasattr(self, "name"):
            return
        assert self.office.faults() == []
        rows = self.office.desk.rows(
            "SELECT ends_ms, due_minor, paid_minor FROM periods "
            f"WHERE account = '{self.name}' ORDER BY ends_ms"
        )
        bills = [(bill.ends_ms, bill.due, bill.paid) for bill in self.model.bills]
        assert [tuple(row) for row in rows] == bills


def test_a_life_on_credit_is_what_the_model_says(office):
    machine = type("Lives", (LifeMachine,), {"office": office, "numbers": itertools.count()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )

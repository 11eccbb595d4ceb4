"""How accounts pay: before use, after it, or both; and how much credit is in use."""

from __future__ import annotations

import pytest

from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger import accounts as chart
from hub.payments.topups import TopUp, top_up
from hub.people import accounts, credit
from hub.people.accounts import Terms
from hub.people.credit import Billing
from tests.hub_billing.conftest import on_sqlite
from wire.errors import Code


def top_up_of(office, name, minor=500, key="top"):
    asked = TopUp(id=key, account=name, amount_minor=minor, till="counter", by="staff")
    return office.desk.run(lambda tx: top_up(tx, asked))


def refused(office, work, error=RefusedError):
    """What the refused work says; nothing changed."""
    before = office.desk.books()
    with pytest.raises(error) as caught:
        work()
    assert office.desk.books() == before
    return caught.value


@pytest.mark.parametrize(
    ("limit", "billing"),
    [(0, Billing.PREPAID), (1_000, Billing.MIXED)],
)
def test_without_a_word_an_account_is_prepaid_or_with_credit_mixed(office, limit, billing):
    office.open("ana", limit)

    assert office.account("ana").terms.billing is billing
    top_up_of(office, "ana")
    assert office.desk.wallet("ana") == 500


def test_a_postpaid_account_takes_no_top_up(office):
    office.open("firm", 1_000, billing=Billing.POSTPAID)

    error = refused(office, lambda: top_up_of(office, "firm"), ConflictError)

    assert error.code is Code.STATE_CONFLICT
    assert "receivables" in str(error)


@on_sqlite
@pytest.mark.parametrize(
    ("limit", "billing"),
    [(0, Billing.POSTPAID), (0, Billing.MIXED), (1, Billing.PREPAID)],
)
def test_credit_and_billing_must_fit(office, limit, billing):
    terms = Terms(tariffs={}, permissions={}, credit_limit_minor=limit, billing=billing)
    with pytest.raises(InputError) as caught:
        office.desk.run(lambda tx: accounts.open_account(tx, "ana", "EUR", terms))

    assert caught.value.code is Code.AMOUNT_INVALID


def test_a_limit_is_raised_at_once(office):
    office.open("ana", 100)
    office.use("ana", 150)
    assert (office.desk.wallet("ana"), office.desk.overrun("ana")) == (-100, 50)

    office.change("ana", credit_limit_minor=400)
    office.use("ana", 250)

    assert (office.desk.wallet("ana"), office.desk.overrun("ana")) == (-350, 50)


def test_a_limit_is_not_lowered_below_what_is_used(office):
    office.open("ana", 1_000)
    office.use("ana", 600)

    error = refused(office, lambda: office.change("ana", credit_limit_minor=599))

    assert error.code is Code.LIMIT_IN_USE
    assert "600" in str(error)
    assert office.account("ana").terms.credit_limit_minor == 1_000
    office.change("ana", credit_limit_minor=600)
    assert office.account("ana").terms.credit_limit_minor == 600


def test_credit_that_is_held_is_in_use(office):
    office.open("ana", 1_000)
    office.hold("ana", 600)

    error = refused(office, lambda: office.change("ana", credit_limit_minor=500))

    assert error.code is Code.LIMIT_IN_USE
    assert "600 of that held" in str(error)


def test_a_billed_receivable_is_in_use_until_it_is_paid(office):
    office.open("ana", 1_000)
    office.use("ana", 600)
    office.desk.clock.advance(1)
    office.close_now("ana", "bill-1")
    assert (office.desk.wallet("ana"), office.receivable("ana")) == (0, 600)

    error = refused(office, lambda: office.change("ana", credit_limit_minor=599))
    assert error.code is Code.LIMIT_IN_USE
    office.pay("ana", 200, "pay-1")
    office.change("ana", credit_limit_minor=400)

    assert spendable(office, "ana") == 0
    assert office.faults() == []


def test_an_account_becomes_prepaid_when_it_uses_no_credit(office):
    office.open("ana", 1_000)
    office.use("ana", 1)
    assert refused(office, lambda: office.change("ana", credit_limit_minor=0)).code is (
        Code.LIMIT_IN_USE
    )
    top_up_of(office, "ana", 100)

    office.change("ana", credit_limit_minor=0)

    assert office.account("ana").terms.billing is Billing.PREPAID


@on_sqlite
def test_a_mixed_account_becomes_postpaid_and_keeps_its_credit(office):
    office.open("ana", 1_000)

    office.change("ana", billing=Billing.POSTPAID)
    office.change("ana", credit_limit_minor=2_000)

    assert office.account("ana").terms.billing is Billing.POSTPAID
    assert office.account("ana").terms.credit_limit_minor == 2_000


def test_what_a_machine_may_have_counts_the_receivable(office):
    from hub.charging.means import means_of

    office.open("ana", 1_000)
    office.use("ana", 600)
    office.desk.clock.advance(1)
    office.close_now("ana", "bill-1")
    office.use("ana", 100)

    with office.desk.store.read() as connection:
        assert means_of(connection, ["ana"])["ana"].available_minor == 300
    assert spendable(office, "ana") == 300


def spendable(office, name):
    return office.desk.run(lambda tx: tx.book.spendable(chart.wallet(name, "EUR")))


@on_sqlite
def test_what_is_used_is_told_in_parts(office):
    office.open("ana", 1_000)
    office.use("ana", 300)
    office.desk.clock.advance(1)
    office.close_now("ana", "bill-1")
    office.hold("ana", 100)
    office.use("ana", 50)

    use = office.desk.run(lambda tx: credit.credit_use(tx, "ana", "EUR"))

    assert use == credit.CreditUse(below_minor=150, held_minor=100, receivable_minor=300)
    assert use.used_minor == 450

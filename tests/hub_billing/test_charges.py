"""Charges that staff make once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.billing.charges import Charge, charge, list_charges
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.payments.refunds import Refund, refund_item
from hub.people import accounts
from hub.people.accounts import AccountState
from tests.hub_billing.conftest import on_sqlite
from tests.hub_billing.test_credit import top_up_of
from wire.errors import Code

LOST = Charge(
    id="fee-1",
    account="ana",
    what="lost-card",
    text="Card lost, new one made",
    amount_minor=595,
    tax_rate_ppm=190_000,
    by="staff",
)


def make(office, asked=LOST):
    return office.desk.run(lambda tx: charge(tx, asked))


@pytest.fixture
def ana(office):
    office.open("ana", 0)
    top_up_of(office, "ana", 1_000)
    return "ana"


def test_a_charge_goes_to_its_revenue_and_tax(office, ana):
    booked = make(office)

    assert (booked.unit, booked.tax_minor) == ("EUR", 95)
    assert office.desk.wallet(ana) == 405
    assert office.desk.balance(chart.revenue("lost-card", "EUR")) == 500
    assert office.desk.balance(chart.tax(190_000, "EUR")) == 95
    with office.desk.store.read() as connection:
        assert list_charges(connection, ana, after=None, limit=5) == [booked]


def test_a_charge_sent_twice_is_booked_once(office, ana):
    first = make(office)
    after = office.desk.books()

    assert make(office) == first
    with pytest.raises(ConflictError) as caught:
        make(office, replace(LOST, text="Something else"))

    assert caught.value.code is Code.ID_CONFLICT
    assert office.desk.books() == after


def test_a_charge_is_given_back_by_its_item(office, ana):
    make(office)
    asked = Refund(id="back-1", item="fee-1", amount_minor=None, reason="found", by="staff")

    office.desk.run(lambda tx: refund_item(tx, asked))

    assert office.desk.wallet(ana) == 1_000
    assert office.desk.balance(chart.tax(190_000, "EUR")) == 0


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "error", "code"),
    [
        ({"amount_minor": 0}, InputError, Code.AMOUNT_INVALID),
        ({"amount_minor": -1}, InputError, Code.AMOUNT_INVALID),
        ({"amount_minor": 10**15}, InputError, Code.AMOUNT_INVALID),
        ({"amount_minor": 1_001}, RefusedError, Code.BALANCE_TOO_LOW),
        ({"account": "nobody"}, NotFoundError, Code.ACCOUNT_UNKNOWN),
        ({"tax_rate_ppm": 10**7}, InputError, Code.BODY_MALFORMED),
        ({"what": "Not A Name"}, InputError, Code.BODY_MALFORMED),
        ({"text": "  "}, InputError, Code.BODY_MALFORMED),
        ({"id": "not an id"}, InputError, Code.BODY_MALFORMED),
    ],
)
def test_a_charge_that_cannot_be_is_refused(office, ana, bad, error, code):
    before = office.desk.books()

    with pytest.raises(error) as caught:
        make(office, replace(LOST, **bad))

    assert caught.value.code is code
    assert office.desk.books() == before
    assert office.desk.rows("SELECT * FROM charges") == []


@on_sqlite
@pytest.mark.parametrize(
    ("state", "code"),
    [(AccountState.CLOSED, Code.ACCOUNT_CLOSED), (AccountState.BLOCKED, Code.CARD_BLOCKED)],
)
def test_who_is_blocked_or_closed_is_not_charged(office, ana, state, code):
    office.desk.run(lambda tx: accounts.change_account(tx, ana, {}, state))

    with pytest.raises(ConflictError) as caught:
        make(office)

    assert caught.value.code is code

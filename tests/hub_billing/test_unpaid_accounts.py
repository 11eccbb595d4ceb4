"""Payments of what was billed, and accounts that don't pay."""

from __future__ import annotations

import pytest

from hub.billing import receivables
from hub.errors import ConflictError, InputError, NotFoundError
from hub.people import accounts, card_list
from hub.people.accounts import AccountState
from hub.people.credit import Billing
from tests.hub_billing.conftest import DAY_MS, MARCH_MS, on_sqlite
from wire.downlink import Standing
from wire.errors import Code

APRIL_MS = MARCH_MS + 31 * DAY_MS
MAY_MS = APRIL_MS + 30 * DAY_MS


@pytest.fixture
def firm(office):
    """A postpaid account that owes 700 for March."""
    office.open("firm", 10_000, billing=Billing.POSTPAID)
    office.close_due()
    office.use("firm", 700)
    office.at(APRIL_MS)
    office.close_due()
    return "firm"


def card(office, name):
    with office.desk.store.read() as connection:
        entries = card_list.entries_after(connection, "cellar", 0, 100).entries
    return next(entry for entry in entries if entry.account == name)


def set_state(office, name, state):
    return office.desk.run(lambda tx: accounts.change_account(tx, name, {}, state))


def open_list(office):
    with office.desk.store.read() as connection:
        return receivables.open_receivables(connection, after=None, limit=50)


def test_a_payment_settles_the_oldest_first_and_the_rest_goes_to_the_wallet(office, firm):
    office.use(firm, 300)
    office.at(MAY_MS)
    office.close_due()

    office.pay(firm, 800, "pay-1")
    [left] = open_list(office)
    office.pay(firm, 1_000, "pay-2")

    assert (left.due_minor, left.paid_minor, left.ends_ms) == (300, 100, MAY_MS)
    assert open_list(office) == []
    assert (office.receivable(firm), office.desk.wallet(firm)) == (0, 800)
    assert office.faults() == []


def test_a_payment_settles_an_overrun_before_the_wallet(office, firm):
    office.use(firm, 9_500)  # 9,300 are left of the limit
    assert office.desk.overrun(firm) == 200

    office.pay(firm, 1_000, "pay-1")

    assert (office.receivable(firm), office.desk.overrun(firm)) == (0, 0)
    assert office.desk.wallet(firm) == -9_300 + 100


def test_a_payment_sent_twice_is_booked_once(office, firm):
    first = office.pay(firm, 700, "pay-1")
    after = office.desk.books()

    assert office.pay(firm, 700, "pay-1") == first
    assert office.desk.books() == after
    with pytest.raises(ConflictError) as caught:
        office.pay(firm, 701, "pay-1")
    assert caught.value.code is Code.ID_CONFLICT
    assert office.desk.books() == after


@on_sqlite
@pytest.mark.parametrize(
    ("minor", "where", "error", "code"),
    [
        (0, {"provider": "bank"}, InputError, Code.AMOUNT_INVALID),
        (-1, {"provider": "bank"}, InputError, Code.AMOUNT_INVALID),
        (10**15, {"provider": "bank"}, InputError, Code.AMOUNT_INVALID),
        (100, {"provider": "Not A Name"}, InputError, Code.BODY_MALFORMED),
        (100, {"till": "counter", "provider": "bank"}, InputError, Code.BODY_MALFORMED),
        (100, {"till": "", "provider": ""}, InputError, Code.BODY_MALFORMED),
    ],
)
def test_a_payment_that_cannot_be_is_refused(office, firm, minor, where, error, code):
    before = office.desk.books()

    with pytest.raises(error) as caught:
        office.pay(firm, minor, "pay-1", **where)

    assert caught.value.code is code
    assert office.desk.books() == before


@on_sqlite
def test_nobody_pays_for_an_account_that_is_not_known(office):
    with pytest.raises(NotFoundError) as caught:
        office.pay("nobody", 100, "pay-1")
    assert caught.value.code is Code.ACCOUNT_UNKNOWN


def test_a_closed_account_pays_what_it_owes(office, firm):
    office.desk.run(lambda tx: accounts.close_account(tx, firm))

    office.pay(firm, 700, "pay-1")

    assert office.receivable(firm) == 0
    assert office.account(firm).state is AccountState.CLOSED


def test_open_receivables_are_listed_with_age_and_date_oldest_first(office, firm):
    office.open("lab", 500)
    office.use("lab", 20)
    office.desk.clock.advance(DAY_MS)
    office.close_now("lab", "bill-1")
    office.desk.clock.advance(DAY_MS)

    first, second = open_list(office)

    assert (first.account, first.age_days(office.now_ms)) == (firm, 2)
    assert (second.account, second.age_days(office.now_ms)) == ("lab", 1)
    assert first.discontinue_ms == APRIL_MS + 30 * DAY_MS
    with office.desk.store.read() as connection:
        page = receivables.open_receivables(connection, after=(APRIL_MS, firm), limit=1)
        assert page == [second]
        assert receivables.receivables_of(connection, firm) == [first]


def test_an_account_is_discontinued_on_its_date_and_not_before(office, firm):
    office.at(APRIL_MS + 30 * DAY_MS - 1)
    assert office.discontinue_due() == 0
    assert card(office, firm).standing is Standing.OK

    office.at(APRIL_MS + 30 * DAY_MS)
    assert office.discontinue_due() == 1

    account = office.account(firm)
    assert (account.state, account.discontinued_ms) == (AccountState.BLOCKED, office.now_ms)
    assert card(office, firm).standing is Standing.BLOCKED
    assert office.discontinue_due() == 0


def test_paying_in_part_changes_nothing_and_in_full_opens_it(office, firm):
    office.at(MAY_MS)
    office.discontinue_due()

    office.pay(firm, 699, "pay-1")
    assert office.account(firm).state is AccountState.BLOCKED
    office.pay(firm, 1, "pay-2")

    assert office.account(firm).state is AccountState.OPEN
    assert office.account(firm).discontinued_ms is None
    assert card(office, firm).standing is Standing.OK


def test_paying_does_not_open_what_staff_blocked_too(office, firm):
    set_state(office, firm, AccountState.BLOCKED)
    office.at(MAY_MS)
    office.discontinue_due()

    office.pay(firm, 700, "pay-1")

    assert office.account(firm).state is AccountState.BLOCKED
    assert office.account(firm).discontinued_ms is None
    set_state(office, firm, AccountState.OPEN)
    assert office.account(firm).state is AccountState.OPEN


def test_staff_block_and_unblock_beside_it(office, firm):
    office.at(MAY_MS)
    office.discontinue_due()
    set_state(office, firm, AccountState.BLOCKED)
    set_state(office, firm, AccountState.OPEN)  # theirs is over, the other isn't
    assert office.account(firm).state is AccountState.BLOCKED

    with pytest.raises(ConflictError) as caught:
        set_state(office, firm, AccountState.OPEN)
    assert caught.value.code is Code.DISCONTINUED
    office.pay(firm, 700, "pay-1")

    assert office.account(firm).state is AccountState.OPEN


def test_a_discontinued_account_is_charged_nothing_on_request(office, firm):
    office.at(MAY_MS)
    office.discontinue_due()

    with office.desk.store.read() as connection, pytest.raises(ConflictError) as caught:
        accounts.require_spending(connection, firm)

    assert caught.value.code is Code.DISCONTINUED


@on_sqlite
def test_a_closed_account_is_not_discontinued(office, firm):
    office.desk.run(lambda tx: accounts.close_account(tx, firm))
    office.at(MAY_MS)

    assert office.discontinue_due() == 0
    assert office.account(firm).state is AccountState.CLOSED


def test_an_account_has_its_own_days_and_its_own_date(office, firm):
    office.terms(firm, discontinue_days=10)
    office.at(APRIL_MS + 10 * DAY_MS)
    office.discontinue_due()
    assert office.account(firm).state is AccountState.BLOCKED

    office.terms(firm, discontinue_after_ms=APRIL_MS + 20 * DAY_MS)  # a promise of a later day
    assert office.account(firm).state is AccountState.OPEN
    assert office.discontinue_due() == 0
    office.at(APRIL_MS + 20 * DAY_MS)
    office.discontinue_due()

    assert office.account(firm).state is AccountState.BLOCKED


def test_a_date_counts_only_for_what_was_billed_before_it(office, firm):
    office.terms(firm, discontinue_after_ms=APRIL_MS + DAY_MS)
    office.pay(firm, 700, "pay-1")
    office.use(firm, 50)
    office.at(MAY_MS)
    office.close_due()

    assert office.discontinue_due() == 0
    assert open_list(office)[0].discontinue_ms == MAY_MS + 30 * DAY_MS

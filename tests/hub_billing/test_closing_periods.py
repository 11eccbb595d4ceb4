"""What an account owes for a period becomes a receivable, once, at the calendar's edge."""

from __future__ import annotations

import pytest

from hub.billing import rules
from hub.billing.rules import BillingPeriod, BillingRules
from hub.billing.sums import Group, by_group
from hub.errors import ConflictError, InputError
from hub.ledger import accounts as chart
from hub.people.credit import Billing
from tests.hub_billing.conftest import DAY_MS, MARCH_MS, on_sqlite
from tests.hub_billing.test_credit import top_up_of
from wire.errors import Code

APRIL_MS = MARCH_MS + 31 * DAY_MS
MAY_MS = APRIL_MS + 30 * DAY_MS


@pytest.fixture
def firm(office):
    """A postpaid account since the middle of March."""
    office.at(MARCH_MS + 14 * DAY_MS)
    office.open("firm", 10_000, billing=Billing.POSTPAID)
    office.close_due()  # works out when its period ends
    return "firm"


def test_a_period_is_closed_at_the_calendars_edge_and_not_before(office, firm):
    office.use(firm, 700)
    office.at(APRIL_MS - 1)
    assert office.close_due() == 0

    office.at(APRIL_MS)
    assert office.close_due() == 1

    period = office.last(firm)
    assert (period.starts_ms, period.ends_ms) == (MARCH_MS + 14 * DAY_MS, APRIL_MS)
    assert (period.opening_minor, period.closing_minor, period.due_minor) == (0, -700, 700)
    assert period.sums == {"session": -700}
    assert (office.desk.wallet(firm), office.receivable(firm)) == (0, 700)
    assert office.faults() == []


def test_a_period_is_closed_once(office, firm):
    office.use(firm, 700)
    office.at(APRIL_MS)
    office.close_due()
    after = office.desk.books()

    for _ in range(3):
        assert office.close_due() == 0

    assert office.desk.books() == after
    rows = office.desk.rows("SELECT id FROM items WHERE kind = 'period_close'")
    assert [row.id for row in rows] == [f"close:firm:{APRIL_MS}"]


def test_what_may_be_spent_after_a_close_is_the_limit_without_the_receivable(office, firm):
    office.use(firm, 9_000)
    office.at(APRIL_MS)
    office.close_due()

    office.use(firm, 1_500)

    assert (office.desk.wallet(firm), office.desk.overrun(firm)) == (-1_000, 500)
    office.pay(firm, 9_000, "pay-1")
    office.use(firm, 2_000)
    assert (office.desk.wallet(firm), office.desk.overrun(firm)) == (-3_000, 500)
    assert office.faults() == []


def test_what_is_booked_after_the_edge_belongs_to_the_next_period(office, firm):
    office.use(firm, 700)
    office.at(APRIL_MS + 60_000)
    office.use(firm, 50)  # the job is a minute late; a session of March whose facts come now

    office.close_due()

    march = office.last(firm)
    assert (march.due_minor, march.sums) == (700, {"session": -700})
    assert office.desk.wallet(firm) == -50
    office.at(MAY_MS)
    office.close_due()
    april = office.last(firm)
    assert (april.opening_minor, april.sums, april.due_minor) == (0, {"session": -50}, 50)
    assert office.faults() == []


def test_a_hub_that_was_off_for_months_closes_each_in_order(office, firm):
    office.use(firm, 700)
    office.at(MAY_MS + DAY_MS)

    while office.close_due():
        pass

    rows = office.desk.rows("SELECT ends_ms, due_minor FROM periods ORDER BY ends_ms")
    assert [tuple(row) for row in rows] == [(APRIL_MS, 700), (MAY_MS, 0)]
    assert office.faults() == []


def test_money_that_is_only_held_is_not_billed(office, firm):
    office.use(firm, 100)
    office.hold(firm, 500)
    office.at(APRIL_MS)
    office.close_due()

    assert office.last(firm).due_minor == 100
    assert office.desk.wallet(firm) == -500
    office.move(chart.escrow(firm, "EUR"), chart.revenue("washer", "EUR"), 300, "session")
    office.move(chart.escrow(firm, "EUR"), chart.wallet(firm, "EUR"), 200, "release")
    office.at(MAY_MS)
    office.close_due()
    assert office.last(firm).sums == {"session": -300}
    assert office.last(firm).due_minor == 300
    assert office.faults() == []


def test_a_wallet_above_zero_owes_nothing_and_carries_on(office):
    office.open("ana", 1_000)
    top_up_of(office, "ana", 800)
    office.use("ana", 300)
    office.use("ana", 100, kind="fee")
    office.close_due()
    office.at(APRIL_MS)
    office.close_due()

    period = office.last("ana")

    assert (period.due_minor, period.closing_minor, period.item) == (0, 400, "")
    assert period.paid_ms == period.closed_ms
    groups = by_group(period.sums)
    assert (groups[Group.USAGE], groups[Group.FEES], groups[Group.PAID_IN]) == (-300, -100, 800)
    assert sum(groups.values()) == period.closing_minor - period.opening_minor
    office.use("ana", 500)
    office.at(MAY_MS)
    office.close_due()
    assert office.last("ana").opening_minor == 400
    assert office.last("ana").due_minor == 100


@on_sqlite
def test_weeks_end_on_monday_by_the_accounts_own_clock(office, firm):
    office.terms(firm, period=BillingPeriod.WEEK, timezone="America/New_York")
    office.close_due()

    [row] = office.desk.rows("SELECT ends_ms FROM open_periods WHERE account = 'firm'")

    # From Sunday 15 March in the evening in London to Monday 00:00 in New York (UTC-4).
    assert row.ends_ms == MARCH_MS + 15 * DAY_MS + 4 * 3_600_000


def test_rules_that_change_move_the_end_of_running_periods(office, firm):
    berlin = BillingRules(timezone="Europe/Berlin")
    office.desk.run(lambda tx: rules.write_billing_rules(tx, berlin))
    office.use(firm, 10)
    office.at(APRIL_MS - 2 * 3_600_000)  # midnight of the first of April in Berlin
    office.close_due()

    assert office.last(firm).ends_ms == office.now_ms
    assert office.last(firm).timezone == "Europe/Berlin"


def test_staff_close_early_once_for_each_id(office, firm):
    office.use(firm, 700)
    office.desk.clock.advance(DAY_MS)

    first = office.close_now(firm, "bill-1")
    again = office.close_now(firm, "bill-1")

    assert again == first
    assert (first.due_minor, first.by) == (700, "staff")
    office.at(APRIL_MS)
    office.close_due()
    assert office.last(firm).starts_ms == first.ends_ms
    assert office.faults() == []


def test_a_clock_before_an_earlier_close_closes_nothing(office, firm):
    office.use(firm, 700)
    office.desk.clock.advance(DAY_MS)
    office.close_now(firm, "bill-1")
    office.use(firm, 5)
    before = office.desk.books()
    office.desk.clock.jump_wall(-DAY_MS // 2)

    with pytest.raises(ConflictError) as caught:
        office.close_now(firm, "bill-2")

    assert caught.value.code is Code.PERIOD_CLOSED
    assert office.close_due() == 0
    assert office.desk.books() == before
    office.desk.clock.jump_wall(DAY_MS)
    assert office.close_now(firm, "bill-2").due_minor == 5


@on_sqlite
def test_a_prepaid_account_has_no_period(office):
    office.open("ana", 0)

    with pytest.raises(ConflictError, match="prepaid"):
        office.close_now("ana", "bill-1")
    office.at(APRIL_MS)
    assert office.close_due() == 0


def test_an_id_of_another_close_is_a_conflict(office, firm):
    office.open("other", 100)
    office.desk.clock.advance(1)
    office.close_now(firm, "bill-1")

    with pytest.raises(ConflictError) as caught:
        office.close_now("other", "bill-1")

    assert caught.value.code is Code.ID_CONFLICT


def test_who_became_prepaid_has_one_last_record(office, firm):
    office.use(firm, 700)
    office.change(firm, billing=Billing.MIXED)
    top_up_of(office, firm, 900)
    office.change(firm, credit_limit_minor=0)
    office.at(APRIL_MS)
    office.close_due()

    assert office.last(firm).sums == {"session": -700, "top_up": 900}
    office.at(MAY_MS)
    assert office.close_due() == 0
    office.change(firm, credit_limit_minor=100)
    office.close_due()
    [row] = office.desk.rows("SELECT * FROM open_periods")
    assert (row.starts_ms, row.opening_minor) == (MAY_MS, 200)


@on_sqlite
@pytest.mark.parametrize(
    "bad",
    [
        BillingRules(timezone="Mars/Base"),
        BillingRules(discontinue_days=-1),
        BillingRules(discontinue_days=10**6),
        BillingRules(verify_minute=1_440),
    ],
)
def test_rules_out_of_range_are_refused(office, bad):
    with pytest.raises(InputError):
        office.desk.run(lambda tx: rules.write_billing_rules(tx, bad))


@on_sqlite
@pytest.mark.parametrize(
    "bad",
    [
        {"timezone": "Mars/Base"},
        {"discontinue_days": -1},
        {"discontinue_after_ms": -1},
        {"discontinue_after_ms": 2**60},
    ],
)
def test_terms_out_of_range_are_refused(office, firm, bad):
    with pytest.raises(InputError):
        office.terms(firm, **bad)

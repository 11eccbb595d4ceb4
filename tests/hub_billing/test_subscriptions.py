"""Subscriptions are charged period by period, each once, in order, from the wallet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from hub.billing import plans, renewals, rules, subscriptions
from hub.billing.plans import Plan
from hub.billing.rules import BillingRules
from hub.billing.spans import Anchor, Every, Proration
from hub.billing.subscription_rows import (
    STEPS,
    Step,
    Subscription,
    SubscriptionState,
    get_subscription,
)
from hub.billing.subscriptions import Subscribing
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.people import accounts
from hub.people.accounts import AccountState
from tests.hub_billing.conftest import DAY_MS, MARCH_MS, on_sqlite
from tests.hub_billing.test_credit import top_up_of
from wire.errors import Code

MONTHLY = Plan(
    id="monthly",
    name="Membership",
    unit="EUR",
    price_minor=1_190,
    every=Every.MONTH,
    tax_rate_ppm=190_000,
    revenue="membership",
)
CALENDAR = Plan(
    id="calendar",
    name="Locker",
    unit="EUR",
    price_minor=3_100,
    every=Every.MONTH,
    anchor=Anchor.CALENDAR,
    proration=Proration.DAILY,
)


def make_plan(office, plan=MONTHLY):
    return office.desk.run(lambda tx: plans.add_plan(tx, plan))


def subscribe(office, account="ana", plan="monthly", key="sub-1", **days):
    asked = Subscribing(id=key, account=account, plan=plan, by="staff", **days)
    return office.desk.run(lambda tx: subscriptions.subscribe(tx, asked))


def renew(office) -> int:
    return office.all_due(renewals.due_subscriptions, renewals.renew)


def charged(office):
    rows = office.desk.rows(
        "SELECT starts_on, ends_on, amount_minor FROM subscription_periods ORDER BY starts_on"
    )
    return [tuple(row) for row in rows]


def now(office, key="sub-1"):
    with office.desk.store.read() as connection:
        return get_subscription(connection, key)


@pytest.fixture
def ana(office):
    """Someone with 20.00 and a plan to subscribe to, on the first of March."""
    make_plan(office)
    make_plan(office, CALENDAR)
    office.open("ana", 0)
    top_up_of(office, "ana", 2_000)
    return "ana"


def test_a_subscription_is_charged_at_once_and_then_each_period(office, ana):
    one = subscribe(office)
    assert one.state is SubscriptionState.ACTIVE
    assert one.next_on == date(2026, 4, 1)
    assert office.desk.wallet(ana) == 810
    assert office.desk.balance(chart.revenue("membership", "EUR")) == 1_000
    assert office.desk.balance(chart.tax(190_000, "EUR")) == 190
    top_up_of(office, ana, 500, "top-2")

    office.at(MARCH_MS + 31 * DAY_MS - 1)
    assert renew(office) == 0
    office.at(MARCH_MS + 31 * DAY_MS)
    assert renew(office) == 1
    assert renew(office) == 0

    assert charged(office) == [
        ("2026-03-01", "2026-04-01", 1_190),
        ("2026-04-01", "2026-05-01", 1_190),
    ]
    assert office.desk.wallet(ana) == 120
    assert office.faults() == []


def test_a_period_that_cannot_be_paid_waits_and_nothing_is_taken(office, ana):
    subscribe(office)
    office.at(MARCH_MS + 31 * DAY_MS)
    renew(office)

    one = now(office)

    assert (one.state, one.refusal) == (SubscriptionState.UNPAID, int(Code.BALANCE_TOO_LOW))
    assert one.next_on == date(2026, 4, 1)
    assert office.desk.wallet(ana) == 810
    assert renew(office) == 0  # not before its next try
    office.desk.clock.advance(renewals.TRY_AGAIN_MS)
    assert renew(office) == 1
    top_up_of(office, ana, 500, "top-2")
    with office.desk.store.read() as connection:
        assert renewals.unpaid_subscriptions(connection, [ana]) == ["sub-1"]
    office.desk.run(lambda tx: renewals.renew(tx, "sub-1"))
    assert now(office).state is SubscriptionState.ACTIVE
    assert office.desk.wallet(ana) == 120


def test_missed_periods_are_caught_up_in_order_as_far_as_the_money_goes(office, ana):
    subscribe(office)
    office.at(MARCH_MS + 100 * DAY_MS)  # 9 June
    top_up_of(office, ana, 2_000, "top-2")

    renew(office)

    assert [line[0] for line in charged(office)] == ["2026-03-01", "2026-04-01", "2026-05-01"]
    assert now(office).state is SubscriptionState.UNPAID
    top_up_of(office, ana, 1_000, "top-3")
    office.desk.run(lambda tx: renewals.renew(tx, "sub-1"))
    assert charged(office)[-1][0] == "2026-06-01"
    assert now(office).state is SubscriptionState.ACTIVE


def test_catching_up_is_bounded_and_goes_on(office, ana):
    daily = Plan(id="daily", name="Desk", unit="EUR", price_minor=1, every=Every.DAY)
    make_plan(office, daily)
    subscribe(office, plan="daily")
    office.desk.clock.advance(30 * DAY_MS)
    office.desk.run(lambda tx: renewals.renew(tx, "sub-1"))
    assert len(charged(office)) == 1 + renewals.CATCH_UP_MAX

    while renew(office):
        pass

    assert len(charged(office)) == 31
    assert now(office).state is SubscriptionState.ACTIVE


def test_it_is_paid_from_credit_too(office, ana):
    office.change(ana, credit_limit_minor=500)
    subscribe(office)
    office.at(MARCH_MS + 31 * DAY_MS)
    renew(office)

    assert office.desk.wallet(ana) == -380
    assert now(office).state is SubscriptionState.ACTIVE


def test_first_and_last_part_are_charged_by_days(office, ana):
    top_up_of(office, ana, 1_000, "top-2")
    office.at(MARCH_MS + 16 * DAY_MS)
    subscribe(office, plan="calendar", starts_on=date(2026, 3, 17), ends_on=date(2026, 4, 11))
    office.at(MARCH_MS + 31 * DAY_MS)

    renew(office)

    assert charged(office) == [
        ("2026-03-17", "2026-04-01", 1_500),  # 15 of 31 days
        ("2026-04-01", "2026-04-11", 1_033),  # 10 of 30
    ]
    assert now(office).state is SubscriptionState.ENDED
    office.at(MARCH_MS + 90 * DAY_MS)
    assert renew(office) == 0


@on_sqlite
def test_a_day_begins_where_the_account_is_also_when_clocks_change(office, ana):
    berlin = BillingRules(timezone="Europe/Berlin")
    office.desk.run(lambda tx: rules.write_billing_rules(tx, berlin))
    one = subscribe(office, starts_on=date(2026, 3, 1))
    assert one.next_on == date(2026, 4, 1)

    # Clocks went forward on 29 March: April begins at 22:00 UTC, March at 23:00 UTC.
    assert one.try_ms == MARCH_MS + 31 * DAY_MS - 2 * 3_600_000


def test_a_pause_charges_nothing_and_leaves_out_what_it_covers(office, ana):
    office.at(MARCH_MS + 30 * DAY_MS)
    subscribe(office, plan="calendar")  # one day of March: 1.00
    office.desk.run(lambda tx: subscriptions.pause(tx, "sub-1"))
    office.at(MARCH_MS + 31 * DAY_MS)
    assert renew(office) == 0
    office.at(MARCH_MS + 45 * DAY_MS)

    office.desk.run(lambda tx: subscriptions.resume(tx, "sub-1"))

    assert charged(office) == [
        ("2026-03-31", "2026-04-01", 100),
        ("2026-04-15", "2026-05-01", 1_653),  # 16 of 30 days: 3,100 - 1,447
    ]
    assert now(office).next_on == date(2026, 5, 1)


def test_what_is_unpaid_when_it_is_paused_is_let_go(office, ana):
    subscribe(office)
    office.at(MARCH_MS + 31 * DAY_MS)
    renew(office)
    assert now(office).state is SubscriptionState.UNPAID
    office.desk.run(lambda tx: subscriptions.pause(tx, "sub-1"))
    top_up_of(office, ana, 1_000, "top-2")

    office.desk.run(lambda tx: subscriptions.end(tx, "sub-1", None))

    assert now(office).state is SubscriptionState.ENDED
    assert office.desk.wallet(ana) == 1_810


def test_an_ended_one_costs_nothing_more_and_what_was_paid_stays(office, ana):
    subscribe(office)
    office.desk.clock.advance(5 * DAY_MS)

    ended = office.desk.run(lambda tx: subscriptions.end(tx, "sub-1", None))

    assert ended.state is SubscriptionState.ENDED
    assert office.desk.run(lambda tx: subscriptions.end(tx, "sub-1", None)) == ended
    office.desk.clock.advance(60 * DAY_MS)
    assert renew(office) == 0
    assert office.desk.wallet(ana) == 810


def test_it_ends_with_the_account(office, ana):
    subscribe(office)
    office.desk.run(lambda tx: accounts.close_account(tx, ana))
    office.desk.clock.advance(40 * DAY_MS)

    renew(office)

    assert now(office).state is SubscriptionState.ENDED
    assert len(charged(office)) == 1


def test_a_blocked_account_is_charged_nothing_until_it_opens(office, ana):
    subscribe(office)
    top_up_of(office, ana, 1_000, "top-2")
    block(office, ana, AccountState.BLOCKED)
    office.desk.clock.advance(31 * DAY_MS)
    renew(office)
    assert now(office).refusal == int(Code.CARD_BLOCKED)

    block(office, ana, AccountState.OPEN)
    office.desk.run(lambda tx: renewals.renew(tx, "sub-1"))

    assert now(office).state is SubscriptionState.ACTIVE


def block(office, name, state):
    office.desk.run(lambda tx: accounts.change_account(tx, name, {}, state))


def test_the_same_id_again_is_the_same_subscription(office, ana):
    first = subscribe(office)
    after = office.desk.books()

    assert subscribe(office) == first
    with pytest.raises(ConflictError) as caught:
        subscribe(office, plan="calendar")

    assert caught.value.code is Code.ID_CONFLICT
    assert office.desk.books() == after


def test_what_cannot_be_subscribed_to_is_refused(office, ana):
    points = Plan(id="points", name="Points", unit="PTS", price_minor=1, every=Every.DAY)
    make_plan(office, points)
    before = office.desk.books()

    with pytest.raises(RefusedError) as unit:
        subscribe(office, plan="points")
    with pytest.raises(NotFoundError):
        subscribe(office, plan="none")
    with pytest.raises(NotFoundError):
        subscribe(office, account="nobody")
    with pytest.raises(InputError):
        subscribe(office, starts_on=date(2020, 1, 1))
    with pytest.raises(InputError):
        subscribe(office, ends_on=date(2026, 3, 1))
    office.desk.run(lambda tx: plans.retire_plan(tx, "monthly"))
    with pytest.raises(ConflictError, match="retired"):
        subscribe(office)
    office.desk.run(lambda tx: accounts.close_account(tx, ana))
    with pytest.raises(ConflictError) as closed:
        subscribe(office, plan="calendar")

    assert unit.value.code is Code.UNIT_MISMATCH
    assert closed.value.code is Code.ACCOUNT_CLOSED
    assert office.desk.books() == before
    assert office.desk.rows("SELECT * FROM subscriptions") == []


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"price_minor": 0}, Code.AMOUNT_INVALID),
        ({"price_minor": -5}, Code.AMOUNT_INVALID),
        ({"price_minor": 10**15}, Code.AMOUNT_INVALID),
        ({"unit": "DOUBLOON"}, Code.BODY_MALFORMED),
        ({"tax_rate_ppm": -1}, Code.BODY_MALFORMED),
        ({"revenue": "Not A Name"}, Code.BODY_MALFORMED),
        ({"name": " "}, Code.BODY_MALFORMED),
    ],
)
def test_a_plan_that_cannot_be_is_refused(office, bad, code):
    with pytest.raises(InputError) as caught:
        make_plan(office, replace(MONTHLY, **bad))

    assert caught.value.code is code
    assert office.desk.rows("SELECT * FROM plans") == []


def test_a_plans_terms_stay(office, ana):
    assert make_plan(office).id == "monthly"
    with pytest.raises(ConflictError) as caught:
        make_plan(office, replace(MONTHLY, price_minor=1))
    assert caught.value.code is Code.ID_CONFLICT


@pytest.mark.parametrize("state", SubscriptionState)
@pytest.mark.parametrize("what", Step)
def test_only_steps_of_the_table_can_happen(state, what):
    day = date(2026, 3, 1)
    one = Subscription(
        id="sub-1",
        account="ana",
        plan="monthly",
        state=state,
        timezone="UTC",
        starts_on=day,
        ends_on=None,
        next_on=day,
        try_ms=None,
        refusal=0,
        by="staff",
        created_ms=0,
    )
    if (state, what) in STEPS:
        after = renewals.step(one, what)
        rests = after.state in (SubscriptionState.PAUSED, SubscriptionState.ENDED)
        assert (after.try_ms is None) == rests
    else:
        with pytest.raises(ConflictError):
            renewals.step(one, what)

"""Usage by API: what is held can't be spent twice, and what is used is rated as at machines."""

from __future__ import annotations

import pytest
from cloud import DAY_MS, HOUR_MS, MINUTE_MS, buy, free, give, hold, minutes, more, steps, take
from desk import MINUTE, card_of
from hypothesis import HealthCheck, given, settings, strategies as st

from hub.charging import lots, tariffs, usage_rows
from hub.charging.usage_asked import Stretch
from hub.charging.usage_state import UsageState
from hub.errors import ConflictError, InputError, RefusedError
from hub.people import accounts
from wire.errors import Code
from wire.money import EUR, tax_within
from wire.rating import rate
from wire.tariff import Band, Measure, Tariff, Tier
from wire.usage import BAND_NONE, Segment

NIGHT = Tariff(
    id="night",
    version=1,
    name="Dear by day",
    unit=EUR,
    time=Measure(unit="ms", per=HOUR_MS, tiers=(Tier(6_000_000),)),
    bands=(Band(name="night", from_minute=22 * 60 + 30, to_minute=6 * 60, time_tiers=(Tier(0),)),),
)


def test_a_hold_takes_money_from_what_can_be_spent_and_exposes_nothing(cloud):
    step = hold(cloud, 600)

    assert (step.state, step.held_minor) == (UsageState.AUTHORISED, 600)
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (400, 600)
    assert cloud.exposure("ann") == {}
    with pytest.raises(RefusedError) as refused:
        hold(cloud, 401, "use_2")
    assert refused.value.code is Code.BALANCE_TOO_LOW
    assert cloud.faults() == []


def test_what_was_used_is_paid_and_the_rest_goes_back(cloud):
    hold(cloud, 600)

    step = take(cloud, use=(minutes(25),))

    assert (step.amount_minor, step.tax_minor) == (250, tax_within(250, 190_000))
    assert step.state is UsageState.CAPTURED
    assert cloud.books() == {
        "EUR:cash/counter": -1_000,
        "EUR:wallet/ann": 750,
        "EUR:revenue/cloud": 250 - step.tax_minor,
        "EUR:tax/190000": step.tax_minor,
    }
    assert cloud.faults() == []


ONE_DATABASE = [HealthCheck.function_scoped_fixture]
"""The database stays for all examples; each makes ids of its own."""


@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=ONE_DATABASE)
def test_slices_cost_what_the_whole_costs_tax_included(cloud, slices):
    name = f"use_{steps(cloud)}"
    cloud.top_up("ann", 1_000_000)
    hold(cloud, 1_000_000, name)
    used, tax = 0, 0
    for number, length in enumerate(slices):
        used += length
        asked = {"use": (Stretch(time_ms=used),), "final": number == len(slices) - 1}
        tax += take(cloud, step=f"{name}_{number}", name=name, **asked).tax_minor

    whole = rate(MINUTE, (Segment(BAND_NONE, used, 0),))
    with cloud.store.read() as connection:
        found = usage_rows.get_usage(connection, name)
    assert (found.captured_minor, found.time_ms) == (whole, used)
    assert found.tax_minor == tax == tax_within(whole, 190_000)


def test_a_usage_keeps_the_tariff_version_that_it_began_with(cloud):
    hold(cloud, 600)
    dear = Tariff(
        id="minute",
        version=2,
        name="A euro a minute",
        unit=EUR,
        time=Measure(unit="ms", per=MINUTE_MS, tiers=(Tier(1_000_000),)),
    )
    cloud.run(lambda tx: tariffs.add_version(tx, dear))

    assert take(cloud, use=(minutes(5),)).amount_minor == 50
    assert buy(cloud, use=(minutes(5),)).amount_minor == 500


def test_hours_with_prices_of_their_own_count_as_at_machines(cloud):
    """The usage begins at 22:13:20; from 22:30 on it is free."""
    cloud.run(lambda tx: tariffs.add_version(tx, NIGHT))
    start_ms = cloud.clock.now().wall_ms
    hold(cloud, 600, tariff="night")

    first = take(cloud, use=(minutes(60),), final=False)
    later = (minutes(60), minutes(30, start_ms + 12 * HOUR_MS))
    second = take(cloud, use=later, step="take_2")

    assert first.amount_minor == 167  # 16 min 40 s of an hour at 6.00
    assert second.captured_minor == 467
    with pytest.raises(InputError, match="one began before"):
        buy(cloud, use=(minutes(60, start_ms), minutes(1, start_ms)), tariff="night")
    with pytest.raises(InputError, match="by the hour"):
        buy(cloud, use=(minutes(50_000),), tariff="night")


def test_prices_of_the_account_and_its_group_hold_as_at_machines(cloud):
    half = Tariff(
        id="half",
        version=1,
        name="Half",
        unit=EUR,
        time=Measure(unit="ms", per=MINUTE_MS, tiers=(Tier(50_000),)),
    )
    cloud.run(lambda tx: tariffs.add_version(tx, half))
    cloud.run(lambda tx: accounts.change_account(tx, "ann", {"tariffs": {"cloud": "half"}}))

    assert buy(cloud, use=(minutes(10),)).amount_minor == 50


def test_beyond_the_hold_the_wallet_pays_only_when_asked(cloud):
    hold(cloud, 300)

    with pytest.raises(RefusedError, match="300 minor units are held") as refused:
        take(cloud, 450)
    assert refused.value.code is Code.LIMIT_EXCEEDED
    assert (cloud.escrow("ann"), steps(cloud)) == (300, 1)

    step = take(cloud, 450, beyond=True)
    assert (step.amount_minor, step.beyond_minor) == (450, 150)
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (550, 0)
    assert cloud.faults() == []


def test_beyond_hold_and_wallet_is_refused_and_changes_nothing(cloud):
    hold(cloud, 300)

    with pytest.raises(RefusedError) as refused:
        take(cloud, 1_001, beyond=True)

    assert refused.value.code is Code.BALANCE_TOO_LOW
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (700, 300)
    assert take(cloud, 1_000, beyond=True).captured_minor == 1_000


def test_credit_can_be_held_up_to_its_limit(cloud):
    cloud.add_account("firm", 0, credit_limit_minor=500)

    hold(cloud, 500, account="firm")

    assert (cloud.wallet("firm"), cloud.escrow("firm")) == (-500, 500)
    with pytest.raises(RefusedError):
        hold(cloud, 1, "use_2", account="firm")


def test_given_money_that_fits_pays_first_and_comes_back_to_its_lot(cloud):
    give(cloud, 200, kinds=("cloud",))
    give(cloud, 500, "other", kinds=("course",))
    hold(cloud, 300)
    assert (cloud.balance("EUR:escrow/ann/gift"), cloud.escrow("ann")) == (200, 100)
    assert cloud.faults() == []

    take(cloud, 50, final=False)
    more(cloud, 50)
    assert (cloud.balance("EUR:escrow/ann/gift"), cloud.escrow("ann")) == (150, 150)
    free(cloud)

    assert cloud.balance("EUR:bonus/ann/gift") == 150
    assert cloud.balance("EUR:bonus/ann/other") == 500
    assert cloud.wallet("ann") == 1_000
    assert cloud.faults() == []


def test_a_lot_that_expires_while_it_is_held_pays_and_its_rest_lapses(cloud):
    give(cloud, 200, expires_ms=cloud.clock.now().wall_ms + DAY_MS)
    hold(cloud, 300)
    cloud.clock.advance(2 * DAY_MS)
    cloud.run(lambda tx: lots.expire(tx, tx.now_ms, 10))
    assert cloud.balance("EUR:escrow/ann/gift") == 200

    take(cloud, 50)

    assert cloud.balance("EUR:breakage/") == 150
    assert cloud.balance("EUR:escrow/ann/gift") == cloud.balance("EUR:bonus/ann/gift") == 0
    assert cloud.wallet("ann") == 1_000
    assert cloud.rows("SELECT state FROM lots") == [("closed",)]
    assert cloud.faults() == []


def test_a_hold_that_goes_back_settles_an_overrun_first(cloud):
    hold(cloud, 900)
    controller = cloud.add_controller("pi-1", "washer")
    controller.boot()
    controller.start("ses_1", "ann", "washer")
    controller.wall_ms += HOUR_MS
    controller.end("ses_1", "ann", "washer", (0, 400), minutes=40)
    cloud.journal(controller)
    assert (cloud.wallet("ann"), cloud.overrun("ann")) == (0, 300)

    free(cloud)

    assert (cloud.wallet("ann"), cloud.overrun("ann")) == (600, 0)
    assert cloud.faults() == []


def test_a_step_again_is_answered_as_before_and_moves_nothing(cloud):
    asked = {
        "hold": lambda: hold(cloud, 300),
        "more": lambda: more(cloud, 100),
        "part": lambda: take(cloud, 50, final=False),
        "last": lambda: take(cloud, 70, "take_2"),
        "buy": lambda: buy(cloud, 30),
    }
    answers = {name: act() for name, act in asked.items()}
    books = cloud.books()

    assert {name: act() for name, act in asked.items()} == answers
    assert cloud.books() == books
    assert cloud.faults() == []


@pytest.mark.parametrize(
    "other",
    [
        lambda desk: hold(desk, 301),
        lambda desk: hold(desk, 300, account="", card_ref=card_of("ann")),
        lambda desk: buy(desk, 300, "use_1"),
        lambda desk: take(desk, 300, "use_1"),
        lambda desk: free(desk, "use_1"),
    ],
)
def test_an_id_for_something_else_is_a_conflict(sqlite_cloud, other):
    hold(sqlite_cloud, 300)
    books = sqlite_cloud.books()

    with pytest.raises(ConflictError) as conflict:
        other(sqlite_cloud)

    assert conflict.value.code is Code.ID_CONFLICT
    assert sqlite_cloud.books() == books


def test_after_the_end_nothing_more_happens(cloud):
    hold(cloud, 300)
    take(cloud, 100, final=False)
    assert free(cloud).state is UsageState.CAPTURED
    books = cloud.books()

    for late in (
        lambda: take(cloud, 10, "late"),
        lambda: more(cloud, 10, "late"),
        lambda: free(cloud, "late"),
    ):
        with pytest.raises(ConflictError) as conflict:
            late()
        assert conflict.value.code is Code.HOLD_CLOSED
    assert cloud.books() == books

"""Fees, tiers and plans: sums are exact, nothing is negative, more never brings less."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, strategies as st

from hub.errors import InputError, RefusedError
from hub.ledger.apply import Balance, State, apply
from hub.ledger.items import Booked, Item
from hub.payments.offers import Offer, Tier, best_offer, bonus_of, check_tiers
from hub.payments.planning import Pots, check_balance, fee_of, legs_of, plan_top_up
from hub.payments.rules import CASH, FEE_PPM_MAX, Fee, TopUpRules, check_top_up_rules
from wire.errors import Code

AMOUNTS = st.integers(10, 100_000)
FEES = st.builds(Fee, fixed_minor=st.integers(0, 500), ppm=st.integers(0, FEE_PPM_MAX))
TIERS = st.builds(
    lambda start, fixed, ppm, share: Tier(
        from_minor=start, bonus_minor=0 if share else fixed, bonus_ppm=ppm if share else 0
    ),
    st.integers(1, 100_000),
    st.integers(1, 50_000),
    st.integers(1, 1_000_000),
    st.booleans(),
)


@st.composite
def good_tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Tiers that `check_tiers` takes; most lists of random ones it doesn't."""
    drawn = draw(st.lists(TIERS, min_size=1, max_size=6))
    tiers: tuple[Tier, ...] = ()
    for tier in sorted(drawn, key=lambda one: one.from_minor):
        try:
            check_tiers((*tiers, tier))
        except InputError:
            continue
        tiers = (*tiers, tier)
    assume(tiers)
    return tiers


OFFERS = st.lists(
    st.builds(
        Offer,
        campaign=st.sampled_from(["a", "b", "c", "d"]),
        tiers=good_tiers(),
        expires_ms=st.none() | st.integers(1, 10**12),
        left_minor=st.none() | st.integers(0, 10_000),
    ),
    max_size=4,
)
POTS = st.builds(
    Pots,
    wallet_minor=st.integers(-5_000, 50_000),
    given_minor=st.integers(0, 20_000),
    held_minor=st.integers(0, 20_000),
    overrun_minor=st.integers(0, 20_000),
)
RULES = st.builds(
    TopUpRules,
    balance_minor_max=st.none() | st.integers(1, 150_000),
    fees=st.dictionaries(st.sampled_from([CASH, "", "card"]), FEES, max_size=3),
)


@given(tiers=good_tiers(), amount=st.integers(1, 200_000), more=st.integers(0, 50_000))
def test_a_larger_amount_never_brings_a_smaller_bonus(
    tiers: tuple[Tier, ...], amount: int, more: int
) -> None:
    assert 0 <= bonus_of(tiers, amount) <= bonus_of(tiers, amount + more)


@given(offers=OFFERS, amount=AMOUNTS, more=st.integers(0, 50_000))
def test_the_best_single_offer_counts_and_no_sum_of_several(
    offers: list[Offer], amount: int, more: int
) -> None:
    offer, bonus = best_offer(offers, amount)

    each = [one.bonus_of(amount) for one in offers]
    assert bonus == max(each, default=0)
    assert (offer is None) == (bonus == 0)
    assert best_offer(reversed(offers), amount)[1] == bonus
    assert best_offer(offers, amount + more)[1] >= bonus
    for one in offers:
        assert one.left_minor is None or one.bonus_of(amount) <= one.left_minor


def test_equal_offers_are_chosen_alike_in_any_order() -> None:
    tiers = (Tier(from_minor=1, bonus_minor=5),)
    anywhere = Offer(campaign="b", tiers=tiers, expires_ms=1)
    washers = Offer(campaign="a", tiers=tiers, kinds=("washer",))
    later = Offer(campaign="c", tiers=tiers, expires_ms=2)

    for offers in ([anywhere, washers, later], [later, washers, anywhere]):
        assert best_offer(offers, 10)[0] == later


@given(fee=FEES, amount=AMOUNTS, more=st.integers(0, 1_000))
def test_who_pays_more_is_credited_no_less(fee: Fee, amount: int, more: int) -> None:
    assert 0 <= fee_of(fee, amount) <= fee_of(fee, amount + more)
    assert amount - fee_of(fee, amount) <= amount + more - fee_of(fee, amount + more)


@pytest.mark.parametrize(
    ("amount", "ppm", "fee"),
    [(100, 15_000, 2), (1_000, 500, 1), (999, 500, 0), (2_000, 29_000, 58)],
)
def test_a_share_is_rounded_half_up(amount: int, ppm: int, fee: int) -> None:
    assert fee_of(Fee(ppm=ppm), amount) == fee


@given(amount=AMOUNTS, rules=RULES, pots=POTS, offers=OFFERS)
@example(amount=10, rules=TopUpRules(fees={CASH: Fee(fixed_minor=10)}), pots=Pots(), offers=[])
def test_a_plan_is_booked_to_the_cent_and_gives_the_balance_that_it_said(
    amount: int, rules: TopUpRules, pots: Pots, offers: list[Offer]
) -> None:
    try:
        plan = plan_top_up(amount, rules, CASH, pots, offers)
    except (InputError, RefusedError):
        return
    wallet, overrun, fees, cash = "EUR:wallet/a", "EUR:overrun/a", "EUR:fees/", "EUR:cash/t"
    state = State(
        {wallet: Balance(pots.wallet_minor, -5_000), overrun: Balance(-pots.overrun_minor, most=0)}
    )
    item = Item(id="t", unit="EUR", kind="top_up", legs=legs_of(plan, cash, "a", "EUR"))

    assert isinstance(apply(state, item), Booked)

    now = {code: one.minor for code, one in state.balances.items()}
    assert plan.fee_minor + plan.settled_minor + plan.wallet_minor == amount
    assert min(plan.fee_minor, plan.settled_minor, plan.wallet_minor, plan.bonus_minor) >= 0
    assert now[cash] == -amount
    assert now.get(fees, 0) == plan.fee_minor
    assert now[overrun] == plan.settled_minor - pots.overrun_minor
    assert now[overrun] == 0 or plan.wallet_minor == 0
    after = now[wallet] + pots.given_minor + pots.held_minor + plan.bonus_minor
    assert after == plan.after_minor
    assert rules.balance_minor_max is None or after <= rules.balance_minor_max


def refusal(amount: int, rules: TopUpRules, pots: Pots, offers: list[Offer]) -> RefusedError | None:
    try:
        plan_top_up(amount, rules, CASH, pots, offers)
    except RefusedError as error:
        return error
    except InputError:
        pass
    return None


@given(amount=AMOUNTS, most=st.integers(1, 150_000), fee=FEES, pots=POTS, offers=OFFERS)
def test_the_largest_amount_that_is_named_is_the_largest(
    amount: int, most: int, fee: Fee, pots: Pots, offers: list[Offer]
) -> None:
    rules = TopUpRules(balance_minor_max=most, fees={CASH: fee})
    refused = refusal(amount, rules, pots, offers)
    if refused is None:
        return
    possible = 0
    if "nothing can be paid in" not in str(refused):
        possible = int(str(refused).partition("at most ")[2].partition(" ")[0])
        plan_top_up(possible, rules, CASH, pots, offers)
    assert refused.code is Code.BALANCE_TOO_HIGH
    assert possible < amount
    with pytest.raises((RefusedError, InputError)):
        plan_top_up(max(possible + 1, rules.least_minor), rules, CASH, pots, offers)


def test_a_fee_that_takes_all_is_refused() -> None:
    rules = TopUpRules(fees={CASH: Fee(fixed_minor=50)})

    with pytest.raises(InputError, match="pay in more"):
        plan_top_up(50, rules, CASH, Pots())
    assert plan_top_up(51, rules, CASH, Pots()).wallet_minor == 1


def test_each_source_has_its_own_fee_and_others_the_common_one() -> None:
    rules = TopUpRules(fees={CASH: Fee(), "": Fee(fixed_minor=30), "stripe": Fee(ppm=10_000)})

    fees = [plan_top_up(1_000, rules, source, Pots()).fee_minor for source in (CASH, "stripe", "x")]

    assert fees == [0, 10, 30]


def test_an_amount_that_nobody_chooses_is_held_against_the_most_balance_too() -> None:
    rules = TopUpRules(balance_minor_max=1_000)

    check_balance(rules, Pots(wallet_minor=500, overrun_minor=100), 600)
    with pytest.raises(RefusedError, match="spend first"):
        check_balance(rules, Pots(wallet_minor=500, overrun_minor=100), 601)


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (Tier(from_minor=0, bonus_minor=1),),
        (Tier(from_minor=10),),
        (Tier(from_minor=10, bonus_minor=1, bonus_ppm=1),),
        (Tier(from_minor=10, bonus_minor=-1),),
        (Tier(from_minor=10, bonus_ppm=1_000_001),),
        (Tier(from_minor=10, bonus_minor=1), Tier(from_minor=10, bonus_minor=2)),
        (Tier(from_minor=20, bonus_minor=2), Tier(from_minor=10, bonus_minor=1)),
        (Tier(from_minor=10, bonus_minor=5), Tier(from_minor=20, bonus_minor=4)),
        (Tier(from_minor=10, bonus_ppm=500_000), Tier(from_minor=20, bonus_minor=9)),
        tuple(Tier(from_minor=start, bonus_minor=start) for start in range(1, 19)),
    ],
)
def test_tiers_that_would_surprise_are_refused(tiers: tuple[Tier, ...]) -> None:
    with pytest.raises(InputError):
        check_tiers(tiers)


@pytest.mark.parametrize(
    "rules",
    [
        TopUpRules(least_minor=0),
        TopUpRules(least_minor=100, most_minor=99),
        TopUpRules(most_minor=10**16),
        TopUpRules(balance_minor_max=0),
        TopUpRules(fees={"Bad Name": Fee()}),
        TopUpRules(fees={CASH: Fee(fixed_minor=-1)}),
        TopUpRules(fees={CASH: Fee(ppm=FEE_PPM_MAX + 1)}),
        TopUpRules(fees={f"p{number}": Fee() for number in range(33)}),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(rules: TopUpRules) -> None:
    with pytest.raises(InputError):
        check_top_up_rules(rules)

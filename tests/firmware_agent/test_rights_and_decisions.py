"""The allowance's arithmetic and decisions, one rule at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from firmware_agent.core.allowance import (
    Balance,
    Rights,
    Unbacked,
    Verdict,
    decide,
    decide_answered,
    excess,
    floor_available,
    local_balance,
    merge,
    release,
    spend,
)
from wire.downlink import Right
from wire.errors import Code
from wire.machines import HubDown

AMOUNT = st.integers(0, 10**6)


@given(granted=AMOUNT, charges=st.lists(AMOUNT, max_size=20))
def test_spending_takes_backed_first_and_never_more(granted, charges):
    rights = Rights("a", granted_minor=granted)
    for seq, charge in enumerate(charges, 1):
        rights, backed, unbacked = spend(rights, charge, seq)
        assert backed + unbacked == charge
        assert unbacked == 0 or rights.backed_minor == 0

    assert rights.spent_minor + rights.unbacked_minor == sum(charges)
    assert rights.spent_minor == min(granted, sum(charges))
    assert rights.backed_minor >= 0


@given(st.permutations(range(1, 6)), st.lists(st.integers(0, 4), max_size=5))
def test_rights_come_to_the_same_in_any_order_and_however_often(order, repeated):
    messages = {
        n: Right(account="a", granted_minor=n * 10, floor_minor=100 - n, as_of_seq=n)
        for n in range(1, 6)
    }
    rights, revision = Rights("a"), 0
    for number in [*order, *(r + 1 for r in repeated)]:
        rights = merge(rights, messages[number], newer=number > revision)
        revision = max(revision, number)

    assert (rights.granted_minor, rights.floor_minor, rights.as_of_seq) == (50, 95, 5)


def test_unbacked_spending_counts_until_the_floor_says_so():
    rights = Rights("a", floor_minor=100, recent=(Unbacked(3, 30), Unbacked(7, 20)))
    assert floor_available(rights, 500) == 50
    later = merge(rights, Right(account="a", floor_minor=100, as_of_seq=3), newer=True)

    assert floor_available(later, 500) == 80
    assert floor_available(later, 60) == 40


def test_without_a_right_the_cards_floor_counts_from_the_beginning():
    rights = Rights("a", recent=(Unbacked(1, 200),))

    assert floor_available(rights, 500) == 300


def test_a_hub_that_forgot_bookings_gives_no_floor():
    rights = merge(Rights("a"), Right(account="a", floor_minor=100, as_of_seq=9), newer=True)
    back = merge(rights, Right(account="a", floor_minor=100, as_of_seq=2), newer=True)

    assert floor_available(back, 500) == 0
    assert back.as_of_seq == 9


@given(granted=AMOUNT, target=st.none() | AMOUNT)
def test_release_goes_down_to_the_target(granted, target):
    rights = Rights("a", granted_minor=granted, target_minor=target)
    after = release(rights, excess(rights))

    assert after.backed_minor == (granted if target is None else min(granted, target))
    assert excess(after) == 0


@given(backed=AMOUNT, floor=AMOUNT, open_minor=AMOUNT)
def test_open_sessions_take_backed_first(backed, floor, open_minor):
    balance = local_balance(Rights("a", granted_minor=backed), floor, open_minor)

    assert balance.left_minor == backed + floor - open_minor
    assert balance.backed_minor == max(0, backed - open_minor)


@pytest.mark.parametrize(
    ("backed", "floor", "policy", "online", "verdict", "wants"),
    [
        (100, 0, HubDown.BACKED_ONLY, True, Verdict.START, False),
        (100, 0, HubDown.DENY, True, Verdict.ASK, True),
        (100, 0, HubDown.DENY, False, Verdict.REFUSE, False),
        (0, 100, HubDown.BACKED_THEN_FLOOR, True, Verdict.START, True),
        (0, 100, HubDown.BACKED_THEN_FLOOR, False, Verdict.START, True),
        (0, 100, HubDown.BACKED_ONLY, True, Verdict.ASK, True),
        (0, 100, HubDown.BACKED_ONLY, False, Verdict.REFUSE, False),
        (60, 60, HubDown.BACKED_THEN_FLOOR, True, Verdict.START, True),
        (10, 10, HubDown.BACKED_THEN_FLOOR, True, Verdict.ASK, True),
        (10, 10, HubDown.BACKED_THEN_FLOOR, False, Verdict.REFUSE, False),
    ],
)
def test_a_tap_is_decided_by_balance_policy_and_network(
    backed, floor, policy, online, verdict, wants
):
    decision = decide(Balance(backed, floor), 100, 500, policy, online=online)

    assert decision.verdict is verdict
    assert bool(decision.want_minor) is wants
    assert (decision.code is not None) is (verdict is Verdict.REFUSE)


def test_a_free_use_needs_nobody():
    assert decide(Balance(0, 0), 0, 500, HubDown.DENY, online=False).verdict is Verdict.START


@pytest.mark.parametrize(
    ("balance", "code", "verdict", "why"),
    [
        (Balance(100, 0), 0, Verdict.START, None),
        (Balance(60, 60), 201, Verdict.START, None),
        (Balance(10, 0), 201, Verdict.REFUSE, Code.BALANCE_TOO_LOW),
        (Balance(10, 0), 203, Verdict.REFUSE, Code.LIMIT_EXCEEDED),
        (Balance(100, 0), 102, Verdict.REFUSE, Code.CARD_BLOCKED),
        (Balance(100, 0), 9999, Verdict.REFUSE, Code.BALANCE_TOO_LOW),
    ],
)
def test_the_hubs_answer_decides_what_was_asked(balance, code, verdict, why):
    decision = decide_answered(balance, 100, HubDown.BACKED_THEN_FLOOR, code)

    assert (decision.verdict, decision.code) == (verdict, why)

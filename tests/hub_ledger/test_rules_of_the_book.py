"""The pure rules: what is booked, refused, repeated; limits; units; conservation."""

from __future__ import annotations

import pytest
from book_model import Model
from book_strategies import items
from hypothesis import given, settings, strategies as st

from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.apply import BALANCE_MINOR_MAX, LEGS_MAX, Balance, State, apply
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Fill,
    Item,
    Move,
    Refused,
    Spill,
    Transfer,
    digest_of,
)
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
ESCROW = chart.escrow("ann", "EUR")
OVERRUN = chart.overrun("ann", "EUR")
REVENUE = chart.revenue("washer", "EUR")
TAX = chart.tax(190_000, "EUR")
WORDS = {Booked: "booked", Already: "already", Conflict: "conflict", Refused: "refused"}


def item(*legs, id_="one", unit="EUR"):
    return Item(id=id_, unit=unit, kind="test", legs=legs)


def minor_of(state: State) -> dict[str, int]:
    return {code: balance.minor for code, balance in state.balances.items() if balance.minor}


@given(st.lists(items, max_size=30))
def test_outcomes_and_balances_are_those_of_the_model(asked):
    state, model = State(), Model()

    for one in asked:
        outcome = apply(state, one)
        assert WORDS[type(outcome)] == model.post(one)
        if isinstance(outcome, Booked):
            moved = [(t.debit, t.credit, t.amount_minor) for t in outcome.transfers]
            assert moved == model.moves[one.id]
        assert minor_of(state) == {code: minor for code, minor in model.balances.items() if minor}
        assert sum(minor_of(state).values()) == 0


@settings(max_examples=50)
@given(st.lists(items, max_size=15))
def test_what_was_booked_is_already_booked_and_moves_nothing(asked):
    state = State()
    booked = [one for one in asked if isinstance(apply(state, one), Booked)]
    before = minor_of(state)

    assert [apply(state, one) for one in booked] == [Already()] * len(booked)
    assert minor_of(state) == before


def test_an_id_with_other_content_is_a_conflict():
    state = State()
    apply(state, item(Move(BANK, WALLET, 100)))

    assert apply(state, item(Move(BANK, WALLET, 101))) == Conflict()
    assert minor_of(state) == {BANK: -100, WALLET: 100}


def test_a_fact_is_booked_beyond_every_right():
    state = State()
    apply(state, item(Move(BANK, WALLET, 100), Move(WALLET, ESCROW, 60)))

    fact = item(Spill((ESCROW, WALLET, OVERRUN), ((REVENUE, 126), (TAX, 24))), id_="two")

    assert apply(state, fact) == Booked(
        (
            Transfer(ESCROW, REVENUE, 60),
            Transfer(WALLET, REVENUE, 40),
            Transfer(OVERRUN, REVENUE, 26),
            Transfer(OVERRUN, TAX, 24),
        )
    )


def test_a_top_up_settles_an_overrun_first():
    state = State({OVERRUN: Balance(-30, most=0)})

    assert apply(state, item(Fill(BANK, (OVERRUN, WALLET), 100))) == Booked(
        (Transfer(BANK, OVERRUN, 30), Transfer(BANK, WALLET, 70))
    )


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ((Move(WALLET, REVENUE, 1),), Code.BALANCE_TOO_LOW),
        ((Move(chart.deposit("ann", "EUR"), BANK, 1),), Code.DEPOSIT_TOO_LOW),
        ((Move(ESCROW, WALLET, 1),), Code.LIMIT_EXCEEDED),
        ((Move(BANK, OVERRUN, 1),), Code.BALANCE_TOO_HIGH),
        ((Move(BANK, WALLET, 0),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, -5),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, 2.5),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, True),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, "5"),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, AMOUNT_MINOR_MAX + 1),), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, 10**30),), Code.AMOUNT_INVALID),
        ((Fill(BANK, (WALLET,), 0),), Code.AMOUNT_INVALID),
        ((Fill(BANK, (), 5),), Code.AMOUNT_INVALID),
        ((Spill((), ((REVENUE, 5),)),), Code.AMOUNT_INVALID),
        ((Spill((OVERRUN,), ()),), Code.AMOUNT_INVALID),
        ((Spill((OVERRUN,), ((REVENUE, 0),)),), Code.AMOUNT_INVALID),
        ((Move(BANK, BANK, 5),), Code.AMOUNT_INVALID),
        ((), Code.AMOUNT_INVALID),
        ((Move(BANK, WALLET, 1),) * (LEGS_MAX + 1), Code.AMOUNT_INVALID),
        ((Move(BANK, chart.wallet("ann", "USD"), 5),), Code.UNIT_MISMATCH),
        ((Move(BANK, "EUR:purse/ann", 5),), Code.ACCOUNT_UNKNOWN),
        ((Move(BANK, "EUR:wallet", 5),), Code.ACCOUNT_UNKNOWN),
        ((Move(BANK, "EUR:", 5),), Code.ACCOUNT_UNKNOWN),
    ],
)
def test_what_cannot_be_is_refused_with_its_number(legs, code):
    state = State()

    outcome = apply(state, item(*legs))

    assert isinstance(outcome, Refused)
    assert outcome.code is code
    assert outcome.detail
    assert minor_of(state) == {}
    assert state.known == {}


def test_an_item_is_refused_whole():
    state = State()

    refused = apply(state, item(Move(BANK, WALLET, 100), Move(WALLET, ESCROW, 101)))

    assert isinstance(refused, Refused)
    assert refused.account == WALLET
    assert minor_of(state) == {}


def test_a_refused_item_is_not_taken_for_booked_when_it_is_asked_again():
    state = State()
    sale = item(Move(WALLET, REVENUE, 50), id_="sale")
    assert isinstance(apply(state, sale), Refused)
    assert isinstance(apply(state, sale), Refused)

    apply(state, item(Move(BANK, WALLET, 50), id_="pay"))

    assert isinstance(apply(state, sale), Booked)


@pytest.mark.parametrize("id_", ["", "x" * 301])
def test_an_id_has_bounds(id_):
    outcome = apply(State(), item(Move(BANK, WALLET, 1), id_=id_))

    assert isinstance(outcome, Refused)
    assert outcome.code is Code.BODY_MALFORMED


def test_text_that_cannot_be_stored_is_the_callers_fault():
    with pytest.raises(InputError):
        apply(State(), item(Move(BANK, WALLET, 1), id_="\ud800"))


def test_a_credit_limit_lets_a_wallet_go_below_zero_and_no_further():
    state = State({WALLET: Balance(0, least=-50)})

    assert isinstance(apply(state, item(Move(WALLET, REVENUE, 50))), Booked)
    assert isinstance(apply(state, item(Move(WALLET, REVENUE, 1), id_="two")), Refused)


def test_no_balance_leaves_what_a_database_can_hold():
    state = State({BANK: Balance(-BALANCE_MINOR_MAX + 5)})

    assert isinstance(apply(state, item(Move(BANK, WALLET, 5))), Booked)
    assert isinstance(apply(state, item(Move(BANK, WALLET, 1), id_="two")), Refused)


def test_a_digest_stays_what_it_was():
    """Ids of earlier books must stay known: a changed digest would make them conflicts."""
    one = Item(
        id="ses_1",
        unit="EUR",
        kind="session",
        legs=(Spill((ESCROW, OVERRUN), ((REVENUE, 5),)), Move(BANK, WALLET, 7)),
        ref="ses_1",
    )

    assert digest_of(one) == "770ee05df1c81ab2b6c1fbc5bc1bd459"

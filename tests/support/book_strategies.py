"""Items of every form, few accounts and small sums, so that limits and ids meet."""

from __future__ import annotations

from hypothesis import strategies as st

from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item, Move, Spill

UNIT = "EUR"
PEOPLE = ("ann", "bob")
CODES = (
    *(
        kind(person, UNIT)
        for kind in (
            chart.wallet,
            chart.bonus,
            chart.escrow,
            chart.deposit,
            chart.overrun,
            chart.receivable,
        )
        for person in PEOPLE
    ),
    chart.revenue("washer", UNIT),
    chart.tax(190_000, UNIT),
    chart.clearing("bank", UNIT),
    chart.house("promo", UNIT),
)
amounts = st.integers(1, 60)


def _distinct(most: int):
    return st.lists(st.sampled_from(CODES), min_size=2, max_size=most, unique=True)


def _spill(codes: list[str], takers: int, given: list[int]) -> Spill:
    takers = min(takers, len(codes) - 1)
    return Spill(tuple(codes[takers:]), tuple(zip(codes[:takers], given, strict=False)))


moves = st.builds(lambda codes, minor: Move(codes[0], codes[1], minor), _distinct(2), amounts)
fills = st.builds(
    lambda codes, minor: Fill(codes[0], tuple(codes[1:]), minor), _distinct(4), amounts
)
spills = st.builds(
    _spill, _distinct(5), st.integers(1, 2), st.lists(amounts, min_size=2, max_size=2)
)
legs = st.lists(st.one_of(moves, fills, spills), min_size=1, max_size=3).map(tuple)
ids = st.sampled_from([f"item-{n}" for n in range(40)])
items = st.builds(
    lambda id_, kind, legs_, reason: Item(
        id=id_, unit=UNIT, kind=kind, legs=legs_, ref=id_, reason=reason
    ),
    ids,
    st.sampled_from(["session", "top_up"]),
    legs,
    st.sampled_from(["", "a reason"]),
)

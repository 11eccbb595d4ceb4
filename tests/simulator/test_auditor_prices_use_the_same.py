"""The auditor's arithmetic and the house's are two; they must agree on every price and tax."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings, strategies as st
from tariff_strategies import tariffs, usages

from simulator.trials.audit.rating import price_minor, read_prices, tax_minor
from wire.money import tax_within
from wire.rating import rate


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_the_same_use_has_the_same_price(data):
    tariff = data.draw(tariffs())
    usage = data.draw(usages(tariff))

    prices = read_prices(msgspec.json.encode(tariff).decode())
    stretches = tuple((one.band, one.time_ms, one.quantity) for one in usage)

    assert price_minor(prices, stretches) == rate(tariff, usage)


@given(st.integers(0, 10**12), st.integers(0, 1_000_000))
def test_the_same_amount_has_the_same_tax_in_it(gross_minor, rate_ppm):
    assert tax_minor(gross_minor, rate_ppm) == tax_within(gross_minor, rate_ppm)

"""Shared strategies: tariffs and usages that a real price list could have."""

from __future__ import annotations

from hypothesis import strategies as st

from wire.money import Unit
from wire.tariff import Band, Measure, Tariff, Tier
from wire.usage import BAND_NONE, Segment

UNITS = st.sampled_from([Unit("EUR", 2), Unit("JPY", 0), Unit("KWD", 3), Unit("PTS", 0)])
PRICES = st.integers(0, 5_000_000)


@st.composite
def tiers(draw):
    ends = sorted(set(draw(st.lists(st.integers(1, 10_000_000), max_size=3))))
    return tuple(Tier(draw(PRICES), end) for end in (*ends, None))


@st.composite
def measures(draw, unit, per):
    return Measure(
        unit=unit,
        per=draw(st.sampled_from(per)),
        free=draw(st.sampled_from([0, 0, 1, 60_000, 500])),
        first=draw(st.sampled_from([0, 0, 6, 60_000])),
        next=draw(st.sampled_from([1, 1, 6, 60_000])),
        tiers=draw(tiers()),
    )


@st.composite
def bands(draw):
    own_time, own_quantity = draw(st.booleans()), draw(st.booleans())
    return Band(
        name="band",
        weekdays=tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))),
        from_minute=draw(st.integers(0, 1439)),
        to_minute=draw(st.integers(1, 1440)),
        time_tiers=draw(tiers()) if own_time else None,
        quantity_tiers=draw(tiers()) if own_quantity else None,
    )


@st.composite
def tariffs(draw):
    minimum = draw(st.sampled_from([0, 0, 50, 300]))
    return Tariff(
        id="t",
        version=1,
        name="Tariff",
        unit=draw(UNITS),
        start_fee_micros=draw(st.sampled_from([0, 10_000, 333_333, 2_000_000])),
        minimum_minor=minimum,
        cap_minor=draw(st.sampled_from([None, minimum, minimum + 700])),
        time=draw(st.none() | measures("ms", [1, 1_000, 60_000, 3_600_000])),
        quantity=draw(st.none() | measures("Wh", [1, 7, 1_000])),
        bands=tuple(draw(st.lists(bands(), max_size=3))),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])),
        tax_rate_ppm=draw(st.sampled_from([0, 70_000, 190_000])),
    )


STRETCHES = st.lists(
    st.tuples(st.integers(0, 20_000_000), st.integers(0, 20_000)), min_size=1, max_size=8
)


@st.composite
def usages(draw, tariff):
    count = len(tariff.bands)
    return tuple(
        Segment(
            draw(st.integers(BAND_NONE, count - 1)),
            draw(st.integers(0, 10**8)),
            draw(st.integers(0, 10**6)),
        )
        for _ in range(draw(st.integers(0, 5)))
    )

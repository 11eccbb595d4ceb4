"""What a price must never do, whatever the tariff."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st
from tariff_strategies import STRETCHES, tariffs, usages

from wire.errors import TariffError
from wire.money import EUR, Unit
from wire.rating import least_minor, rate, split_tax, worst_increment_minor
from wire.tariff import Band, Measure, Tariff, Tier
from wire.usage import (
    BAND_NONE,
    NOTHING,
    SEGMENTS_MAX,
    Segment,
    add_segment,
    add_use,
    band_at,
    total_quantity,
    total_time_ms,
)

MONDAY_MS = 1_767_571_200_000  # 2026-01-05 00:00 UTC, a Monday


def per_minute(price_micros: int, **options: object) -> Tariff:
    time = Measure(unit="ms", per=60_000, tiers=(Tier(price_micros),), **options)
    return Tariff(id="t", version=1, name="T", unit=EUR, time=time)


def minutes(amount: int) -> tuple[Segment, ...]:
    return (Segment(BAND_NONE, amount * 60_000, 0),)


@given(st.data(), tariffs(), STRETCHES)
def test_slicing_a_session_never_changes_its_price(data, tariff, stretches):
    whole, sliced, at = NOTHING, NOTHING, MONDAY_MS
    for time_ms, quantity in stretches:
        whole = add_use(tariff, whole, at, time_ms, quantity)
        cuts = sorted(data.draw(st.lists(st.integers(0, time_ms), max_size=4)))
        for start, end in zip([0, *cuts], cuts, strict=False):
            sliced = add_use(tariff, sliced, at + start, end - start, 0)
        last = cuts[-1] if cuts else 0
        sliced = add_use(tariff, sliced, at + last, time_ms - last, quantity)
        at += time_ms

    assert sliced == whole
    assert rate(tariff, sliced) == rate(tariff, whole)


@given(st.data(), tariffs())
def test_a_sum_of_increments_is_the_total(data, tariff):
    usage, charged, at = NOTHING, 0, MONDAY_MS
    for time_ms, quantity in data.draw(STRETCHES):
        before = rate(tariff, usage)
        usage = add_use(tariff, usage, at, time_ms, quantity)
        charged += rate(tariff, usage) - before
        at += time_ms
    assert charged == rate(tariff, usage) - least_minor(tariff)


@given(st.data(), tariffs())
def test_more_use_never_costs_less(data, tariff):
    usage, at = NOTHING, MONDAY_MS
    price = rate(tariff, usage)
    for time_ms, quantity in data.draw(STRETCHES):
        usage = add_use(tariff, usage, at, time_ms, quantity)
        at += time_ms
        assert rate(tariff, usage) >= price
        price = rate(tariff, usage)


@given(st.data(), tariffs())
def test_a_price_stays_between_minimum_and_cap(data, tariff):
    price = rate(tariff, data.draw(usages(tariff)))

    assert price >= tariff.minimum_minor
    assert tariff.cap_minor is None or price <= tariff.cap_minor


@given(st.data(), tariffs(), st.integers(0, 10**7), st.integers(0, 10**5))
def test_a_right_sized_at_the_worst_increment_covers_the_stretch(data, tariff, time_ms, quantity):
    usage = data.draw(usages(tariff))
    at = data.draw(st.integers(MONDAY_MS, MONDAY_MS + 7 * 86_400_000))
    band = band_at(tariff, at)
    after = (*usage, Segment(band, time_ms, quantity))

    right = worst_increment_minor(tariff, usage, time_ms, quantity)

    assert rate(tariff, after) - rate(tariff, usage) <= right


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_tax_and_net_make_the_gross(gross, rate_ppm):
    tariff = Tariff(id="t", version=1, name="T", unit=EUR, tax_rate_ppm=rate_ppm)

    charge = split_tax(tariff, gross)

    assert charge.net_minor + charge.tax_minor == gross
    assert 0 <= charge.tax_minor <= gross
    exact = Fraction(gross * rate_ppm, 10**6 + rate_ppm)
    assert abs(charge.tax_minor - exact) <= Fraction(1, 2)


@given(tariffs(), st.integers(0, 10**8), st.integers(0, 10**6))
def test_one_band_without_increments_costs_its_exact_fraction(tariff, time_ms, quantity):
    plain = Tariff(
        id="t",
        version=1,
        name="T",
        unit=tariff.unit,
        time=Measure(unit="ms", per=3_600_000, tiers=(Tier(1_234_567),)),
        quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(345_678),)),
    )
    exact = Fraction(time_ms * 1_234_567, 3_600_000) + Fraction(quantity * 345_678, 1_000)

    price = rate(plain, (Segment(BAND_NONE, time_ms, quantity),))

    assert abs(price - exact / plain.unit.micros_per_minor) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, 0), (1, 10), (59, 10), (60, 10), (61, 20), (120, 20), (121, 30)],
)
def test_increments_60_60_bill_begun_minutes(seconds, expected):
    tariff = per_minute(100_000, first=60_000, next=60_000)

    assert rate(tariff, (Segment(BAND_NONE, seconds * 1_000, 0),)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1, 30), (30, 30), (31, 36), (36, 36), (37, 42)])
def test_increments_30_6_bill_half_a_minute_then_tenths(seconds, expected):
    tariff = per_minute(600_000, first=30_000, next=6_000)

    assert rate(tariff, (Segment(BAND_NONE, seconds * 1_000, 0),)) == expected


def test_free_minutes_come_first_and_increments_after_them():
    tariff = per_minute(100_000, free=5 * 60_000, first=60_000, next=60_000)

    assert rate(tariff, minutes(5)) == 0
    assert rate(tariff, (Segment(BAND_NONE, 5 * 60_000 + 1, 0),)) == 10


def test_tiers_are_cumulative():
    tariff = Tariff(
        id="t",
        version=1,
        name="T",
        unit=EUR,
        quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(300_000, 1_000), Tier(200_000))),
    )

    assert rate(tariff, (Segment(BAND_NONE, 0, 2_500),)) == 60


def test_a_begun_increment_costs_what_its_first_moment_costs():
    night = Band(name="night", from_minute=22 * 60, to_minute=6 * 60, time_tiers=(Tier(50_000),))
    tariff = Tariff(
        id="t",
        version=1,
        name="T",
        unit=EUR,
        time=Measure(unit="ms", per=60_000, first=60_000, next=60_000, tiers=(Tier(100_000),)),
        bands=(night,),
    )
    at = MONDAY_MS + (22 * 60 * 60 - 30) * 1_000

    usage = add_use(tariff, NOTHING, at, 90_000, 0)

    assert usage == (Segment(BAND_NONE, 30_000, 0), Segment(0, 60_000, 0))
    assert rate(tariff, usage) == 15


def test_bands_follow_their_time_zone_through_the_change_to_summer_time():
    morning = Band(name="morning", from_minute=2 * 60, to_minute=4 * 60, time_tiers=(Tier(1),))
    tariff = Tariff(
        id="t",
        version=1,
        name="T",
        unit=EUR,
        time=Measure(unit="ms", per=1, tiers=(Tier(2),)),
        bands=(morning,),
        timezone="Europe/Berlin",
    )
    night_of_change = 1_774_742_400_000  # 2026-03-29 00:00 UTC; 02:00 local is skipped

    usage = add_use(tariff, NOTHING, night_of_change, 3 * 3_600_000, 0)

    assert usage == (
        Segment(BAND_NONE, 3_600_000, 0),
        Segment(0, 3_600_000, 0),
        Segment(BAND_NONE, 3_600_000, 0),
    )


def test_a_band_over_midnight_belongs_to_the_day_it_begins():
    late = Band(name="late", weekdays=(0,), from_minute=22 * 60, to_minute=2 * 60)
    tariff = Tariff(id="t", version=1, name="T", unit=EUR, bands=(late,))
    hour = 3_600_000

    assert band_at(tariff, MONDAY_MS + 23 * hour) == 0
    assert band_at(tariff, MONDAY_MS + 25 * hour) == 0
    assert band_at(tariff, MONDAY_MS + 26 * hour) == BAND_NONE
    assert band_at(tariff, MONDAY_MS + hour) == BAND_NONE
    assert band_at(tariff, MONDAY_MS + 47 * hour) == BAND_NONE


def test_a_full_list_of_segments_goes_on_in_its_last_one():
    usage = NOTHING
    for index in range(2 * SEGMENTS_MAX):
        usage = add_segment(usage, Segment(index % 2, 10, 1))

    assert len(usage) == SEGMENTS_MAX
    assert total_time_ms(usage) == 20 * SEGMENTS_MAX
    assert total_quantity(usage) == 2 * SEGMENTS_MAX


@pytest.mark.parametrize(
    "build",
    [
        lambda: Measure(unit="ms", per=0, tiers=(Tier(1),)),
        lambda: Measure(unit="ms", per=1, tiers=()),
        lambda: Measure(unit="ms", per=1, tiers=(Tier(1, 5),)),
        lambda: Measure(unit="ms", per=1, tiers=(Tier(1, 5), Tier(1, 5), Tier(1))),
        lambda: Measure(unit="ms", per=1, tiers=(Tier(-1),)),
        lambda: Band(name="b", weekdays=(7,)),
        lambda: Band(name="b", from_minute=1440),
        lambda: Tariff(id="Not a name", version=1, name="T", unit=EUR),
        lambda: Tariff(id="t", version=1, name="T", unit=EUR, minimum_minor=5, cap_minor=4),
        lambda: band_at(
            Tariff(
                id="t", version=1, name="T", unit=EUR, bands=(Band(name="b"),), timezone="No/Where"
            ),
            MONDAY_MS,
        ),
        lambda: Unit("eur"),
    ],
)
def test_a_tariff_that_cannot_price_is_refused_in_words(build):
    with pytest.raises((TariffError, ValueError), match=r"\w+ \w+"):
        build()

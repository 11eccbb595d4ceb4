"""The price of use, worked out once more: from a tariff's words, not by the hub's code.

Free units come first, then whole increments, each at the price of the band in which it
begins and of the tiers that it crosses. Fee and measures are summed exactly, here as
fractions, and rounded once, half up; then come the least and the most.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

Stretch = tuple[int, int, int]
"""Band, ms, units."""
_TIME, _UNITS = 1, 2


class _Unit(msgspec.Struct, frozen=True):
    code: str
    exponent: int = 2


class _Tier(msgspec.Struct, frozen=True):
    price_micros: int
    up_to: int | None = None


class _Measure(msgspec.Struct, frozen=True):
    per: int
    tiers: tuple[_Tier, ...]
    free: int = 0
    first: int = 0
    next: int = 1


class _Band(msgspec.Struct, frozen=True):
    time_tiers: tuple[_Tier, ...] | None = None
    quantity_tiers: tuple[_Tier, ...] | None = None


class Prices(msgspec.Struct, frozen=True):
    """What of a tariff decides a price."""

    unit: _Unit
    start_fee_micros: int = 0
    minimum_minor: int = 0
    cap_minor: int | None = None
    time: _Measure | None = None
    quantity: _Measure | None = None
    bands: tuple[_Band, ...] = ()
    tax_rate_ppm: int = 0


def read_prices(definition: str) -> Prices:
    """Read a tariff as the hub keeps it: JSON."""
    return msgspec.json.decode(definition, type=Prices)


def price_minor(prices: Prices, usage: tuple[Stretch, ...]) -> int:
    """What a session that began and used this costs, minor units with tax."""
    micros = Fraction(prices.start_fee_micros)
    micros += _measure_micros(prices, prices.time, usage, _TIME)
    micros += _measure_micros(prices, prices.quantity, usage, _UNITS)
    micros_per_minor = 10 ** (6 - prices.unit.exponent)
    minor = _half_up(micros / micros_per_minor)
    minor = max(minor, prices.minimum_minor)
    return minor if prices.cap_minor is None else min(minor, prices.cap_minor)


def tax_minor(gross_minor: int, rate_ppm: int) -> int:
    """Tax within a gross amount, half up."""
    return _half_up(Fraction(gross_minor * rate_ppm, 1_000_000 + rate_ppm))


def _half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))  # all amounts here are 0 or more


def _measure_micros(
    prices: Prices, measure: _Measure | None, usage: tuple[Stretch, ...], which: int
) -> Fraction:
    if measure is None:
        return Fraction(0)
    total = Fraction(0)
    used, billed = 0, measure.free
    for stretch in usage:
        used += stretch[which]
        tiers = _tiers(prices, measure, stretch[0], which)
        until = max(billed, _billed_to(measure, used))
        total += _between(tiers, billed, until)
        billed = until
    return total / measure.per


def _billed_to(measure: _Measure, used: int) -> int:
    """Up to where use is billed, free units included."""
    beyond = used - measure.free
    if beyond <= 0:
        return measure.free
    billed = measure.first
    if beyond > billed:
        billed += (beyond - billed + measure.next - 1) // measure.next * measure.next
    return measure.free + billed


def _tiers(prices: Prices, measure: _Measure, band: int, which: int) -> tuple[_Tier, ...]:
    if not 0 <= band < len(prices.bands):
        return measure.tiers
    chosen = prices.bands[band]
    return (chosen.time_tiers if which == _TIME else chosen.quantity_tiers) or measure.tiers


def _between(tiers: tuple[_Tier, ...], start: int, end: int) -> int:
    """Price times use from one point of cumulative use to another."""
    total, at = 0, start
    for tier in tiers:
        until = end if tier.up_to is None else min(end, tier.up_to)
        if until > at:
            total += (until - at) * tier.price_micros
            at = until
    return total

"""The price of usage: one pure function, run by both sides.

`charge_total = rate(tariff, usage)`. What an increment costs is the difference of
two totals, so slicing can't change a sum. Rules, in order:

1. Nothing used and not begun: 0. Begun: the start fee.
2. Each measure walks its segments in order. Free units come first. The rest is
   billed in increments, `first` then `next`; an increment costs what the band and
   the tier in force where it *begins* ask, tiers splitting it at their edges.
3. Fee and measures are summed exactly, as a fraction, and rounded once, half up.
4. `minimum_minor` and `cap_minor` bound the result.
"""

from __future__ import annotations

from dataclasses import dataclass

from wire.money import micros_to_minor, tax_within
from wire.tariff import Measure, Tariff, Tier
from wire.usage import BAND_NONE, Segment, Usage


@dataclass(frozen=True, slots=True)
class Charge:
    """A price and the tax contained in it, minor units."""

    gross_minor: int
    tax_minor: int

    @property
    def net_minor(self) -> int:
        """The price without tax."""
        return self.gross_minor - self.tax_minor


def rate(tariff: Tariff, usage: Usage) -> int:
    """Price a session that has begun and used `usage` so far.

    Returns:
        Minor units with tax, ≥ 0; never less for more usage.
    """
    time_per, time_sum = _price_measure(tariff, tariff.time, usage, is_time=True)
    quantity_per, quantity_sum = _price_measure(tariff, tariff.quantity, usage, is_time=False)
    denominator = time_per * quantity_per
    numerator = (
        tariff.start_fee_micros * denominator + time_sum * quantity_per + quantity_sum * time_per
    )
    minor = micros_to_minor(numerator, denominator, tariff.unit)
    minor = max(minor, tariff.minimum_minor)
    return minor if tariff.cap_minor is None else min(minor, tariff.cap_minor)


def split_tax(tariff: Tariff, gross_minor: int) -> Charge:
    """Split a session's final price into net and tax."""
    return Charge(gross_minor, tax_within(gross_minor, tariff.tax_rate_ppm))


def least_minor(tariff: Tariff) -> int:
    """Price of a session at its first moment: what a card must hold to start."""
    return rate(tariff, ())


def worst_increment_minor(tariff: Tariff, usage: Usage, time_ms: int, quantity: int) -> int:
    """Price at most, at the worst coming band, of that much more use.

    Used to size rights: a right of this much covers the stretch whatever band
    comes. ≥ 0.
    """
    bands = range(BAND_NONE, len(tariff.bands))
    before = rate(tariff, usage)
    return max(rate(tariff, (*usage, Segment(band, time_ms, quantity))) - before for band in bands)


def _price_measure(
    tariff: Tariff, measure: Measure | None, usage: Usage, *, is_time: bool
) -> tuple[int, int]:
    """Price one measure: (per, sum of price_micros times base units)."""
    if measure is None:
        return 1, 0
    stretches = [(s.band, s.time_ms if is_time else s.quantity) for s in usage]
    used = sum(amount for _, amount in stretches)
    if used <= measure.free:
        return measure.per, 0
    if not tariff.bands:
        billed = measure.free + _billed(measure, used - measure.free)
        return measure.per, _tier_sum(measure.tiers, measure.free, billed)
    return measure.per, _walk(tariff, measure, stretches, is_time=is_time)


def _billed(measure: Measure, used: int) -> int:
    """Use rounded up to whole increments; `used` > 0."""
    if used <= measure.first:
        return measure.first
    steps = -(-(used - measure.first) // measure.next)
    return measure.first + steps * measure.next


def _walk(
    tariff: Tariff, measure: Measure, stretches: list[tuple[int, int]], *, is_time: bool
) -> int:
    """Sum prices over bands; increments that began earlier reach into a stretch."""
    total = 0
    end_of_stretch = 0
    billed_to = measure.free
    for band, amount in stretches:
        end_of_stretch += amount
        if end_of_stretch <= billed_to:
            continue
        until = measure.free + _billed(measure, end_of_stretch - measure.free)
        total += _tier_sum(_tiers(tariff, measure, band, is_time=is_time), billed_to, until)
        billed_to = until
    return total


def _tiers(tariff: Tariff, measure: Measure, band: int, *, is_time: bool) -> tuple[Tier, ...]:
    if not 0 <= band < len(tariff.bands):
        return measure.tiers
    chosen = tariff.bands[band]
    own = chosen.time_tiers if is_time else chosen.quantity_tiers
    return measure.tiers if own is None else own


def _tier_sum(tiers: tuple[Tier, ...], start: int, end: int) -> int:
    """Sum price times use of [start, end) over cumulative tiers."""
    total = 0
    for tier in tiers:
        tier_end = end if tier.up_to is None else min(end, tier.up_to)
        if tier_end > start:
            total += (tier_end - start) * tier.price_micros
            start = tier_end
        if start >= end:
            break
    return total

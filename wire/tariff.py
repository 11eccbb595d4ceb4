"""Tariffs: how usage becomes money, as data.

A tariff prices two measures of a session, time and quantity, by the same rules:
free units first, then tiers by cumulative use, in billing increments. Bands of
the week can change the tiers. `wire.rating` does the arithmetic.
"""

from __future__ import annotations

import msgspec

from wire.errors import TariffError
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX, MICROS_PER_MAJOR, PPM, Unit

TIERS_MAX = 16
"""More tiers than anyone reads on a price list."""
BANDS_MAX = 32
"""Four bands for each day, and some holidays' worth of room."""
PRICE_MICROS_MAX = 1_000_000 * MICROS_PER_MAJOR
"""A million major units per unit of use; keeps sums within 64 bits for SQL exports."""
MINUTES_PER_DAY = 24 * 60
USAGE_MAX = 10**12
"""Thirty years in ms, or a terawatt-hour in Wh: no session uses more."""


class Tier(msgspec.Struct, frozen=True):
    """A price up to a cumulative amount of use.

    Attributes:
        price_micros: Price for `Measure.per` base units.
        up_to: Cumulative use (base units) where the tier ends; None: no end.
    """

    price_micros: int
    up_to: int | None = None


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """How one measure of use is priced.

    Attributes:
        unit: Base unit as people know it: `ms` for time; `Wh`, `ml`, `pulse`,
            `page`, `s` for quantity.
        per: Base units that a price is for: 60,000 ms for a price per minute,
            1,000 Wh for a price per kWh.
        free: Base units at the start of a session that cost nothing.
        first: Least billed use once something was used (billing increment).
        next: Use is billed in steps of this after `first`; 1 bills exactly. The
            telecom notation 60/60 is first=60,000 and next=60,000 ms.
        tiers: In rising order; the last one has no end.
    """

    unit: str
    per: int
    free: int = 0
    first: int = 0
    next: int = 1
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        _check_range("per", self.per, 1, USAGE_MAX)
        _check_range("free", self.free, 0, USAGE_MAX)
        _check_range("first", self.first, 0, USAGE_MAX)
        _check_range("next", self.next, 1, USAGE_MAX)
        check_tiers(self.tiers)


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of the week with prices of their own.

    Attributes:
        name: What people read: "night", "weekend".
        weekdays: 0 Monday to 6 Sunday; the day on which the band's hours begin.
        from_minute: Minute of the local day when it begins, 0 to 1,439.
        to_minute: Minute when it ends, 1 to 1,440; at or before `from_minute` it
            ends on the next day.
        time_tiers: Tiers instead of those of `Tariff.time`; None: unchanged.
        quantity_tiers: Tiers instead of those of `Tariff.quantity`; None: unchanged.
    """

    name: str
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    from_minute: int = 0
    to_minute: int = MINUTES_PER_DAY
    time_tiers: tuple[Tier, ...] | None = None
    quantity_tiers: tuple[Tier, ...] | None = None

    def __post_init__(self) -> None:
        _check_range("from_minute", self.from_minute, 0, MINUTES_PER_DAY - 1)
        _check_range("to_minute", self.to_minute, 1, MINUTES_PER_DAY)
        if not self.weekdays or any(not 0 <= day <= 6 for day in self.weekdays):  # noqa: PLR2004
            raise TariffError(f"band {self.name!r}: weekdays are 0 (Monday) to 6 (Sunday)")
        for tiers in (self.time_tiers, self.quantity_tiers):
            if tiers is not None:
                check_tiers(tiers)


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a tariff. A session freezes the version it starts with.

    Attributes:
        id: Name of the tariff; the same for all its versions.
        version: 1, 2, 3 …; a version never changes.
        name: What people read.
        unit: Unit of the money.
        start_fee_micros: Charged once the session has begun.
        minimum_minor: Least charge of a session that was charged at all.
        cap_minor: Most charge of a session; None: no cap.
        time: Price of time; None: time costs nothing.
        quantity: Price of quantity; None: quantity costs nothing.
        bands: The first that covers a moment wins; none: the measures' own tiers.
        timezone: IANA name by which bands are read.
        tax_rate_ppm: Tax contained in every price, in parts per million.
    """

    id: str
    version: int
    name: str
    unit: Unit
    start_fee_micros: int = 0
    minimum_minor: int = 0
    cap_minor: int | None = None
    time: Measure | None = None
    quantity: Measure | None = None
    bands: tuple[Band, ...] = ()
    timezone: str = "UTC"
    tax_rate_ppm: int = 0

    def __post_init__(self) -> None:
        if not is_name(self.id):
            raise TariffError(f"tariff id {self.id!r}: use lower case, digits and _ . -")
        _check_range("version", self.version, 1, 2**31)
        _check_range("start_fee_micros", self.start_fee_micros, 0, PRICE_MICROS_MAX)
        _check_range("minimum_minor", self.minimum_minor, 0, AMOUNT_MINOR_MAX)
        _check_range("tax_rate_ppm", self.tax_rate_ppm, 0, PPM)
        if len(self.bands) > BANDS_MAX:
            raise TariffError(f"tariff {self.id}: at most {BANDS_MAX} bands")
        if self.cap_minor is not None:
            _check_range("cap_minor", self.cap_minor, self.minimum_minor, AMOUNT_MINOR_MAX)


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Check that tiers cover all use without gap or overlap.

    Raises:
        TariffError: They don't; the message says which one.
    """
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise TariffError(f"a price needs 1 to {TIERS_MAX} tiers")
    reached = 0
    for tier in tiers[:-1]:
        if tier.up_to is None or tier.up_to <= reached:
            raise TariffError("tiers must rise; only the last one has no end")
        _check_range("up_to", tier.up_to, 1, USAGE_MAX)
        reached = tier.up_to
    if tiers[-1].up_to is not None:
        raise TariffError("the last tier must have no end (up_to empty)")
    for tier in tiers:
        _check_range("price_micros", tier.price_micros, 0, PRICE_MICROS_MAX)


def _check_range(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise TariffError(f"{what} is {value}: it must be {least} to {most}")

"""Usage of a session: what was used, in which band, in the order it was used.

A usage is a short list of segments, one for each stretch within one band. Stretches
of one band that touch are one segment, so however use was read, sliced or
restarted, the same use gives the same list, and so the same price.
"""

from __future__ import annotations

import importlib.resources
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from wire.bounds import Count
from wire.errors import TariffError
from wire.tariff import MINUTES_PER_DAY, Band, Tariff

BAND_NONE = -1
"""Index of a segment outside all bands."""
SEGMENTS_MAX = 512
"""A session may cross a band's edge this often: four times a day for months."""
MINUTE_MS = 60_000


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """Use within one band.

    Attributes:
        band: Index into the tariff's bands, or `BAND_NONE`.
        time_ms: Time used, ≥ 0.
        quantity: Base units used, ≥ 0.
    """

    band: int = BAND_NONE
    time_ms: Count = 0
    quantity: Count = 0


Usage = tuple[Segment, ...]
NOTHING: Usage = ()


def total_time_ms(usage: Usage) -> int:
    """Time used in all segments."""
    return sum(segment.time_ms for segment in usage)


def total_quantity(usage: Usage) -> int:
    """Quantity used in all segments."""
    return sum(segment.quantity for segment in usage)


def add_segment(usage: Usage, segment: Segment) -> Usage:
    """Append use to a usage: joins the last segment when it is the same band.

    A list that is full joins too: the last stretch is then priced by the band it
    began in.
    """
    if segment.time_ms == 0 and segment.quantity == 0:
        return usage
    if usage and (usage[-1].band == segment.band or len(usage) >= SEGMENTS_MAX):
        last = usage[-1]
        joined = Segment(
            last.band, last.time_ms + segment.time_ms, last.quantity + segment.quantity
        )
        return (*usage[:-1], joined)
    return (*usage, segment)


def add_use(tariff: Tariff, usage: Usage, from_wall_ms: int, time_ms: int, quantity: int) -> Usage:
    """Add a stretch of use that began at a wall time.

    Time is split exactly at the bands' edges. Quantity is read at the end of the
    stretch and belongs to the band of the stretch's last moment, since no meter says
    when within a stretch it was used; stretches are as short as the reading interval.

    Args:
        tariff: The session's frozen tariff.
        usage: What was used before.
        from_wall_ms: When the stretch began.
        time_ms: How long it was, ≥ 0.
        quantity: Base units used in it, ≥ 0.
    """
    if not tariff.bands:
        return add_segment(usage, Segment(BAND_NONE, time_ms, quantity))
    start, end = from_wall_ms, from_wall_ms + time_ms
    while start < end:
        minute_end = min(end, (start // MINUTE_MS + 1) * MINUTE_MS)
        usage = add_segment(usage, Segment(band_at(tariff, start), minute_end - start, 0))
        start = minute_end
    return add_segment(usage, Segment(band_at(tariff, end - 1), 0, quantity))


def band_at(tariff: Tariff, wall_ms: int) -> int:
    """Index of the band that holds at a wall time, or `BAND_NONE`."""
    return _band_of_minute(tariff.bands, tariff.timezone, wall_ms // MINUTE_MS)


@lru_cache(maxsize=4096)
def _band_of_minute(bands: tuple[Band, ...], timezone: str, minute: int) -> int:
    # Zone offsets are whole minutes today, so a band can't change within a minute.
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    local = moment.astimezone(zone(timezone))
    for index, band in enumerate(bands):
        if _covers(band, local.weekday(), local.hour * 60 + local.minute):
            return index
    return BAND_NONE


def _covers(band: Band, weekday: int, minute: int) -> bool:
    if band.from_minute < band.to_minute:
        return weekday in band.weekdays and band.from_minute <= minute < band.to_minute
    if minute >= band.from_minute:
        return weekday in band.weekdays
    return minute < band.to_minute % MINUTES_PER_DAY and (weekday - 1) % 7 in band.weekdays


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Load a time zone from the pinned `tzdata` package, never from the system.

    A controller with older system rules would price an hour differently.

    Raises:
        TariffError: No such zone.
    """
    package, _, leaf = ("tzdata.zoneinfo/" + name).rpartition("/")
    try:
        source = importlib.resources.files(package.replace("/", ".")).joinpath(leaf)
        with source.open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ImportError, ValueError):
        raise TariffError(f"time zone {name!r} is not known: use one like Europe/Berlin") from None

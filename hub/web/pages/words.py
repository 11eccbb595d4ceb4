"""Figures in the words of the place: times, amounts, uses. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wire.errors import TariffError
from wire.money import Unit
from wire.usage import zone

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KILO = {"Wh": "kWh", "ml": "l", "g": "kg", "m": "km"}
_KILO_FROM = 1_000
_ENDED = {
    "feedback_missing": "didn't start, released",
    "zero_balance": "stopped at zero balance",
    "power_lost": "ended by a power cut",
    "fault": "ended by a fault",
    "idle": "ended when idle",
    "time_limit": "ended after its longest time",
    "limit_reached": "stopped at the card's limit",
    "cancelled": "called off at once",
    "vend_failed": "nothing came out",
    "vend_unknown": "nobody knows whether it came out",
    "command": "stopped by staff",
    "shutdown": "ended when its controller stopped",
}


def local_time(wall_ms: int, timezone: str) -> datetime:
    """A wall time as the place's clocks show it; an unknown place: UTC."""
    moment = _EPOCH + timedelta(milliseconds=wall_ms)
    try:
        return moment.astimezone(zone(timezone))
    except TariffError:
        return moment


def clock_time(wall_ms: int, timezone: str) -> str:
    """Hours, minutes and seconds: `14:03:22`."""
    return f"{local_time(wall_ms, timezone):%H:%M:%S}"


def day_and_time(wall_ms: int, now_ms: int, timezone: str) -> str:
    """`14:03` today, `21 Nov 14:03` on another day."""
    moment, now = local_time(wall_ms, timezone), local_time(now_ms, timezone)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}"


def day_heading(now_ms: int, timezone: str) -> str:
    """`Sunday, 22 November`."""
    moment = local_time(now_ms, timezone)
    return f"{moment:%A}, {moment.day} {moment:%B}"


def day_start_ms(now_ms: int, timezone: str) -> int:
    """Wall time when the place's day began."""
    start = local_time(now_ms, timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (start.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def length(duration_ms: int) -> str:
    """A duration in its two largest parts that matter: `31 min`, `2 h 5 min`, `40 s`."""
    if duration_ms < MINUTE_MS:
        return f"{max(0, duration_ms) // SECOND_MS} s"
    if duration_ms < HOUR_MS:
        return f"{duration_ms // MINUTE_MS} min"
    if duration_ms < DAY_MS:
        hours, rest = divmod(duration_ms, HOUR_MS)
        minutes = rest // MINUTE_MS
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days = duration_ms // DAY_MS
    return "1 day" if days == 1 else f"{days} days"


def ago(wall_ms: int, now_ms: int) -> str:
    """How long ago: `just now`, `40 s ago`."""
    passed_ms = now_ms - wall_ms
    return "just now" if passed_ms < 5 * SECOND_MS else f"{length(passed_ms)} ago"


def use(time_ms: int, quantity: int, unit: str = "") -> str:
    """What was used: `31 min, 0.84 kWh`."""
    parts = [length(time_ms)] if time_ms else []
    if quantity:
        parts.append(_quantity(quantity, unit))
    return ", ".join(parts)


def amount_digits(minor: int, unit: Unit) -> str:
    """An amount without its symbol, for a column that names the unit once."""
    whole, fraction = divmod(abs(minor), unit.minor_per_major)
    digits = f"{whole:,}.{fraction:0{unit.exponent}d}" if unit.exponent else f"{whole:,}"
    return f"\u2212{digits}" if minor < 0 else digits


def amount(minor: int, unit: Unit) -> str:
    """An amount with its symbol, the sign in front: `€1,204.50`, `\u2212€0.80`, `40 PTS`."""
    digits = amount_digits(abs(minor), unit)
    sign = "\u2212" if minor < 0 else ""
    return f"{sign}{unit.symbol}{digits}" if unit.symbol else f"{sign}{digits} {unit.code}"


def ended_words(reason: str) -> str:
    """Why a session ended, where it is worth saying."""
    return _ENDED.get(reason, "")


def _quantity(quantity: int, unit: str) -> str:
    kilo = _KILO.get(unit)
    if kilo is None or quantity < _KILO_FROM // 10:
        return f"{quantity} {unit}".strip()
    whole, rest = divmod(quantity, _KILO_FROM)
    return f"{whole}.{rest // 10:02d} {kilo}"

"""The hub's own look at a session: is the price right, and can the times be true?

A session is booked as its controller reports it, since it's a fact; a difference is
shown to a person.
"""

from __future__ import annotations

from wire.events import ClockState, SessionEnded
from wire.machines import Mode
from wire.rating import rate
from wire.tariff import Tariff
from wire.usage import total_time_ms

AHEAD_MS_MAX = 5 * 60_000
"""A synchronised clock isn't further ahead of the hub's."""
EARLIEST_MS = 1_577_836_800_000
"""2020-01-01: a Pi without a network starts at its last or at its first known time."""
SLACK_MS = 5_000
"""Use is read in steps; the last one may reach a little beyond the end."""


def rated_minor(event: SessionEnded, tariff: Tariff | None) -> int | None:
    """What the hub itself asks for the reported use, minor units.

    Returns:
        None: there is nothing to compare, because the session is free, was released, or
        its tariff isn't known.
    """
    released = event.charge_minor == 0 and not event.usage
    if tariff is None or released:
        return None
    return rate(tariff, event.usage)


def implausible(event: SessionEnded, mode: Mode | None, now_ms: int) -> str:
    """Why a session's times can't be true; empty: they can.

    Args:
        event: The session.
        mode: How its machine charges; None: not known.
        now_ms: Hub's wall time.
    """
    started, ended = event.started, event.ended
    if min(started.wall_ms, ended.wall_ms) < EARLIEST_MS:
        return "its clock was far in the past"
    if ended.clock is ClockState.SYNCED and ended.wall_ms > now_ms + AHEAD_MS_MAX:
        return "its clock was ahead of the hub's"
    if started.boot_id != ended.boot_id:
        return ""
    lasted_ms = ended.mono_ms - started.mono_ms
    if lasted_ms < 0:
        return "it ended before it began"
    # A cycle's time is bought at its start, whatever it lasts.
    if mode is Mode.METERED and total_time_ms(event.usage) > lasted_ms + SLACK_MS:
        return "more time was used than passed"
    return ""

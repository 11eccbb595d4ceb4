"""What time it is by the hub, learned from its messages.

Until the hub has said something, the own wall clock counts. After that time is the
hub's, carried on by the monotonic clock: whoever sets the own clock changes nothing.
A message is never younger than it says, so the largest offset seen is the best; it is
given up after a while, since clocks drift and the hub's may have been corrected. A
message that says an earlier time than one before was delayed or repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wire.clock import Instant
from wire.events import ClockState

STEP_MS = 60_000
"""The clock counts as wrong, and that is journalled, from a minute on."""
TRUSTED_MS = 600_000
"""An offset is given up for a smaller one after ten minutes: cheap crystals drift by
some 50 ms in that time, and a delayed message can't set the clock back before."""


@dataclass(frozen=True, slots=True)
class HubTime:
    """What is known of the hub's clock.

    Attributes:
        state: SYNCED once the hub has said something in this start.
        offset_ms: SYNCED: hub's time minus monotonic time; before: what is added to
            the own wall clock.
        learned_ms: Monotonic time when it was learned.
        last_hub_ms: Latest hub's time seen in this start; 0: none.
    """

    state: ClockState = ClockState.STALE
    offset_ms: int = 0
    learned_ms: int = 0
    last_hub_ms: int = 0

    def wall_ms(self, now: Instant) -> int:
        """Wall time by the hub's clock, as far as it is known."""
        own_ms = now.mono_ms if self.state is ClockState.SYNCED else now.wall_ms
        return own_ms + self.offset_ms


def at_start(now: Instant, last_wall_ms: int, *, rtc: bool) -> HubTime:
    """Before the hub has said anything: at least time doesn't go back.

    Args:
        now: Now.
        last_wall_ms: Latest time in the journal; 0: none.
        rtc: Whether the controller's clock has a battery, and is believed.
    """
    if rtc:
        return HubTime(ClockState.RTC)
    return HubTime(offset_ms=max(0, last_wall_ms - now.wall_ms))


def learn(known: HubTime, hub_ms: int, now: Instant) -> HubTime:
    """Take the hub's time out of a message that just came."""
    if hub_ms <= known.last_hub_ms:
        return known
    offset_ms = hub_ms - now.mono_ms
    is_first = known.state is not ClockState.SYNCED
    is_old = now.mono_ms - known.learned_ms >= TRUSTED_MS
    if is_first or is_old or offset_ms > known.offset_ms:
        return HubTime(ClockState.SYNCED, offset_ms, now.mono_ms, hub_ms)
    return replace(known, last_hub_ms=hub_ms)


def step_between(before: HubTime, after: HubTime, now: Instant) -> int:
    """By how much the clock was wrong, when that is worth journalling; else 0."""
    moved_ms = after.wall_ms(now) - before.wall_ms(now)
    return moved_ms if abs(moved_ms) >= STEP_MS else 0

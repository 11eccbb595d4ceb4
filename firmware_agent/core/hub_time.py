"""What time it is by the hub: an offset to the own clock, learned from its messages.

A message is never younger than it says, so the largest offset seen is the best; an
old one is given up, since clocks drift. A message that is older than one seen before
was delayed or repeated and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wire.clock import Instant
from wire.events import ClockState

STEP_MS = 60_000
"""The clock counts as wrong, and that is journalled, from a minute on."""
TRUSTED_MS = 600_000
"""An offset is given up for a smaller one after ten minutes: cheap crystals drift by
some 50 ms in that time."""


@dataclass(frozen=True, slots=True)
class HubTime:
    """What is known of the hub's clock.

    Attributes:
        offset_ms: Hub's time minus own wall time.
        state: Trust in it.
        learned_ms: Monotonic time when it was learned.
        last_hub_ms: Latest hub's time seen in this start; 0: none.
    """

    offset_ms: int = 0
    state: ClockState = ClockState.STALE
    learned_ms: int = 0
    last_hub_ms: int = 0

    def wall_ms(self, now: Instant) -> int:
        """Wall time by the hub's clock, as far as it is known."""
        return now.wall_ms + self.offset_ms


def at_start(now: Instant, last_wall_ms: int, *, rtc: bool) -> HubTime:
    """Before the hub has said anything: at least time doesn't go back.

    Args:
        now: Now.
        last_wall_ms: Latest time in the journal; 0: none.
        rtc: Whether the controller's clock has a battery.
    """
    if rtc:
        return HubTime(state=ClockState.RTC)
    return HubTime(offset_ms=max(0, last_wall_ms - now.wall_ms))


def learn(known: HubTime, hub_ms: int, now: Instant) -> HubTime:
    """Take the hub's time out of a message that just came."""
    if hub_ms <= known.last_hub_ms:
        return known
    offset_ms = hub_ms - now.wall_ms
    is_first = known.state is not ClockState.SYNCED
    is_old = now.mono_ms - known.learned_ms >= TRUSTED_MS
    jumped = abs(offset_ms - known.offset_ms) >= STEP_MS
    if not (is_first or is_old or jumped or offset_ms > known.offset_ms):
        return replace(known, last_hub_ms=hub_ms)
    return HubTime(offset_ms, ClockState.SYNCED, now.mono_ms, hub_ms)


def step_between(before: HubTime, after: HubTime) -> int:
    """By how much the clock was wrong, when that is worth journalling; else 0."""
    moved_ms = after.offset_ms - before.offset_ms
    return moved_ms if abs(moved_ms) >= STEP_MS else 0

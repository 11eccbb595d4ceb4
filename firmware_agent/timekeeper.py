"""What time it is: the own clock, and what the hub's messages say about it."""

from __future__ import annotations

from firmware_agent.core import hub_time
from firmware_agent.core.inputs import ClockShifted
from firmware_agent.core.model import Moment
from wire.clock import Clock


class Timekeeper:
    """Makes moments.

    Args:
        clock: The own clock.
        boot_id: This start of the agent.
        last_wall_ms: Latest time in the journal; 0: none.
        rtc: Whether the own clock has a battery.
    """

    def __init__(self, clock: Clock, boot_id: str, last_wall_ms: int, *, rtc: bool) -> None:
        self._clock = clock
        self._known = hub_time.at_start(clock.now(), last_wall_ms, rtc=rtc)
        self.boot_id = boot_id

    def moment(self) -> Moment:
        """Now."""
        now = self._clock.now()
        return Moment(self._known.wall_ms(now), now.mono_ms, self.boot_id, self._known.state)

    def learn(self, hub_ms: int) -> ClockShifted | None:
        """Take the hub's time; what is to be journalled when the clock was wrong."""
        if hub_ms <= 0:
            return None
        before, now = self._known, self._clock.now()
        self._known = hub_time.learn(before, hub_ms, now)
        moved_ms = hub_time.step_between(before, self._known, now)
        return ClockShifted(moved_ms, before.state) if moved_ms else None

"""What every line of the live page needs to be said."""

from __future__ import annotations

from dataclasses import dataclass

from hub.web.pages import words
from hub.web.ports import HubPort
from wire.money import Unit


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment at a place.

    Attributes:
        hub: The hub that is looked at.
        now_ms: When.
        timezone: Whose clocks are shown, IANA name.
        unit: Unit of the figures.
    """

    hub: HubPort
    now_ms: int
    timezone: str
    unit: Unit

    def amount(self, minor: int) -> str:
        """An amount with its symbol."""
        return words.amount(minor, self.unit)

    def at(self, wall_ms: int) -> str:
        """A time of the day, with the day when it isn't today's."""
        then = words.local_time(wall_ms, self.timezone)
        if then.date() != words.local_time(self.now_ms, self.timezone).date():
            return words.day_and_time(wall_ms, self.now_ms, self.timezone)
        return words.clock_time(wall_ms, self.timezone)


def count(number: int, what: str) -> str:
    """`1 session`, `3 sessions`."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"

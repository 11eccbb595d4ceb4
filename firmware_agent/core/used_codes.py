"""Which offline codes were used: a window of counters that slides up, as bits.

Codes are typed in any order, each once. The window ends at the highest counter seen;
what lies below it is refused unseen, so that the memory stays as small as it is
(the same as a replay window for packets, RFC 6479).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wire.codes import WINDOW


class Use(Enum):
    """What is known of a counter."""

    FRESH = "fresh"
    USED = "used"
    TOO_OLD = "too old to know"


@dataclass(frozen=True, slots=True)
class UsedCodes:
    """Counters that were used.

    Attributes:
        highest: The highest; 0: none was.
        bits: Bit n: `highest` - n was used, 0 ≤ n < `WINDOW`.
    """

    highest: int = 0
    bits: int = 0

    def use_of(self, counter: int) -> Use:
        """What is known of a counter, ≥ 1."""
        below = self.highest - counter
        if below < 0:
            return Use.FRESH
        if below >= WINDOW:
            return Use.TOO_OLD
        return Use.USED if self.bits >> below & 1 else Use.FRESH

    def with_used(self, counter: int) -> UsedCodes:
        """The window once a fresh counter was used.

        Raises:
            ValueError: It isn't fresh.
        """
        if self.use_of(counter) is not Use.FRESH:
            raise ValueError(f"code {counter} can't be used again")
        below = self.highest - counter
        if below >= 0:
            return UsedCodes(self.highest, self.bits | 1 << below)
        return UsedCodes(counter, (self.bits << -below | 1) & ((1 << WINDOW) - 1))

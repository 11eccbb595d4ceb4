"""What the counts of a card say: whether there are two of it, and what wasn't reported. Pure.

A card counts its own reads. Controllers report the count of a tap with its start or
refusal, and may do so days later, so the order in which reports come says nothing.
What can't be lateness:

- one count twice, where each read counts (method `sun`): one of the two was repeated or
  comes from a copy;
- a count that falls within one journal, whose order is certain;
- a count that falls from an earlier to a later tap of two controllers, by their own
  clocks, where both had the hub's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

CLOCK_SLACK_MS = 10 * 60_000
"""Clocks that have the hub's time drift by seconds; a card may wait 15 s for a choice."""
UNREPORTED_MAX = 16
"""Reads between two reports before a person is told. A stop, a second try and a phone
that reads the card count as well and are reported by nobody."""
COUNTING = "sun"
"""The method in which each read counts; in others a count may stay as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """One count, as reported.

    Attributes:
        key_version: Version of the key that proved it; another one counts anew.
        counter: The card's count.
        method: How it proved itself.
        controller: Where.
        epoch: Of which journal.
        seq: Of which event.
        wall_ms: When, by the controller's clock.
        is_synced: Whether that clock had the hub's time.
    """

    key_version: int
    counter: int
    method: str
    controller: str
    epoch: str
    seq: int
    wall_ms: int
    is_synced: bool

    @property
    def journal(self) -> tuple[str, str]:
        """The journal that it is from."""
        return self.controller, self.epoch


def contradicting(known: Iterable[Tap], tap: Tap) -> Tap | None:
    """A report that can't be of the same card as `tap`; None: there is none.

    Args:
        known: Reports of the card, in any order.
        tap: Another one, not among them.
    """
    for other in known:
        if other.key_version == tap.key_version and _contradict(other, tap):
            return other
    return None


def unreported(known: Sequence[Tap], tap: Tap) -> tuple[int, int] | None:
    """The stretch of counts right before `tap` that nobody reported, if it is long.

    Args:
        known: Reports of the card without `tap`.
        tap: A new report.

    Returns:
        First and last missing count; None: fewer than `UNREPORTED_MAX` are missing, or
        nothing is known before it.
    """
    before = [other.counter for other in _counted(known, tap) if other.counter < tap.counter]
    if tap.method != COUNTING or not before:
        return None
    last = max(before)
    return (last + 1, tap.counter - 1) if tap.counter - last > UNREPORTED_MAX else None


def closes(known: Sequence[Tap], tap: Tap) -> bool:
    """Whether a long stretch without reports is there without `tap`, and none with it."""
    counts = sorted({other.counter for other in _counted(known, tap)})
    return _has_gap(counts) and not _has_gap(sorted({*counts, tap.counter}))


def _contradict(one: Tap, other: Tap) -> bool:
    if one.counter == other.counter:
        return one.method == other.method == COUNTING
    first, second = sorted((one, other), key=lambda tap: tap.counter)
    if first.journal == second.journal:
        return first.seq > second.seq
    are_synced = first.is_synced and second.is_synced
    return are_synced and first.wall_ms - second.wall_ms > CLOCK_SLACK_MS


def _counted(known: Iterable[Tap], tap: Tap) -> list[Tap]:
    return [
        other
        for other in known
        if other.key_version == tap.key_version and other.method == COUNTING
    ]


def _has_gap(counts: list[int]) -> bool:
    return any(after - before > UNREPORTED_MAX for before, after in pairwise(counts))

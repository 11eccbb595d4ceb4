"""How a usage goes on, and what its hold pays. Pure.

    authorised ──capture──▶ partly ──capture (final)──▶ captured
        │  └──capture (final)─────────────────────────────▲
        │                     partly ──release────────────┘  what was captured stays
        └──release──▶ released

A hold may be raised while it is open. Nothing leaves `captured` and `released`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.errors import ConflictError
from hub.ledger.items import Leg, Move
from wire.errors import Code
from wire.money import tax_within


class UsageState(StrEnum):
    """How far a usage is."""

    AUTHORISED = "authorised"
    PARTLY = "partly"
    CAPTURED = "captured"
    RELEASED = "released"


class StepKind(StrEnum):
    """What a step of a usage does."""

    AUTHORISE = "authorise"
    CHARGE = "charge"
    RAISE = "raise"
    CAPTURE = "capture"
    CAPTURE_FINAL = "capture_final"
    RELEASE = "release"


ENDED = frozenset({UsageState.CAPTURED, UsageState.RELEASED})

_NEXT: dict[tuple[UsageState | None, StepKind], UsageState] = {
    (None, StepKind.AUTHORISE): UsageState.AUTHORISED,
    (None, StepKind.CHARGE): UsageState.CAPTURED,
    (UsageState.AUTHORISED, StepKind.RAISE): UsageState.AUTHORISED,
    (UsageState.AUTHORISED, StepKind.CAPTURE): UsageState.PARTLY,
    (UsageState.AUTHORISED, StepKind.CAPTURE_FINAL): UsageState.CAPTURED,
    (UsageState.AUTHORISED, StepKind.RELEASE): UsageState.RELEASED,
    (UsageState.PARTLY, StepKind.RAISE): UsageState.PARTLY,
    (UsageState.PARTLY, StepKind.CAPTURE): UsageState.PARTLY,
    (UsageState.PARTLY, StepKind.CAPTURE_FINAL): UsageState.CAPTURED,
    (UsageState.PARTLY, StepKind.RELEASE): UsageState.CAPTURED,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What a hold keeps of one bucket.

    Attributes:
        source: Ledger account that gave: a lot, or the wallet.
        code: Ledger account that holds it.
        minor: How much is left, ≥ 0.
    """

    source: str
    code: str
    minor: int


def next_state(usage_id: str, state: UsageState | None, step: StepKind) -> UsageState:
    """The state after a step.

    Raises:
        ConflictError: The state doesn't allow the step.
    """
    found = _NEXT.get((state, step))
    if found is None:
        words = "is open already" if state is None else f"is {state.value}"
        raise ConflictError(
            f"{usage_id} {words}: nothing was changed. Begin another usage.", Code.HOLD_CLOSED
        )
    return found


def held_of(parts: Iterable[Part]) -> int:
    """What a hold keeps in all."""
    return sum(part.minor for part in parts)


def add_parts(parts: tuple[Part, ...], more: Iterable[Part]) -> tuple[Part, ...]:
    """A hold with more in it; what comes of a bucket that gave before joins it."""
    found = list(parts)
    for part in more:
        for place, known in enumerate(found):
            if known.code == part.code:
                found[place] = replace(known, minor=known.minor + part.minor)
                break
        else:
            found.append(part)
    return tuple(found)


def take(
    parts: tuple[Part, ...], minor: int
) -> tuple[tuple[tuple[str, int], ...], tuple[Part, ...]]:
    """Let a hold pay: given money before paid money, each in the order it was held.

    Args:
        parts: The hold.
        minor: How much, at most what it keeps.

    Returns:
        What its ledger accounts give, and the hold afterwards.
    """
    given: dict[str, int] = {}
    for part in sorted(parts, key=lambda one: one.code.count("/") == 1):
        given[part.code] = min(part.minor, minor)
        minor -= given[part.code]
    after = tuple(replace(part, minor=part.minor - given[part.code]) for part in parts)
    return tuple((code, part) for code, part in given.items() if part), after


def purchase_legs(
    sources: Iterable[tuple[str, int]], to: tuple[str, str], rate_ppm: int, before_minor: int
) -> tuple[tuple[Leg, ...], int]:
    """Legs of a capture, and the tax within.

    Tax is a function of what was captured in all, so that of increments sums to that of
    the whole.

    Args:
        sources: Ledger accounts that give, and how much each.
        to: Ledger accounts of the revenue and of the tax.
        rate_ppm: The tax rate.
        before_minor: What was captured before.
    """
    revenue, taxed = to
    legs: list[Leg] = []
    first = tax_within(before_minor, rate_ppm)
    upto, taken = before_minor, first
    for code, minor in sources:
        upto += minor
        share = tax_within(upto, rate_ppm) - taken
        taken += share
        parts = ((revenue, minor - share), (taxed, share))
        legs += [Move(code, credit, part) for credit, part in parts if part]
    return tuple(legs), taken - first

"""How trials draw: by whole numbers, and so that a longer run begins as the shorter one did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")
PERCENT = 100


def arrivals(stream: Random, mean_gap_ms: int, until_ms: int) -> Iterator[int]:
    """Times between 0 and `until_ms` in rising order, `mean_gap_ms` apart on average.

    Raises:
        ValueError: The gap is below 1.
    """
    if mean_gap_ms < 1:
        raise ValueError(f"gaps are 1 ms or longer, not {mean_gap_ms}")
    at_ms = stream.randint(0, 2 * mean_gap_ms)
    while at_ms < until_ms:
        yield at_ms
        at_ms += stream.randint(1, 2 * mean_gap_ms)


def happens(stream: Random, percent: int) -> bool:
    """Whether something of that likelihood happens."""
    return stream.randrange(PERCENT) < percent


def weighed(stream: Random, weights: Sequence[tuple[T, int]]) -> T:
    """One of the things, each as likely as its weight says; one draw whatever comes."""
    place = stream.randrange(sum(weight for _, weight in weights))
    for thing, weight in weights:
        if place < weight:
            return thing
        place -= weight
    raise ValueError("a weight is below 0")


def one_of(things: Sequence[T], number: int) -> T | None:
    """The thing that a number drawn earlier stands for; None: there is none.

    What there is to choose from may depend on faults: so it is chosen when it is needed,
    and the number was drawn before.
    """
    return things[number % len(things)] if things else None

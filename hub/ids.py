"""The hub's one door to randomness: ids, keys and one-time codes."""

from __future__ import annotations

import os
from collections.abc import Callable

from wire.clock import Clock
from wire.ids import RANDOM_BYTES, format_id

Entropy = Callable[[int], bytes]
"""Gives that many bytes that nobody can guess."""


def system_entropy(count: int) -> bytes:
    """Random bytes from the operating system."""
    return os.urandom(count)  # noqa: TID251 this is the door


class RandomIds:
    """Unique ids, sorting by the time they were made.

    Args:
        clock: Says when.
        entropy: Makes them unique.
    """

    def __init__(self, clock: Clock, entropy: Entropy = system_entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def new(self, prefix: str) -> str:
        return format_id(prefix, self._clock.now().wall_ms, self._entropy(RANDOM_BYTES))

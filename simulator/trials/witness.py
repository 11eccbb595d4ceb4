"""The witness: what truly happened in a trial, as somebody outside saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened.

    Attributes:
        at_ms: Virtual time.
        kind: What.
        who: Whom it happened to, or who did it.
        what: Details by name.
    """

    at_ms: int
    kind: str
    who: str
    what: tuple[tuple[str, int | str], ...] = ()


Listener = Callable[[Fact], None]


class Witness:
    """Keeps facts in order, and tells listeners of each at once.

    Args:
        now_ms: Virtual time.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._listeners: list[Listener] = []
        self.facts: list[Fact] = []

    def listen(self, listener: Listener) -> None:
        """Have every fact told from now on, the moment it is seen."""
        self._listeners.append(listener)

    def see(self, kind: str, who: str, **what: int | str) -> None:
        """Keep one fact."""
        fact = Fact(self._now_ms(), kind, who, tuple(what.items()))
        self.facts.append(fact)
        for listener in self._listeners:
            listener(fact)

"""What truly happened in a trial, as somebody outside saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened.

    Attributes:
        at_ms: Virtual time, from the beginning of the run.
        kind: What, in a word.
        who: To whom, or by whom.
        what: Details, by name and in order of names.
    """

    at_ms: int
    kind: str
    who: str
    what: tuple[tuple[str, int | str], ...] = ()


class Witness:
    """Keeps facts in the order in which they happened.

    Args:
        now_ms: Virtual time.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._listeners: list[Callable[[Fact], None]] = []
        self.facts: list[Fact] = []

    def see(self, kind: str, who: str, **what: int | str) -> None:
        """Keep one fact."""
        fact = Fact(self._now_ms(), kind, who, tuple(sorted(what.items())))
        self.facts.append(fact)
        for listener in self._listeners:
            listener(fact)

    def listen(self, listener: Callable[[Fact], None]) -> None:
        """Have somebody told of each fact the moment it happens."""
        self._listeners.append(listener)

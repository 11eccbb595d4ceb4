"""The person who stands at the machines and is asked what they see."""

from __future__ import annotations

from typing import Protocol


class Person(Protocol):
    """Someone to ask, or nobody."""

    @property
    def is_there(self) -> bool:
        """Whether there is somebody to ask at all."""
        ...

    def tell(self, words: str) -> None:
        """Say what to do now."""
        ...

    def agrees(self, question: str) -> bool:
        """Ask a question of yes or no; no answer is no."""
        ...


class Nobody:
    """No questions: what needs a person isn't checked."""

    is_there = False

    def tell(self, words: str) -> None:
        """Nobody listens."""

    def agrees(self, question: str) -> bool:  # noqa: ARG002 the port's
        """Nobody agrees to anything."""
        return False

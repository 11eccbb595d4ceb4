"""What those who take part in a trial need of its world, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar

from hub.ledger.writer import Job

T = TypeVar("T")


class Kernel(Protocol):
    """Virtual time."""

    @property
    def now_ms(self) -> int:
        """Since the beginning of the run."""
        ...

    def after(self, delay_ms: int, call: Callable[[], None]) -> object:
        """Have something called later; calls of one time come in the order of asking."""
        ...


class Witness(Protocol):
    """Keeps what truly happened."""

    def see(self, kind: str, who: str, **what: int | str) -> None:
        """Keep one fact."""
        ...


class Hub(Protocol):
    """The hub, as somebody at its counter has it."""

    @property
    def card_salt(self) -> bytes:
        """For card references."""
        ...

    @property
    def voucher_secret(self) -> bytes:
        """Key of the hashes of voucher codes."""
        ...

    def run(self, job: Job[T]) -> T:
        """Have something booked or looked up.

        Raises:
            OutcomeUnknownError: The hub is down, or died before it answered.
            HubError: It refuses.
        """
        ...


class Place(Protocol):
    """A controller, as somebody in front of its machines has it."""

    @property
    def site(self) -> str:
        """Where it stands."""
        ...

    @property
    def machines(self) -> Sequence[str]:
        """Ids of its machines, in order."""
        ...

    def tap(self, machine: str, uid: bytes, level: int) -> None:
        """Lay a card down at a machine's reader for a moment."""
        ...

    def press(self, machine: str) -> None:
        """Press a machine's button."""
        ...

    def is_running(self, machine: str) -> bool:
        """Whether a person sees that a machine runs."""
        ...


class Stage(Protocol):
    """A world in which people and staff do things."""

    @property
    def kernel(self) -> Kernel:
        """Its time."""
        ...

    @property
    def witness(self) -> Witness:
        """Sees what they do."""
        ...

    @property
    def hub(self) -> Hub:
        """What they ask."""
        ...

    @property
    def controllers(self) -> Mapping[str, Place]:
        """Where they go, by name."""
        ...

    @property
    def wall_ms(self) -> int:
        """True wall time."""
        ...

    def stream(self, name: str) -> Random:
        """The draws of a name: the same for the same seed and name."""
        ...

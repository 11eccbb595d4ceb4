"""What those who take part in a trial need of its world, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar

from sqlalchemy import Connection

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

    def code_key(self, controller: str) -> bytes:
        """Key of the offline codes for a controller."""
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

    def type_code(self, machine: str, digits: str) -> None:
        """Type a code at a machine."""
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


class Network(Protocol):
    """The lines between controllers, the broker and the hub."""

    def set_noise(
        self,
        controller: str,
        *,
        loss: int | None = None,
        duplication: int | None = None,
        delay_ms: int | None = None,
        reordering: int | None = None,
    ) -> None:
        """Say how bad a controller's line is; what isn't given stays as it is.

        Args:
            controller: Whose.
            loss: Of a thousand messages, how many are lost.
            duplication: Of a thousand, how many come twice.
            delay_ms: How late they come at most.
            reordering: Of a thousand, how many are overtaken by later ones.
        """
        ...

    def cut(self, controller: str) -> None:
        """Let nothing through any more."""
        ...

    def trap(self, controller: str, leaf: str, call: Callable[[], None]) -> None:
        """Do something once, right after a controller was sent its next message of a kind."""
        ...

    def disarm(self, controller: str) -> None:
        """Take a trap away that didn't spring; there is none: nothing happens."""
        ...

    def heal(self, controller: str) -> None:
        """Let messages through again."""
        ...

    def stop_broker(self) -> None:
        """Have the broker die, and forget everything."""
        ...

    def start_broker(self) -> None:
        """Start it again, empty."""
        ...


class HubHost(Hub, Protocol):
    """The hub, as somebody with an axe has it."""

    def watch(self, died: Callable[[Connection], None], returns: Callable[[], None]) -> None:
        """Have somebody told when it has died, with its book to read, and before it returns."""
        ...

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it again on what its disk holds; a death that was to come doesn't."""
        ...

    def crash_at(self, point: str, after: int = 1) -> None:
        """Have it die when it comes by a point for the n-th time from now."""
        ...


class ControllerHost(Place, Protocol):
    """A controller, as somebody with an axe has it."""

    @property
    def is_up(self) -> bool:
        """Whether its agent runs."""
        ...

    @property
    def alarm(self) -> str:
        """Why its agent authorises nothing: a `wire.errors.Code` and words; empty: it does."""
        ...

    @property
    def unsent(self) -> int:
        """Events of its journal that the hub hasn't acknowledged."""
        ...

    @property
    def has_clone(self) -> bool:
        """Whether a copy of it runs somewhere."""
        ...

    def start(self) -> None:
        """Power on, if it is off."""
        ...

    def crash(self) -> None:
        """The agent is killed; relays fall when their leases end."""
        ...

    def power_cut(self, at_write: int, *, after: bool) -> None:
        """Cut the power at the n-th write from now, before or after it is on the disk."""
        ...

    def spare_power(self) -> None:
        """A cut that was to come doesn't."""
        ...

    def fill_disk(self) -> None:
        """Leave no room on its disk."""
        ...

    def free_disk(self) -> None:
        """Give the room back."""
        ...

    def tear_page(self, number: int) -> None:
        """Cut the power, and leave half of some page written."""
        ...

    def flip_bit(self, number: int) -> None:
        """Cut the power, and change a bit of one of the newest events."""
        ...

    def lose_tail(self, commits: int) -> None:
        """Cut the power, and forget the newest commits."""
        ...

    def keep_image(self) -> None:
        """Copy its disk, as somebody careful does."""
        ...

    def restore_image(self) -> None:
        """Put the copy back in its place, as somebody careless does, and start."""
        ...

    def tell_ignored(self) -> None:
        """Have the witness see which messages its agent ignored since its start."""
        ...

    def start_clone(self) -> None:
        """Start a copy of its disk in another box, beside it."""
        ...

    def stop_clone(self) -> None:
        """Take the copy away."""
        ...

    def begin_anew(self) -> None:
        """Start on an empty disk with its own key; the old disk is kept aside."""
        ...

    def jump_clock(self, by_ms: int) -> None:
        """Move its wall clock."""
        ...

    def drift_clock(self, ppm: int) -> None:
        """Have its clocks run so much too fast; 0: right."""
        ...

    def set_clock_right(self) -> None:
        """Set its clock as a time server does, and put a battery in."""
        ...

    def lose_time(self) -> None:
        """Cut the power; at the next start its wall clock begins in 1970."""
        ...

    def break_part(self, machine: str, part: str, how: int) -> None:
        """Break a `reader`, `meter`, `relay` or `feedback`; `how` chooses in what way."""
        ...

    def mend_part(self, machine: str, part: str) -> None:
        """Mend it."""
        ...


class FaultStage(Stage, Protocol):
    """A world in which everything goes wrong."""

    @property
    def network(self) -> Network:
        """Its lines."""
        ...

    @property
    def hub(self) -> HubHost:
        """Its hub."""
        ...

    @property
    def controllers(self) -> Mapping[str, ControllerHost]:
        """Its controllers, by name."""
        ...

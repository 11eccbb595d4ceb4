"""What takes coins and notes, and what a vending machine asks: ports and their events.

As with all parts, each has one owner thread in its driver, which reports by `Emit`; the
methods are called from one other thread, return at once and never raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from hardware.ports import Emit, Health


@dataclass(frozen=True, slots=True)
class CashInserted:
    """A coin or a note is in the box. Sent once for each.

    Attributes:
        acceptor: Id of the acceptor.
        value_minor: What it is worth in minor units, > 0.
        kind: "coin" or "note".
        device_seq: The device's own count of it; 0: it has none.
        mono_ms: When it was seen.
    """

    acceptor: str
    value_minor: int
    kind: str
    device_seq: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class CashLost:
    """The device counted more than it told: coins of unknown worth are in the box.

    Attributes:
        acceptor: Id of the acceptor.
        events: How many are missing.
        mono_ms: When it was noticed.
    """

    acceptor: str
    events: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class AcceptorDown:
    """An acceptor stopped answering. Sent once until `AcceptorUp`; the driver goes on trying.

    Attributes:
        acceptor: Id of the acceptor.
        reason: What was seen, in words for a person.
        mono_ms: When it was noticed.
    """

    acceptor: str
    reason: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class AcceptorUp:
    """An acceptor answers: sent when it is opened first and after each `AcceptorDown`."""

    acceptor: str
    mono_ms: int


class VendResult(Enum):
    """Whether a vending machine gave what it was told to give."""

    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It didn't say, or the line to it broke: a lost answer is not a no."""


@dataclass(frozen=True, slots=True)
class VendRequested:
    """Something was chosen: the machine waits for `approve` or `deny`.

    Attributes:
        bus: Id of the bus.
        request: The driver's name of it; another one for each.
        amount_minor: What the machine asks, minor units.
        item: What was chosen, as the machine names it; empty: it doesn't say.
        mono_ms: When it was heard.
    """

    bus: str
    request: str
    amount_minor: int
    item: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class VendEnded:
    """How an approved vend ended. Sent once; after UNKNOWN once more, if it is known by then.

    Attributes:
        bus: Id of the bus.
        request: As in `VendRequested`.
        result: How.
        reason: Why it failed or isn't known, in words; empty at a success.
        mono_ms: When it was heard.
    """

    bus: str
    request: str
    result: VendResult
    reason: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class BusDown:
    """A vending machine stopped answering. Sent once until `BusUp`.

    Attributes:
        bus: Id of the bus.
        reason: What was seen, in words for a person.
        mono_ms: When it was noticed.
    """

    bus: str
    reason: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class BusUp:
    """A vending machine answers: when it is opened first and after each `BusDown`."""

    bus: str
    mono_ms: int


MoneyEvent = (
    CashInserted
    | CashLost
    | AcceptorDown
    | AcceptorUp
    | VendRequested
    | VendEnded
    | BusDown
    | BusUp
)
"""Everything that these parts report by themselves."""


class CashAcceptor(Protocol):
    """Takes coins or notes."""

    @property
    def health(self) -> Health:
        """Whether the acceptor answers."""
        ...

    def start(self, emit: Emit) -> None:
        """Begin to look for money. Called once. Nothing is accepted before `set_enabled`."""
        ...

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 a level
        """Accept money from now on, or give back whatever is put in."""
        ...

    def close(self) -> None:
        """Accept nothing more, and give the device back. No event is sent after it returns."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """An acceptor whose device remembers what it took while nobody listened."""

    def resume(self, device_seq: int) -> None:
        """Say which count was booked last; called before `start`, and only if one was.

        What the device took since is reported first: as `CashInserted` as far as it still
        knows it, and as `CashLost` for the rest. A device that lost its count says nothing.
        """
        ...


class VendBus(Protocol):
    """A vending machine, as a cashless device on its bus sees it."""

    @property
    def health(self) -> Health:
        """Whether the machine polls its bus."""
        ...

    def start(self, emit: Emit) -> None:
        """Begin to listen. Called once."""
        ...

    def offer(self, funds_minor: int) -> None:
        """Let something be chosen that costs at most `funds_minor`, until `end`."""
        ...

    def approve(self, request: str, amount_minor: int) -> None:
        """Let the machine give what was chosen; `VendEnded` says what became of it."""
        ...

    def deny(self, request: str) -> None:
        """Don't let the machine give what was chosen."""
        ...

    def end(self) -> None:
        """Let nothing more be chosen; what was approved goes on."""
        ...

    def close(self) -> None:
        """Give the device back. No event is sent after it returns."""
        ...

"""What a part can do, whatever it's made of: the ports that the agent is built on.

Every part has one owner thread inside its driver. Drivers report by calling the
`Emit` they were given, from that thread; whoever is called only enqueues: it
neither blocks nor raises nor calls back into the part. Times in events are
`Instant.mono_ms` of the clock the driver was opened with.

Methods of a part may be called from one thread, the agent's. `close()` is
idempotent, never raises, and leaves the hardware in its safe state: outputs
off, no further events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from hardware.cards.keyring import CardProof
from hardware.money.ports import MoneyEvent


class HealthState(Enum):
    """Whether a part works."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    """Not tried yet, or closed."""


@dataclass(frozen=True, slots=True)
class Health:
    """A part's state and, in plain words for a person, why.

    Attributes:
        state: Whether it works.
        reason: What is wrong and what to do; empty when it is up.
    """

    state: HealthState
    reason: str = ""


HEALTH_UP = Health(HealthState.UP)
HEALTH_UNKNOWN = Health(HealthState.UNKNOWN, "not opened yet")
HEALTH_CLOSED = Health(HealthState.UNKNOWN, "closed")


@dataclass(frozen=True, slots=True)
class CardPresent:
    """One card lies on a reader. Sent once per card laid down, not while it stays.

    Once more if its proof was lost at first, and came after all while it stayed.

    Attributes:
        reader: Id of the reader.
        uid: 4, 7 or 10 bytes as the card sent them. A random UID
            (`wire.ids.is_random_uid`) is passed on as it is.
        kind: What the card seems to be, for people: "type2", "mifare_classic_1k",
            "iso14443-4", …
            Nothing may be decided by it.
        level: What the card proved. 0: only its UID, which can be copied; 1 and 2
            as DESIGN section 6.
        mono_ms: When it was seen.
        proof: How it proved its level; None at level 0.
        proof_lost: It began to prove itself, and its answers were lost: nobody knows what
            it would have proved. Its level is 0.
    """

    reader: str
    uid: bytes
    kind: str
    level: int
    mono_ms: int
    proof: CardProof | None = None
    proof_lost: bool = False


@dataclass(frozen=True, slots=True)
class CardGone:
    """The field is empty again, after `CardPresent` or `CardsSeveral`."""

    reader: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class CardsSeveral:
    """Two or more cards lie on a reader, so none may be charged.

    Also sent after `CardPresent`, when another card comes. No card is reported until
    the field was empty (`CardGone`): who pulls one of two cards away hasn't chosen
    the other one.
    """

    reader: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class ReaderDown:
    """A reader stopped answering. Sent once until `ReaderUp`.

    A card that lay there is reported gone first. The driver goes on trying.

    Attributes:
        reader: Id of the reader.
        reason: What was seen, in words for a person.
        mono_ms: When it was noticed.
    """

    reader: str
    reason: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class ReaderUp:
    """A reader answers: sent when it's opened first and after each `ReaderDown`."""

    reader: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A person pressed a button. Sent at the press, not at the release.

    Attributes:
        button: Id of the button.
        mono_ms: When it was seen.
    """

    button: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class DigitsTyped:
    """A person typed digits at a machine and ended with Enter.

    Attributes:
        keypad: Id of the keypad, after its machine.
        digits: As typed, at most some dozens; what they mean isn't the part's affair.
        mono_ms: When they were ended.
    """

    keypad: str
    digits: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class InputChanged:
    """A machine's own feedback (runs, door, flow) changed. The level at `start` is sent first.

    Attributes:
        input: Id of the input.
        active: Whether it is active now; polarity is already resolved.
        mono_ms: When it was seen.
    """

    input: str
    active: bool
    mono_ms: int


PartEvent = (
    CardPresent
    | CardGone
    | CardsSeveral
    | ReaderDown
    | ReaderUp
    | ButtonPressed
    | DigitsTyped
    | InputChanged
    | MoneyEvent
)
"""Everything that a part reports by itself."""

Emit = Callable[[PartEvent], None]
"""Takes an event from a driver's thread. Must not block, raise or call the part."""


class CardReader(Protocol):
    """Sees cards."""

    @property
    def health(self) -> Health:
        """Whether the reader answers."""
        ...

    def start(self, emit: Emit) -> None:
        """Begin to look for cards. Called once.

        Returns at once, also when no reader is plugged in: that is reported as
        `ReaderDown`, and tried again for ever.
        """
        ...

    def close(self) -> None:
        """Stop, and give the device back. No event is sent after it returns."""
        ...


class Output(Protocol):
    """A relay or anything that switches a machine: a dead-man's switch.

    It is off when opened, when closed, and whenever nobody has renewed it. A
    stuck agent, a lost thread and a forgotten session all end in off.
    """

    @property
    def is_on(self) -> bool:
        """Whether it drives the machine now, a lease that ran out included."""
        ...

    @property
    def on_ms_total(self) -> int:
        """For how long it has been on since it was opened, in ms; never falls."""
        ...

    def set_on(self, lease_ms: int) -> None:
        """Switch on, or stay on, until `lease_ms` (1 to `LEASE_MS_MAX`) from now.

        A second call replaces the lease, it doesn't add to it. Staying on doesn't
        blink the output.

        Raises:
            ValueError: `lease_ms` is out of range.
            PartError: The output can't be driven, or is closed; take it as off and
                the machine as out of service.
        """
        ...

    def set_off(self) -> None:
        """Switch off now; nothing happens when it is off already.

        Raises:
            PartError: The output can't be driven; its state is unknown.
        """
        ...

    def close(self) -> None:
        """Switch off and give the pin back."""
        ...


LEASE_MS_MAX = 60_000
"""Longest lease: a machine may outrun a dead agent by a minute and no more."""


class Quality(Enum):
    """How far a reading can be trusted."""

    OK = "ok"
    SILENT = "silent"
    """The meter didn't answer; `total` is the last known one."""
    UNKNOWN = "unknown"
    """Nothing has been read yet, or the answer made no sense; `total` isn't usable
    when nothing was read before, and then it is 0."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A meter's state.

    Attributes:
        total: Cumulative, in the meter's base unit (Wh, ml, pulses, s, …), a whole
            number rounded down. Where it starts is the meter's own affair: only a
            difference of two readings is usage. It may fall when a meter is
            exchanged or reset; the driver passes that on as it is, and the agent
            decides.
        quality: Whether `total` is fresh.
        lost: Pulses known to be lost since the meter was opened; not in `total`.
    """

    total: int
    quality: Quality
    lost: int


class Meter(Protocol):
    """Counts what is used."""

    @property
    def survives_restart(self) -> bool:
        """Whether `total` goes on counting while nobody reads it.

        Only then may readings before and after a restart of the agent be subtracted.
        """
        ...

    def read(self) -> Reading:
        """Read now. Returns within 50 ms and never raises; says `SILENT` or `UNKNOWN`."""
        ...

    def close(self) -> None:
        """Stop counting and give the device back."""
        ...


class Input(Protocol):
    """A pin that reports: `ButtonPressed` for a button, `InputChanged` for feedback."""

    @property
    def is_active(self) -> bool:
        """Its level now, polarity resolved."""
        ...

    def start(self, emit: Emit) -> None:
        """Begin to report. Called once."""
        ...

    def close(self) -> None:
        """Stop reporting and give the pin back."""
        ...


ALL_SCRIPTS = frozenset({"latin", "han", "arabic"})
"""The scripts of the languages that ship."""
LATIN_ONLY = frozenset({"latin"})


class Signal(Enum):
    """What an indicator tells the person in front of the machine.

    Each has a shape in time besides its colour, so that it can be told apart
    without seeing colours.
    """

    READY = "ready"
    ASKING = "asking"
    """The hub is being asked: wait a moment."""
    RUNNING = "running"
    LOW = "low"
    """Running, and the balance runs low."""
    REFUSED = "refused"
    FAULT = "fault"
    OFF = "off"


class Indicator(Protocol):
    """Lamps or a buzzer at a machine."""

    def show(self, signal: Signal) -> None:
        """Show `signal` until the next call; a buzzer sounds once.

        Returns at once and never raises.
        """
        ...

    def close(self) -> None:
        """Switch the lamps off, or be silent."""
        ...


class Display(Protocol):
    """A text display at a machine."""

    @property
    def health(self) -> Health:
        """Whether the display took the last text."""
        ...

    @property
    def scripts(self) -> frozenset[str]:
        """What it can write, of `latin`, `han` and `arabic`."""
        ...

    def show(self, lines: tuple[str, ...]) -> None:
        """Show `lines` from the top, until the next call.

        What doesn't fit is cut, what the display can't print is replaced. Returns
        at once and never raises: a display that is gone shows the latest text when
        it is back.
        """
        ...

    def close(self) -> None:
        """Clear the display and give the device back."""
        ...

"""What the core is told.

Whatever takes a look-up, a signature or an id is done before: an input carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_agent.core.allowance import Rights
from firmware_agent.core.model import Alarm
from firmware_agent.core.money_inputs import MoneyInput
from firmware_agent.core.paying import CardLimit
from firmware_agent.core.used_codes import Use
from hardware.ports import Reading
from wire.codes import Misread, OfflineCode
from wire.downlink import CardEntry, Command, Right, WantAnswer
from wire.events import ClockState
from wire.machines import Config
from wire.proof import Proof


@dataclass(frozen=True, slots=True)
class CardTapped:
    """One card lies on a reader.

    Attributes:
        reader: Which.
        card: Reference of the card; empty for a random UID.
        entry: What the card list says; None: nothing.
        rights: Rights of each account that it may pay from; none: the card is unknown.
        level: What the card proved.
        session: A fresh id, used if a session comes of it.
        spent_minor: What counts against its limit, when it has one.
        proof: How it proved itself; None: it didn't.
        proof_lost: It began to, and went away: nobody knows what it would have proved.
    """

    reader: str
    card: str
    entry: CardEntry | None
    rights: tuple[Rights, ...]
    level: int
    session: str
    spent_minor: int = 0
    proof: Proof | None = None
    proof_lost: bool = False


@dataclass(frozen=True, slots=True)
class CardsClashed:
    """Several cards lie on a reader."""

    reader: str


@dataclass(frozen=True, slots=True)
class CardForgotten:
    """Who tapped last at a reader said that they are done there."""

    reader: str


@dataclass(frozen=True, slots=True)
class ReaderChanged:
    """A reader answers again, or stopped answering.

    Attributes:
        reader: Which.
        reason: Why it is down; empty: it is up.
    """

    reader: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """Someone pressed the button of a machine."""

    machine: str


@dataclass(frozen=True, slots=True)
class FeedbackChanged:
    """A machine's own signal that it runs changed."""

    machine: str
    active: bool


@dataclass(frozen=True, slots=True)
class DoorChanged:
    """A machine's door was opened or closed."""

    machine: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class FaultyChanged:
    """A machine says itself that it has a fault, or no longer."""

    machine: str
    faulty: bool


@dataclass(frozen=True, slots=True)
class ProgramChosen:
    """Someone chose a program at a machine.

    Attributes:
        machine: Which.
        program: Its id; empty: the next one.
    """

    machine: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class Metered:
    """A machine was read.

    Attributes:
        machine: Which.
        on_ms: On-time of its output, cumulative.
        reading: Of its meter; None: it has none.
    """

    machine: str
    on_ms: int
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class PartChanged:
    """A machine's output failed, or can be driven again.

    Attributes:
        machine: Which.
        reason: What failed; empty: it works.
        is_meter: Whether it was the meter that couldn't be opened.
    """

    machine: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The hub can be reached, or not."""

    online: bool


@dataclass(frozen=True, slots=True)
class AccountsCame:
    """Rights and answers came from the hub.

    Attributes:
        revision: Of the message.
        rights: Each right with what was held of that account.
        answers: To wants.
    """

    revision: int
    rights: tuple[tuple[Right, Rights], ...]
    answers: tuple[WantAnswer, ...]


@dataclass(frozen=True, slots=True)
class LimitsCame:
    """New entries of cards in play came with the list.

    Attributes:
        limits: Limit of each card; None: it has none any more.
    """

    limits: Mapping[str, CardLimit | None]


@dataclass(frozen=True, slots=True)
class CodeTyped:
    """Someone typed an offline code at a machine.

    Attributes:
        machine: Where.
        found: Its unit and what it says, or why it is none; None: this controller has no
            key for codes.
        use: What is known of its counter.
        entry: The card that it is for, see `core.codes.holder`; None: no card was tapped.
        rights: Rights of each account of that card.
    """

    machine: str
    found: tuple[str, OfflineCode] | Misread | None
    use: Use = Use.FRESH
    entry: CardEntry | None = None
    rights: tuple[Rights, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigCame:
    """A newer configuration came, checked.

    Attributes:
        config: It.
        journal: Whether it is to be journalled; not when it is read back at a start.
    """

    config: Config
    journal: bool = True


@dataclass(frozen=True, slots=True)
class CommandCame:
    """A command to be obeyed now: fresh, not expired, not obeyed before.

    Attributes:
        command: It.
        entry: For a start: what the card list says of its card.
        rights: For a start: of each account that the card may pay from.
        session: A fresh id.
        spent_minor: For a start: what counts against the card's limit.
    """

    command: Command
    entry: CardEntry | None
    rights: tuple[Rights, ...]
    session: str
    spent_minor: int = 0


@dataclass(frozen=True, slots=True)
class ClockShifted:
    """The hub's clock showed the own one to be off.

    Attributes:
        offset_ms: Hub's time minus own time.
        was: Trust before.
    """

    offset_ms: int
    was: ClockState


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """Nothing may start from now on, or again; see `Alarm`."""

    alarm: Alarm | None


@dataclass(frozen=True, slots=True)
class ExcessFound:
    """An account that isn't in play holds more backed rights than its target."""

    rights: Rights


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The agent ends: settle every session."""


Input = (
    CardTapped
    | CardsClashed
    | CardForgotten
    | ReaderChanged
    | Pressed
    | FeedbackChanged
    | DoorChanged
    | FaultyChanged
    | ProgramChosen
    | Metered
    | PartChanged
    | Ticked
    | LinkChanged
    | AccountsCame
    | LimitsCame
    | CodeTyped
    | ConfigCame
    | CommandCame
    | ClockShifted
    | AlarmChanged
    | ExcessFound
    | ShutDown
    | MoneyInput
)

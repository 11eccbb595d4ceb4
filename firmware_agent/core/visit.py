"""One use of a machine: the tap that waits for the hub, and the session that is open."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_agent.core.metering import Track
from firmware_agent.core.paying import unit_by_code
from wire.downlink import CardEntry
from wire.events import Ended, Stamp
from wire.machines import Machine
from wire.money import Unit
from wire.proof import Proof
from wire.tariff import Tariff
from wire.usage import NOTHING, Usage


@dataclass(frozen=True, slots=True)
class PendingWant:
    """A want without an answer.

    Attributes:
        request: Its id; repeated with the same one.
        amount_minor: How much.
        sent_ms: Monotonic time of the last sending.
    """

    request: str
    amount_minor: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A tap that waits for the hub.

    Attributes:
        session: Id that the session will have.
        entry: The card.
        spec: The machine's configuration, as at the tap.
        tariff: What will price the session, as at the tap.
        need_minor: What the start takes.
        want: What was asked.
        deadline_ms: Monotonic time when the policy decides.
        command: Id of the command that asked for the start; empty: a tap.
        proof: How the card proved itself; None: it didn't.
        program: Program of a cycle that was chosen; empty: there is no choice.
    """

    session: str
    entry: CardEntry
    spec: Machine
    tariff: Tariff | None
    need_minor: int
    want: PendingWant
    deadline_ms: int
    command: str = ""
    proof: Proof | None = None
    program: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A card that may choose something at a vending machine.

    Attributes:
        session: Id that the session will have.
        entry: The card.
        spec: The machine's configuration, as at the tap.
        tariff: What will price the session, as at the tap.
        funds_minor: What the vending machine was told.
        until_ms: Monotonic time until when something may be chosen.
        proof: How the card proved itself; None: it didn't.
    """

    session: str
    entry: CardEntry
    spec: Machine
    tariff: Tariff
    funds_minor: int
    until_ms: int
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Vending:
    """What a vending machine was told to give.

    Attributes:
        request: The machine's own name of it.
        item: What was chosen, as the machine names it.
        until_ms: Monotonic time until when its word is awaited.
    """

    request: str
    item: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class LostVend:
    """A vend that ended as unknown; the machine may still say how it went."""

    request: str
    session: str
    account: str
    item: str


@dataclass(frozen=True, slots=True)
class Purse:
    """Coins and notes at a machine.

    Attributes:
        entry: The card that money is for now; None: nobody's.
        until_ms: Monotonic time until when it is.
        holding: Id of what is held for a card to come; empty: nothing is.
        held_minor: How much that is.
        held_until_ms: Monotonic time until when it is held.
    """

    entry: CardEntry | None = None
    until_ms: int = 0
    holding: str = ""
    held_minor: int = 0
    held_until_ms: int = 0


NO_MONEY = Purse()


@dataclass(frozen=True, slots=True)
class Stopping:
    """A session whose use has ended.

    Attributes:
        reason: Why.
        ended: When.
        settle_ms: Monotonic time when the last reading is taken.
        released: Whether the charge is dropped.
        detail: More words on why.
    """

    reason: Ended
    ended: Stamp
    settle_ms: int
    released: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open in the journal.

    Attributes:
        id: Made at the tap.
        spec: The machine's configuration, frozen at the start.
        entry: The card, as at the start.
        tariff: Frozen at the start; None: free.
        started: When.
        started_ms: Monotonic.
        usage: So far.
        charge_minor: So far.
        track: Where it stands at its meter.
        checkpoint_ms: Monotonic time of the last journalled progress.
        checkpoint_usage: Usage in it.
        active_ms: Monotonic time when something was last used.
        want: Question to the hub without an answer.
        wants: How many questions were asked.
        want_after_ms: Monotonic time before which nothing more is asked.
        backed_only: The hub said that the card's limit is reached: what it granted is
            all that there is, and no floor.
        finishing: Why it lives on the reserve; None: it doesn't.
        paused_ms: Monotonic time since when it is paused.
        meter_fault: A silent meter was journalled.
        stopping: Set once use has ended.
        program: Program of a cycle that was chosen; empty: there is no choice.
        vending: What a vending machine was told to give; None: it is none.
    """

    id: str
    spec: Machine
    entry: CardEntry
    tariff: Tariff | None
    started: Stamp
    started_ms: int
    usage: Usage = NOTHING
    charge_minor: int = 0
    track: Track = field(default_factory=Track)
    checkpoint_ms: int = 0
    checkpoint_usage: Usage = NOTHING
    active_ms: int = 0
    want: PendingWant | None = None
    wants: int = 0
    want_after_ms: int = 0
    backed_only: bool = False
    finishing: Ended | None = None
    paused_ms: int = 0
    meter_fault: bool = False
    stopping: Stopping | None = None
    program: str = ""
    vending: Vending | None = None

    def facts(self, machine: str) -> dict[str, object]:
        """What each of its events repeats (`wire.events.SessionFacts`)."""
        return {
            "session": self.id,
            "machine": machine,
            "account": self.account,
            "card": self.entry.card,
            "tariff": self.tariff.id if self.tariff is not None else "",
            "tariff_version": self.tariff.version if self.tariff is not None else 0,
            "started": self.started,
            "mode": self.spec.mode.value,
            "program": self.program,
        }

    @property
    def account(self) -> str:
        """Who pays."""
        return self.entry.account

    @property
    def unit(self) -> Unit:
        """Unit of the money."""
        return self.tariff.unit if self.tariff is not None else unit_by_code(self.entry.unit)

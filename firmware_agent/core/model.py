"""What the core knows: the state of a controller, all of it immutable.

A step builds a new state; the old one stays whole, so that a commit that fails
leaves nothing half done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_agent.core.allowance import Rights, local_balance
from firmware_agent.core.metering import NO_BOUNDS, Bounds, Track
from firmware_agent.core.paying import CardLimit, accounts_of
from firmware_agent.core.session import IN_SESSION, MAY_BE_ON, State
from firmware_agent.core.visit import NO_MONEY, Ask, LostVend, Offer, Purse, Session
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import ClockState, Stamp
from wire.machines import Machine, Mode, Policy
from wire.money import EUR, Unit
from wire.proof import Proof
from wire.tariff import Tariff


@dataclass(frozen=True, slots=True)
class Moment:
    """When an input is taken.

    Attributes:
        wall_ms: Wall time, corrected by what the hub's clock says.
        mono_ms: Monotonic time.
        boot_id: This start of the agent.
        clock: Trust in `wall_ms`.
    """

    wall_ms: int
    mono_ms: int
    boot_id: str
    clock: ClockState = ClockState.STALE

    @property
    def stamp(self) -> Stamp:
        """This moment as events tell it."""
        return Stamp(
            wall_ms=self.wall_ms, mono_ms=self.mono_ms, boot_id=self.boot_id, clock=self.clock
        )


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the controller's file says about a machine, as far as deciding needs it.

    Attributes:
        machine: Its id.
        reader: Its reader; empty: none.
        shared: Whether other machines use the same reader.
        meter_unit: Base unit of its meter; None: it has none.
        has_feedback: Whether it says by itself that it runs.
        meter_bounds: What its meter can't do.
        acceptors: What takes coins and notes there: id to the most that comes in at once.
        has_bus: Whether it is a vending machine that says what it gives.
    """

    machine: str
    reader: str = ""
    shared: bool = False
    meter_unit: str | None = None
    has_feedback: bool = False
    meter_bounds: Bounds = NO_BOUNDS
    acceptors: Mapping[str, int] = field(default_factory=dict)
    has_bus: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why no session may start.

    Attributes:
        code: A `Code`.
        words: What is wrong and what to do.
        writable: Whether events can still be journalled.
    """

    code: Code
    words: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person is told for a few seconds.

    Attributes:
        code: Why refused; None: what follows is no refusal.
        words: First line when there is no code.
        then: Second line when there is no code; empty: the amount.
        amount_minor: Amount it is about: missing, or charged.
        unit: Unit of the amount.
        until_ms: Monotonic time when it goes.
    """

    until_ms: int
    code: Code | None = None
    words: str = ""
    then: str = ""
    amount_minor: int = 0
    unit: Unit = EUR


@dataclass(frozen=True, slots=True)
class MachineState:
    """One machine.

    Attributes:
        wiring: From the controller's file.
        spec: From the hub; None: the hub hasn't configured it.
        state: Of the session state machine.
        since_ms: Wall time since when.
        session: The open session, in `IN_SESSION`.
        ask: The waiting tap, in ASKING.
        offer: Who may choose something, in CHOOSING.
        purse: Coins and notes.
        lost_vend: The last vend that ended as unknown; None: none did.
        locked: Locked by a command.
        retired: Why it was taken out of service here; empty: it wasn't.
        failed_starts: Starts in a row after which it didn't say that it runs.
        broken: Why its output, meter or feedback doesn't work; empty: they do.
        money_down: Acceptors and vending bus that don't answer: id to the reason.
        faulty: Whether it says itself that it has a fault.
        door: Whether its door is open; None: not known.
        door_ms: Monotonic time since when.
        door_fault: A door open for too long was journalled.
        program: Program that is chosen; empty: the first.
        feedback: The machine's own signal; None: not known.
        feedback_ms: Monotonic time since when.
        idle_meter: Readings while nobody uses it, for health only.
        meter_fault: A silent meter was journalled while nobody used it.
        notice: What the person is told.
        identify_until_ms: Until then the machine shows itself.
    """

    wiring: Wiring
    spec: Machine | None = None
    state: State = State.OUT_OF_SERVICE
    since_ms: int = 0
    session: Session | None = None
    ask: Ask | None = None
    offer: Offer | None = None
    purse: Purse = NO_MONEY
    lost_vend: LostVend | None = None
    locked: bool = False
    retired: str = ""
    failed_starts: int = 0
    broken: str = ""
    money_down: Mapping[str, str] = field(default_factory=dict)
    faulty: bool = False
    door: bool | None = None
    door_ms: int = 0
    door_fault: bool = False
    program: str = ""
    feedback: bool | None = None
    feedback_ms: int = 0
    idle_meter: Track = field(default_factory=Track)
    meter_fault: bool = False
    notice: Notice | None = None
    identify_until_ms: int = 0

    @property
    def id(self) -> str:
        """Its name."""
        return self.wiring.machine

    @property
    def entry(self) -> CardEntry | None:
        """The card whose session or question it is busy with; None: nobody's."""
        busy = self.session or self.ask or self.offer
        return busy.entry if busy is not None else None

    @property
    def trouble(self) -> str:
        """Why it can't be used, in words; empty: nothing is wrong."""
        if self.broken:
            return self.broken
        if self.faulty:
            return "it says itself that it has a fault"
        needed = tuple(self.wiring.acceptors) if self.is_mode(Mode.REVALUE) else ()
        is_cut_off = self.wiring.has_bus and self.is_mode(Mode.VEND)
        if self.money_down and (is_cut_off or (needed and set(needed) <= set(self.money_down))):
            return next(iter(self.money_down.values()))
        return ""

    def is_mode(self, mode: Mode) -> bool:
        """Whether it is configured, and of a mode."""
        return self.spec is not None and self.spec.mode is mode

    @property
    def account(self) -> str:
        """Who pays for the session or question it is busy with; empty: nobody."""
        entry = self.entry
        return entry.account if entry is not None else ""

    @property
    def drives(self) -> bool:
        """Whether its output has to be kept on."""
        if self.state not in MAY_BE_ON or self.session is None:
            return False
        spec = self.session.spec
        if spec.mode is Mode.VEND:
            return False
        return spec.mode is not Mode.CYCLE or spec.cycle.pulse_ms == 0

    @property
    def open_minor(self) -> int:
        """What its open session has charged so far."""
        return self.session.charge_minor if self.state in IN_SESSION and self.session else 0


@dataclass(frozen=True, slots=True)
class Shown:
    """The card that was shown, as far as events may tell.

    Attributes:
        card: Its reference; empty: none, or a random UID.
        account: Whose; empty: not known.
        proof: How it proved itself; None: it didn't.
    """

    card: str = ""
    account: str = ""
    proof: Proof | None = None


NOBODY = Shown()


@dataclass(frozen=True, slots=True)
class PendingTap:
    """A card laid down at a shared reader before a machine was chosen."""

    card: str
    entry: CardEntry
    level: int
    session: str
    until_ms: int
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class LastCard:
    """The known card that was tapped last at a reader; a code typed next is for it."""

    entry: CardEntry
    until_ms: int


@dataclass(frozen=True, slots=True)
class CodeTries:
    """Wrong codes that may still be typed: tries come back with time.

    Attributes:
        left: Tries now.
        since_ms: Monotonic time from when on they come back.
    """

    left: int = 1
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReaderState:
    """One reader.

    Attributes:
        down: Why it doesn't answer; empty: it does.
        chosen: Machine chosen by its button; empty: none.
        chosen_until_ms: Until then.
        pending: Card that waits for a machine to be chosen.
        refusals_from_ms: Start of the minute in which refusals are counted.
        refusals: How many were journalled in it.
        notice: What the person at a shared reader is told.
        last: Card tapped last; None: none.
    """

    id: str
    down: str = ""
    chosen: str = ""
    chosen_until_ms: int = 0
    pending: PendingTap | None = None
    refusals_from_ms: int = 0
    refusals: int = 0
    notice: Notice | None = None
    last: LastCard | None = None


@dataclass(frozen=True, slots=True)
class ControllerState:
    """Everything that deciding needs.

    Attributes:
        name: The controller.
        epoch: Id of its journal.
        last_seq: Last seq in its journal.
        machines: By id.
        readers: By id.
        accounts: Rights of accounts in play, by account.
        limits: Limits of cards in play that have one, by card.
        tariffs: Newest version of each tariff, by id.
        policy: Rules of the controller as a whole.
        config_version: Of the configuration in force; 0: none.
        accounts_revision: Of the rights held.
        online: Whether the hub can be asked.
        alarm: Why no session may start; None: it may.
        pace_ms: Longest time between two readings of a running machine.
        code_tries: Wrong codes that may still be typed.
    """

    name: str
    epoch: str
    last_seq: int = 0
    machines: Mapping[str, MachineState] = field(default_factory=dict)
    readers: Mapping[str, ReaderState] = field(default_factory=dict)
    accounts: Mapping[str, Rights] = field(default_factory=dict)
    limits: Mapping[str, CardLimit] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    config_version: int = 0
    accounts_revision: int = 0
    online: bool = False
    alarm: Alarm | None = None
    pace_ms: int = 250
    code_tries: CodeTries = field(default_factory=CodeTries)

    def open_minor(self, account: str) -> int:
        """What all open sessions of an account have charged so far."""
        return sum(
            machine.open_minor for machine in self.machines.values() if machine.account == account
        )

    def left_minor(self, entry: CardEntry) -> int:
        """What a card may spend here, before its own limit; its account is in play."""
        rights, open_minor = self.accounts[entry.account], self.open_minor(entry.account)
        return local_balance(rights, entry.floor_minor, open_minor).left_minor

    def limit_left(self, entry: CardEntry) -> int | None:
        """What a card may still cost the account that pays; None: it has no limit.

        Below 0 when a new limit is less than what was spent.
        """
        limit = self.limits.get(entry.card)
        if limit is None or limit.account != entry.account:
            return None
        open_minor = sum(
            machine.open_minor
            for machine in self.machines.values()
            if machine.entry is not None
            and (machine.entry.card, machine.entry.account) == (entry.card, entry.account)
        )
        return limit.limit_minor - limit.spent_minor - open_minor

    def cards_in_play(self) -> frozenset[str]:
        """Cards in a session, asking, choosing, paying in, or waiting at a reader."""
        busy = {m.entry.card for m in self.machines.values() if m.entry is not None}
        busy |= {m.purse.entry.card for m in self.machines.values() if m.purse.entry}
        return frozenset(busy | {r.pending.card for r in self.readers.values() if r.pending})

    def is_busy(self, account: str) -> bool:
        """Whether an account is in a session, asking, choosing or paying in somewhere."""
        return any(
            machine.account == account
            or (machine.purse.entry is not None and machine.purse.entry.account == account)
            for machine in self.machines.values()
        )

    def is_in_play(self, account: str) -> bool:
        """Whether its rights are needed: it is busy, or its card waits at a reader."""
        return self.is_busy(account) or any(
            reader.pending is not None and account in accounts_of(reader.pending.entry)
            for reader in self.readers.values()
        )

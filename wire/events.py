"""Journal events: the facts that a controller records, in order, for ever.

Each event is one frozen struct with a `kind` tag. Every field added later has a
default; unknown fields are ignored. Totals (`Totals`) only ever grow, so that loss,
repetition and reordering on the way can't change what they mean.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wire.bounds import Count, Millis, Minor, Name, Seq, Small, Words
from wire.proof import Proof
from wire.usage import NOTHING, Usage


class ClockState(StrEnum):
    """How far a controller's wall clock can be trusted."""

    SYNCED = "synced"
    STALE = "stale"
    RTC = "rtc"


class Ended(StrEnum):
    """Why a session ended. A word of a later version reads as UNKNOWN."""

    TAP = "tap"
    BUTTON = "button"
    IDLE = "idle"
    ZERO_BALANCE = "zero_balance"
    CYCLE_DONE = "cycle_done"
    COMMAND = "command"
    FEEDBACK_MISSING = "feedback_missing"
    FAULT = "fault"
    POWER_LOST = "power_lost"
    SHUTDOWN = "shutdown"
    TIME_LIMIT = "time_limit"
    LIMIT_REACHED = "limit_reached"
    CANCELLED = "cancelled"
    OPENED = "opened"
    VENDED = "vended"
    VEND_FAILED = "vend_failed"
    VEND_UNKNOWN = "vend_unknown"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> Ended:
        """A fact is booked whatever word its sender has for why."""
        del value
        return cls.UNKNOWN


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """When something happened, as data: order is (controller, epoch, seq).

    Attributes:
        wall_ms: Wall clock then, ms since 1970 UTC.
        mono_ms: Monotonic clock then, ms; comparable within one `boot_id` only.
        boot_id: Which start of the agent.
        clock: Trust in `wall_ms`.
    """

    wall_ms: Millis
    mono_ms: Millis
    boot_id: Name
    clock: ClockState = ClockState.STALE


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """An account's running totals at this controller, after the event, minor units.

    Attributes:
        spent: Charged against backed rights (S).
        released: Rights given back (R).
        taken_in: Cash accepted and codes redeemed (M).
        unbacked: Charged beyond backed rights, in this epoch.
    """

    spent: Minor = 0
    released: Minor = 0
    taken_in: Minor = 0
    unbacked: Minor = 0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every event has.

    Attributes:
        seq: Place in the journal: 1, 2, 3 … without a gap.
        at: When it was recorded.
    """

    seq: Seq
    at: Stamp


class Boot(Event, frozen=True, kw_only=True, tag="boot"):
    """The agent started.

    Attributes:
        version: Version of the agent.
        previous_seq: Last seq found at start; 0 for a new journal.
        settled: Sessions found open and settled right after this.
    """

    version: Words
    previous_seq: Seq = 0
    settled: Seq = 0


class SessionFacts(Event, frozen=True, kw_only=True):
    """What start, checkpoint and end of a session repeat, so each stands alone.

    Attributes:
        session: Id made by the controller.
        machine: Which machine.
        account: Who pays.
        card: Reference of the card (`wire.ids.card_ref`).
        tariff: Tariff id, frozen at start.
        tariff_version: Its version.
        started: When the session started.
        mode: How the machine charges, a `wire.machines.Mode`; empty: the agent is of a
            version that didn't say.
        program: Program of a cycle that was chosen; empty: there is no choice.
    """

    session: Name
    machine: Name
    account: Name
    card: Name
    tariff: Name
    tariff_version: Seq
    started: Stamp
    mode: Name = ""
    program: Name = ""


class SessionStarted(SessionFacts, frozen=True, kw_only=True, tag="session_started"):
    """A session began; on disk before the output is switched.

    Attributes:
        local_minor: Local balance at the start.
        online: Whether the hub was reachable.
        floor_used: Whether the start rests on the floor.
        proof: What the card proved; None: nothing, or no card was tapped.
    """

    local_minor: Minor = 0
    online: bool = False
    floor_used: bool = False
    proof: Proof | None = None


class SessionProgress(SessionFacts, frozen=True, kw_only=True, tag="session_progress"):
    """Checkpoint of a running session: what a power cut would settle.

    Attributes:
        usage: Usage so far.
        charge_minor: Price so far.
    """

    usage: Usage = NOTHING
    charge_minor: Minor = 0


class SessionEnded(SessionFacts, frozen=True, kw_only=True, tag="session_ended"):
    """A session ended, with its final charge.

    Attributes:
        ended: When use ended.
        reason: Why.
        usage: All usage.
        charge_minor: Final charge with tax; 0 when released.
        backed_minor: Part paid from backed rights.
        unbacked_minor: Part on the floor, or beyond all rights.
        units_lost: Meter units known to be lost, never charged.
        totals: The account's totals after this.
    """

    ended: Stamp
    reason: Ended
    usage: Usage = NOTHING
    charge_minor: Minor = 0
    backed_minor: Minor = 0
    unbacked_minor: Minor = 0
    units_lost: Count = 0
    totals: Totals = Totals()


class Released(Event, frozen=True, kw_only=True, tag="released"):
    """Backed rights were given back to the hub.

    Attributes:
        account: Whose.
        amount_minor: How much, > 0.
        totals: The account's totals after this.
    """

    account: Name
    amount_minor: Minor
    totals: Totals


class CashTaken(Event, frozen=True, kw_only=True, tag="cash_taken"):
    """Coins or notes were accepted for an account.

    Attributes:
        cash: Id made by the controller.
        machine: Where.
        account: For whom.
        amount_minor: How much, > 0.
        totals: The account's totals after this.
        card: Reference of the card that named the account.
        acceptor: Which device took it; empty: several, or an earlier version's agent.
        device_seq: The device's own count of it; 0: it has none.
        holding: The money was put in before the card came, and held under this id
            (`CashHeld`); empty: it came just now.
    """

    cash: Name
    machine: Name
    account: Name
    amount_minor: Minor
    totals: Totals
    card: Name = ""
    acceptor: Name = ""
    device_seq: Seq = 0
    holding: Name = ""


class HoldingFacts(Event, frozen=True, kw_only=True):
    """What is said of money that came in without a card.

    Attributes:
        holding: Id of what is held at a machine until a card comes; made with its first coin.
        machine: Where.
        unit: Unit of the money.
        amount_minor: How much, > 0.
    """

    holding: Name
    machine: Name
    unit: Name
    amount_minor: Minor


class CashHeld(HoldingFacts, frozen=True, kw_only=True, tag="cash_held"):
    """Coins or notes were accepted while nobody's card was there: held for the next one.

    Attributes:
        held_minor: All that is held under this id now.
        acceptor: Which device took it.
        device_seq: The device's own count of it; 0: it has none.
    """

    held_minor: Minor
    acceptor: Name = ""
    device_seq: Seq = 0


class CashUnclaimed(HoldingFacts, frozen=True, kw_only=True, tag="cash_unclaimed"):
    """No card came for held money in time: a person decides whose it is."""


class CodeRedeemed(Event, frozen=True, kw_only=True, tag="code_redeemed"):
    """An offline code was typed and its amount credited (`wire.codes`).

    Attributes:
        code: The code's counter: each is redeemed once.
        machine: Where it was typed.
        account: For whom.
        card: Reference of the card that named the account.
        amount_minor: How much, > 0.
        totals: The account's totals after this; `taken_in` grew.
    """

    code: Seq
    machine: Name
    account: Name
    card: Name = ""
    amount_minor: Minor
    totals: Totals


class CardRefused(Event, frozen=True, kw_only=True, tag="card_refused"):
    """A tap was refused.

    Attributes:
        machine: Where; empty when no machine was chosen.
        card: Reference of the card; empty for a random UID.
        account: Whose, when known.
        code: Reason, a `wire.errors.Code`.
        short_minor: By how much the balance was too low.
        proof: What the card proved; None: nothing.
    """

    machine: Name
    card: Name
    code: Small
    account: Name = ""
    short_minor: Minor = 0
    proof: Proof | None = None


class MachineFault(Event, frozen=True, kw_only=True, tag="machine_fault"):
    """A machine or part misbehaved, or came back (`cleared`).

    Attributes:
        machine: Which; empty for the controller itself.
        code: What, a `wire.errors.Code`.
        detail: Words for the technician.
        cleared: True when it is over.
    """

    machine: Name
    code: Small
    detail: Words = ""
    cleared: bool = False


class VendOutcome(Event, frozen=True, kw_only=True, tag="vend_outcome"):
    """How a vend ended: success, failure or unknown.

    Attributes:
        session: The session that reserved it.
        outcome: `success`, `failure` or `unknown`.
        machine: Where.
        account: Who paid, or was to pay.
        item: What was chosen, as the machine names it.
        detail: Why it failed, or isn't known.
        late: The session had ended as unknown before this came.
    """

    session: Name
    outcome: Name
    machine: Name = ""
    account: Name = ""
    item: Name = ""
    detail: Words = ""
    late: bool = False


class ConfigApplied(Event, frozen=True, kw_only=True, tag="config_applied"):
    """A configuration from the hub took effect.

    Attributes:
        version: Its version.
    """

    version: Seq


class ClockAdjusted(Event, frozen=True, kw_only=True, tag="clock_adjusted"):
    """The wall clock was found to be off, against the hub's.

    Attributes:
        offset_ms: Hub's time minus own time.
        was: Trust before.
    """

    offset_ms: Millis
    was: ClockState


AnyEvent = (
    Boot
    | SessionStarted
    | SessionProgress
    | SessionEnded
    | Released
    | CashTaken
    | CashHeld
    | CashUnclaimed
    | CodeRedeemed
    | CardRefused
    | MachineFault
    | VendOutcome
    | ConfigApplied
    | ClockAdjusted
)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a kind that this version doesn't know: stored and flagged.

    Attributes:
        kind: Its kind.
        seq: Its place.
        at: When.
    """

    kind: str
    seq: Seq
    at: Stamp

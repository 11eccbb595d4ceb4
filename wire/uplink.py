"""What a controller sends: the bodies under `up/`.

`JournalHeader`, `Want` and `Result` are signed (`wire.envelope`); `Status` and
`StateView` are for looking only. Later fields have defaults; unknown ones are ignored.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wire.bounds import Count, HashHex, Millis, Minor, Name, Seq, Small, Words
from wire.events import ClockState


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True, tag="journal", tag_field="kind"):
    """Header of a batch; signed, and through `head_hash` so are the events.

    A batch without events is a report: it only says what the controller holds.

    Attributes:
        sender: The controller.
        receiver: `hub`.
        epoch: Id of the journal.
        first_seq: Seq of the first event; for a report the next one to come.
        count: Events in the batch.
        prev_hash: Chain hash before the first event, hex.
        head_hash: Chain hash after the last, hex.
        accounts_revision: Revision of rights that the controller holds.
        list_revision: Revision of the card list that it holds.
        config_version: Version of the configuration that it holds.
        last_seq: Last seq in its journal when it wrote this.
        sent_ms: Its wall clock then.
        hub_key: Mark of the hub's key that it believes (`wire.succession`); empty: its
            agent is of a version that knows only one.
    """

    sender: Name
    receiver: Name
    epoch: Name
    first_seq: Seq
    count: Seq
    prev_hash: HashHex
    head_hash: HashHex
    accounts_revision: Seq = 0
    list_revision: Seq = 0
    config_version: Seq = 0
    last_seq: Seq = 0
    sent_ms: Millis = 0
    hub_key: Name = ""


class Want(msgspec.Struct, frozen=True, kw_only=True, tag="want", tag_field="kind"):
    """Body of `up/want`: a request for backed rights.

    Attributes:
        sender: The controller.
        receiver: `hub`.
        request: Id made by the controller; repeated with the same id, answered once.
        epoch: Its journal.
        session: The session it is for.
        machine: Where.
        account: Whose money.
        card: Reference of the card that was tapped.
        amount_minor: How much more is wanted, > 0.
        last_seq: Last seq in its journal.
        sent_ms: Its wall clock.
    """

    sender: Name
    receiver: Name
    request: Name
    epoch: Name
    session: Name
    machine: Name
    account: Name
    card: Name
    amount_minor: Minor
    last_seq: Seq = 0
    sent_ms: Millis = 0


class Presence(StrEnum):
    """Whether a controller's agent is connected."""

    ONLINE = "online"
    OFFLINE = "offline"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `up/status`, retained, and the will. Unsigned: for looking only.

    Attributes:
        state: Online, or offline (set by the broker through the will).
        boot_id: Which start; a late will of an earlier start is ignored.
        version: Version of the agent.
        accounts_revision: As in `JournalHeader`.
        list_revision: As in `JournalHeader`.
        config_version: As in `JournalHeader`.
        at_ms: Its wall clock.
    """

    state: Presence
    boot_id: Name
    version: Words = ""
    accounts_revision: Seq = 0
    list_revision: Seq = 0
    config_version: Seq = 0
    at_ms: Millis = 0


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """One machine in the live view.

    Attributes:
        machine: Which.
        name: What people read.
        state: Word of the session state machine: `free`, `asking`, `running`, …
        session: Running session, or empty.
        account: Who pays, or empty.
        charge_minor: Charge so far.
        local_minor: Local balance left.
        time_ms: Time used.
        quantity: Units used.
        unit: Unit of `quantity`.
        currency: Unit of the money.
        left_ms: Time left of a cycle, when known.
        detail: Words: fault, why locked.
        since_ms: Wall time since when it is in this state.
    """

    machine: Name
    name: Words = ""
    state: Name
    session: Name = ""
    account: Name = ""
    charge_minor: Minor = 0
    local_minor: Minor = 0
    time_ms: Millis = 0
    quantity: Count = 0
    unit: Name = ""
    currency: Name = ""
    left_ms: Millis = 0
    detail: Words = ""
    since_ms: Millis = 0


class StateView(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `up/state`, retained. Unsigned: for looking only.

    Attributes:
        at_ms: Its wall clock.
        machines: Each machine.
        outbox_events: Events that the hub hasn't acknowledged.
        clock: Trust in its clock.
        readers_down: Readers that don't answer.
        alarm: Why nothing is authorised, or empty.
    """

    at_ms: Millis
    machines: tuple[MachineView, ...] = ()
    outbox_events: Seq = 0
    clock: ClockState = ClockState.STALE
    readers_down: tuple[str, ...] = ()
    alarm: Words = ""


class Outcome(StrEnum):
    """How a command ended. A lost answer is not a no."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="kind"):
    """Body of `up/result`.

    Attributes:
        sender: The controller.
        receiver: `hub`.
        id: The command's id.
        outcome: How it ended.
        code: Why not, a `Code`; 0: done.
        detail: Words.
        at_ms: Its wall clock.
    """

    sender: Name
    receiver: Name
    id: Name
    outcome: Outcome
    code: Small = 0
    detail: Words = ""
    at_ms: Millis = 0

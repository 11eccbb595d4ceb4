"""What the core wants done. Facts come first, in one commit; then the rest, in order.

What people see isn't an effect: it is drawn from the state (`display_text`).
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_agent.core.allowance import Rights
from wire.events import AnyEvent
from wire.uplink import Outcome, Want


@dataclass(frozen=True, slots=True)
class Append:
    """Journal an event, and its totals, and whether its session is open."""

    event: AnyEvent


@dataclass(frozen=True, slots=True)
class KeepRights:
    """Store what the hub said of an account: granted, floor, seq, target."""

    rights: Rights


@dataclass(frozen=True, slots=True)
class KeepRevision:
    """Store the revision of the rights held."""

    revision: int


@dataclass(frozen=True, slots=True)
class KeepLock:
    """Store whether a machine is locked by a command."""

    machine: str
    locked: bool


@dataclass(frozen=True, slots=True)
class KeepRetired:
    """Store why a machine was taken out of service; empty: it is in service again."""

    machine: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Store how a command ended, and tell the hub.

    Attributes:
        command: Its id.
        outcome: How.
        code: Why not; 0: done.
        detail: Words.
    """

    command: str
    outcome: Outcome
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """Switch a machine's output on; it is kept on while its state drives it."""

    machine: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """Switch a machine's output on for so long and no longer."""

    machine: str
    pulse_ms: int


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """Switch a machine's output off."""

    machine: str


@dataclass(frozen=True, slots=True)
class OfferFunds:
    """Tell a vending machine that something may be chosen, and for how much."""

    machine: str
    funds_minor: int


@dataclass(frozen=True, slots=True)
class ApproveVend:
    """Tell a vending machine to give what was chosen."""

    machine: str
    request: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class DenyVend:
    """Tell a vending machine not to give what was chosen."""

    machine: str
    request: str


@dataclass(frozen=True, slots=True)
class EndOffer:
    """Tell a vending machine that nothing more may be chosen."""

    machine: str


@dataclass(frozen=True, slots=True)
class SendWant:
    """Ask the hub; lost when it can't be reached, and then repeated."""

    want: Want


@dataclass(frozen=True, slots=True)
class SendReport:
    """Tell the hub what the controller holds.

    Attributes:
        from_acked: Also send again everything that isn't acknowledged.
    """

    from_acked: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """End the agent, so that the system starts it again."""


Durable = Append | KeepRights | KeepRevision | KeepLock | KeepRetired | Answer
AtVendor = OfferFunds | ApproveVend | DenyVend | EndOffer
Effect = Durable | SwitchOn | Pulse | SwitchOff | AtVendor | SendWant | SendReport | Restart

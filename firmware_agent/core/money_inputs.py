"""What the core is told of coins, notes and vending machines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Said(Enum):
    """What a vending machine says became of a vend; the value is the journal's word."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CashCame:
    """A coin or a note was accepted; it is in the box, whatever happens now.

    Attributes:
        machine: Where.
        acceptor: Which device.
        value_minor: What it is worth, > 0.
        cash: A fresh id.
        device_seq: The device's own count of it; 0: it has none.
    """

    machine: str
    acceptor: str
    value_minor: int
    cash: str
    device_seq: int = 0


@dataclass(frozen=True, slots=True)
class CashGap:
    """A device counted coins that it didn't tell: they are in the box, worth what isn't known.

    Attributes:
        machine: Where.
        acceptor: Which device.
        events: How many.
    """

    machine: str
    acceptor: str
    events: int


@dataclass(frozen=True, slots=True)
class MoneyPartChanged:
    """An acceptor or a vending bus stopped answering, or answers again.

    Attributes:
        machine: Where.
        part: Its id.
        reason: Why it is down; empty: it is up.
    """

    machine: str
    part: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VendAsked:
    """Something was chosen at a vending machine.

    Attributes:
        machine: Which.
        request: The machine's own name of it.
        price_minor: What the machine asks.
        item: What was chosen, as the machine names it.
    """

    machine: str
    request: str
    price_minor: int
    item: str = ""


@dataclass(frozen=True, slots=True)
class VendDone:
    """A vending machine said whether it gave what was chosen.

    Attributes:
        machine: Which.
        request: The machine's own name of it.
        said: How it went.
        reason: Why it failed, or isn't known.
    """

    machine: str
    request: str
    said: Said
    reason: str = ""


MoneyInput = CashCame | CashGap | MoneyPartChanged | VendAsked | VendDone

"""What must hold, and what is said when it doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    """Everything that must hold in every run, in the order in which it is reported."""

    CONSERVED = "money is conserved in each unit"
    FOLDED = "balances are the fold of their transfers"
    LIMITED = "limits hold in every committed state"
    SINGLE = "one id has one effect"
    BACKED = "backed allowances never overdraw"
    EXPOSED = "no more is lost than was shown beforehand"
    SAME_LEDGER = "the same facts give the same ledger, by any path"
    BOOKED_ONCE = "every fact is booked exactly once"
    GAPS_SHOWN = "the hub shows a gap where a journal has one"
    POWER_CUT = "a power cut loses no acknowledged fact and repeats none"
    JOURNAL_FIRST = "no relay closes without a journalled session"
    DRAINED = "escrow drains to what open sessions need"
    CHARGED = "what is charged is the price of what was used"
    DRAWER = "the cash in the drawer is the cash that was put there"


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that doesn't hold.

    Attributes:
        invariant: Which.
        words: What is wrong: names the account, transfer, controller or seq.
        at_ms: Virtual time when it was found.
    """

    invariant: Invariant
    words: str
    at_ms: int

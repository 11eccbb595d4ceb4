"""Vends of which nobody knows whether anything came out: their price waits for a person.

The controller has charged it, so nobody spends it twice; the hub keeps it in `suspense`
until a person has decided (`hub.payments.vend_decisions`). No timer does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.charging.booking_plan import Journal, Plan, alarm
from hub.ledger import accounts as chart
from wire.errors import Code
from wire.events import Ended, SessionEnded, VendOutcome

UNDECIDED = "undecided"
"""State of a session whose price is kept apart."""


def is_undecided(event: SessionEnded) -> bool:
    """Whether a person has to decide what becomes of a session's price."""
    return event.reason is Ended.VEND_UNKNOWN and event.charge_minor > 0


def kept_apart(unit: str) -> tuple[str, str]:
    """Where the price goes meanwhile, in place of revenue and tax."""
    suspense = chart.house("suspense", unit)
    return suspense, suspense


def tell_undecided(journal: Journal, plan: Plan, session: str, event: SessionEnded) -> None:
    """Raise the alarm for whoever decides."""
    words = (
        f"{event.machine} never said whether it gave what {session} paid {event.charge_minor} for:"
        " the money is kept apart until you decide"
    )
    alarm(plan, journal, Code.VEND_UNKNOWN, session, words)


def tell_late(journal: Journal, plan: Plan, row: Mapping[str, Any], event: VendOutcome) -> None:
    """Say what the machine says now; a decided one needs nobody any more."""
    if row["state"] != UNDECIDED:
        return
    gave = "it came out" if event.outcome == "success" else "nothing came out"
    detail = f" ({event.detail})" if event.detail else ""
    words = (
        f"{row['machine']} says now of {row['id']}, which paid {row['charge_minor']}: {gave}"
        f"{detail}. The money is kept apart until you decide"
    )
    alarm(plan, journal, Code.VEND_UNKNOWN, row["id"], words)

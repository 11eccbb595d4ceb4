"""What a demo amounts to: counted from the journals and the book, nothing made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from simulator.system.books import Books
from simulator.system.journals import JournalView
from wire.events import SessionEnded, SessionStarted
from wire.money import EUR, format_amount


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's result: the one JSON object.

    Attributes:
        seed: What people fancied.
        seconds: How long people came.
        controllers: How many.
        machines_used: How many machines were used.
        taps: Cards laid down by the demo's people.
        sessions: Sessions that ended, by the agents' journals.
        refused: Taps refused, by the agents' journals.
        charged_minor: Sum of all charges in the agents' journals.
        ledger_revenue_minor: Revenue and tax in the hub's ledger.
        overrun_minor: What facts cost beyond all rights.
        outage_seconds: How long the network was cut.
        events_while_offline: Events journalled meanwhile.
        sessions_started_offline: Sessions that began meanwhile.
        sessions_ended_offline: Sessions that ended meanwhile.
        unsynced_events: Events that the hub hasn't booked at the end.
        escrow_minor: Money still held for controllers.
        chains_sound: Whether every journal's chain of hashes holds.
        money_conserved: Whether the hub's own verification and the fold of all
            transfers agree that no money appeared or vanished.
        start_seconds: From the command to the first person.
    """

    seed: int
    seconds: float
    controllers: int
    machines_used: int
    taps: int
    sessions: int
    refused: int
    charged_minor: int
    ledger_revenue_minor: int
    overrun_minor: int
    outage_seconds: float
    events_while_offline: int
    sessions_started_offline: int
    sessions_ended_offline: int
    unsynced_events: int
    escrow_minor: int
    chains_sound: bool
    money_conserved: bool
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without network.

    Attributes:
        seconds: How long.
        seqs: By controller: last seq before it, and last seq when it was over.
    """

    seconds: float
    seqs: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the demo counted itself.

    Attributes:
        seed: See `Report`.
        seconds: See `Report`.
        taps: See `Report`.
        start_seconds: See `Report`.
        outages: The times without network.
    """

    seed: int
    seconds: float
    taps: int
    start_seconds: float
    outages: tuple[Outage, ...] = ()


def make_report(
    counts: Counts, journals: Mapping[str, JournalView], books: Books, *, verified: bool
) -> Report:
    """Add everything up.

    Args:
        counts: What the demo counted.
        journals: Every controller's journal at the end.
        books: The hub's book at the end.
        verified: What `standpipe-hub verify` said.
    """
    offline = [
        event
        for outage in counts.outages
        for name, (before, after) in outage.seqs.items()
        for event in journals[name].after(before, after)
    ]
    machines = {event.machine for journal in journals.values() for event in journal.started()}
    return Report(
        seed=counts.seed,
        seconds=round(counts.seconds, 1),
        controllers=len(journals),
        machines_used=len(machines),
        taps=counts.taps,
        sessions=sum(len(journal.ended()) for journal in journals.values()),
        refused=sum(len(journal.refused()) for journal in journals.values()),
        charged_minor=sum(sum(journal.charges.values()) for journal in journals.values()),
        ledger_revenue_minor=books.revenue_minor,
        overrun_minor=books.overrun_minor,
        outage_seconds=round(sum(outage.seconds for outage in counts.outages), 1),
        events_while_offline=len(offline),
        sessions_started_offline=sum(isinstance(event, SessionStarted) for event in offline),
        sessions_ended_offline=sum(isinstance(event, SessionEnded) for event in offline),
        unsynced_events=sum(journal.unsynced for journal in journals.values()),
        escrow_minor=books.escrow_minor,
        chains_sound=all(journal.sound for journal in journals.values()),
        money_conserved=books.conserved and verified,
        start_seconds=round(counts.start_seconds, 1),
    )


def is_good(report: Report) -> bool:
    """Whether the money adds up: what was charged is what was booked, and all of it."""
    return (
        report.charged_minor == report.ledger_revenue_minor
        and report.unsynced_events == 0
        and report.chains_sound
        and report.money_conserved
    )


def in_words(report: Report) -> str:
    """A report for people."""
    charged = format_amount(report.charged_minor, EUR)
    booked = format_amount(report.ledger_revenue_minor, EUR)
    overrun = format_amount(report.overrun_minor, EUR)
    same = "the same" if report.charged_minor == report.ledger_revenue_minor else "NOT THE SAME"
    money = "no money appeared or vanished" if report.money_conserved else "THE BOOK IS WRONG"
    offline = f"{report.sessions_started_offline} sessions started and "
    offline += f"{report.sessions_ended_offline} ended meanwhile"
    late = f"Not yet booked: {report.unsynced_events} events"
    return "\n".join(
        (
            f"{report.taps} taps: {report.sessions} sessions, {report.refused} refused.",
            f"Without network for {report.outage_seconds} s: {offline}.",
            f"Charged at the machines {charged}, in the ledger {booked}: {same}.",
            f"Beyond all rights {overrun}. {late}. Verified: {money}.",
        )
    )

"""What a fleet run amounts to, for people and for programs."""

from __future__ import annotations

import msgspec

from wire.money import EUR, format_amount


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet run's result: the one JSON object.

    Times to the allowance count from when a person was to tap.

    Attributes:
        controllers: How many were connected at once.
        rate_per_s: Taps a second that were asked for.
        seconds: For how long people tapped.
        seed: Who tapped where and when.
        broker: Which broker.
        connect_seconds: Until all were connected, known and configured.
        taps: People who tapped.
        busy: Taps left out, since the controllers were in use.
        granted: Answers that granted all that was wanted.
        refused: Answers that granted less.
        unanswered: Wants without an answer in time.
        answer_ms_p50: Tap to allowance, median.
        answer_ms_p99: The same that 99 % don't exceed.
        answer_ms_max: The longest.
        booked_ms_p50: Session journalled to acknowledged, median.
        booked_ms_p99: The same that 99 % don't exceed.
        lost_connections: Connections that broke by themselves.
        unacked_controllers: Controllers whose journal isn't booked to its end.
        sessions: Sessions journalled.
        charged_minor: What they cost by the journals.
        ledger_revenue_minor: Revenue and tax in the hub's ledger.
        escrow_minor: Money still held for controllers.
        money_conserved: Whether the hub's own verification and the fold of all
            transfers agree that no money appeared or vanished.
        hub_memory_mb: The hub's largest resident memory.
        hub_cpu_ms_per_tap: What the hub worked for each tap, booking included.
    """

    controllers: int
    rate_per_s: int
    seconds: float
    seed: int
    broker: str
    connect_seconds: float
    taps: int
    busy: int
    granted: int
    refused: int
    unanswered: int
    answer_ms_p50: float
    answer_ms_p99: float
    answer_ms_max: float
    booked_ms_p50: float
    booked_ms_p99: float
    lost_connections: int
    unacked_controllers: int
    sessions: int
    charged_minor: int
    ledger_revenue_minor: int
    escrow_minor: int
    money_conserved: bool
    hub_memory_mb: float
    hub_cpu_ms_per_tap: float


def is_good(report: FleetReport) -> bool:
    """Whether everything was answered and the money adds up."""
    return (
        report.charged_minor == report.ledger_revenue_minor
        and report.escrow_minor == 0
        and report.unacked_controllers == 0
        and report.unanswered == 0
        and report.money_conserved
    )


def in_words(report: FleetReport) -> str:
    """A report for people."""
    charged = format_amount(report.charged_minor, EUR)
    booked = format_amount(report.ledger_revenue_minor, EUR)
    same = "the same" if report.charged_minor == report.ledger_revenue_minor else "NOT THE SAME"
    money = "no money appeared or vanished" if report.money_conserved else "THE BOOK IS WRONG"
    held = format_amount(report.escrow_minor, EUR)
    connected = f"{report.connect_seconds:.1f} s; {report.lost_connections} connections broke."
    answers = f"{report.refused} refused, {report.unanswered} without an answer."
    slowest = f"{report.answer_ms_p99:.0f} ms, all within {report.answer_ms_max:.0f} ms."
    late = f"{report.booked_ms_p99:.0f} ms."
    memory = f"{report.hub_memory_mb:.0f} MB."
    lines = (
        f"{report.controllers:,} controllers on {report.broker}, configured in {connected}",
        f"{report.taps:,} taps in {report.seconds:.0f} s: {report.granted:,} granted, {answers}",
        f"Tap to allowance: half within {report.answer_ms_p50:.0f} ms, 99 % within {slowest}",
        f"Session to booked: half within {report.booked_ms_p50:.0f} ms, 99 % within {late}",
        f"The hub worked {report.hub_cpu_ms_per_tap:.1f} ms for each tap and took {memory}",
        f"{report.sessions:,} sessions, charged {charged}, in the ledger {booked}: {same}.",
        f"Still held for controllers: {held}. Verified: {money}.",
    )
    return "\n".join(lines)

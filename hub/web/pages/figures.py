"""The figures of the live page, each beside the one that gives it meaning."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.charging import history
from hub.charging.history import Takings
from hub.ledger import statements
from hub.web.pages import words
from hub.web.pages.model import Figure
from hub.web.pages.moment import Moment, count
from hub.web.pages.risk import Risk
from wire.clock import Clock

WEEK_MS = 7 * words.DAY_MS
PERCENT = 100
OWED_KINDS = ("wallet", "bonus", "escrow", "deposit")
OWED_EVERY_MS = 5_000
"""Adding up 100,000 accounts takes a tenth of a second; the figure says how old it is."""


@dataclass(frozen=True, slots=True)
class Owed:
    """Sums over all accounts, by kind of ledger account, minor units, as of a time."""

    minor: dict[str, int]
    as_of_ms: int


class OwedReader:
    """Reads what is owed, not more often than people need: it adds up every account.

    Args:
        clock: The hub's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[int, Owed] | None = None

    def read(self, connection: Connection, unit: str) -> Owed:
        """What is owed in a unit, at most `OWED_EVERY_MS` old."""
        now = self._clock.now()
        with self._lock:
            if self._last is not None and now.mono_ms - self._last[0] < OWED_EVERY_MS:
                return self._last[1]
            sums = {
                kind: statements.sum_of_kind(connection, kind).get(unit, 0) for kind in OWED_KINDS
            }
            owed = Owed(sums, now.wall_ms)
            self._last = (now.mono_ms, owed)
            return owed


def figures_of(connection: Connection, now: Moment, risk: Risk, owed: Owed) -> list[Figure]:
    """The four figures of the page."""
    as_of = now.at(now.now_ms)
    code = now.unit.code
    start = words.day_start_ms(now.now_ms, now.timezone)
    today = history.takings(connection, code, start, now.now_ms + 1)
    before = history.takings(connection, code, start - WEEK_MS, now.now_ms - WEEK_MS)
    balances = sum(owed.minor[kind] for kind in ("wallet", "bonus", "escrow"))
    running = history.running_count(connection)
    return [
        Figure(
            "Charged today",
            now.amount(today.charge_minor - today.refunded_minor),
            f"{count(today.count, 'session')}; {_week_ago(now, before)}",
            as_of,
        ),
        Figure(
            "Owed to customers",
            now.amount(balances),
            _held(now, owed.minor["escrow"], owed.minor["deposit"]),
            now.at(owed.as_of_ms),
        ),
        Figure(
            "Sessions running",
            str(running),
            "as far as controllers have reported",
            as_of,
        ),
        Figure(
            "Worst loss if all lines were cut now",
            now.amount(risk.exposed_minor),
            f"your limit is {now.amount(now.hub.settings.loss_budget_minor)}",
            as_of,
            _percent(risk.exposed_minor, now.hub.settings.loss_budget_minor),
        ),
    ]


def _week_ago(now: Moment, before: Takings) -> str:
    if not before.count:
        return "none by now a week ago"
    return f"{now.amount(before.charge_minor - before.refunded_minor)} by now a week ago"


def _held(now: Moment, escrow_minor: int, deposit_minor: int) -> str:
    held = (
        f"of it held for machines {now.amount(escrow_minor)}"
        if escrow_minor
        else ("nothing of it is held for machines")
    )
    return f"{held}; deposits beside it {now.amount(deposit_minor)}" if deposit_minor else held


def _percent(part: int, whole: int) -> int | None:
    return None if whole <= 0 else part * PERCENT // whole

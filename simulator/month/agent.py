"""The agent's side of a month, in a process of its own.

`python -m simulator.month.agent FOLDER SESSIONS BROKER_PORT CARDS` says `listed` when it
knows its machines and cards. Told `month` it lives through a month without network, and
prints figures. Told `sync` it sends everything, tidies up, and prints figures again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from firmware_agent.bootstrap import Agent, Edges, build_agent
from firmware_agent.config import load_config
from firmware_agent.logs import set_up
from firmware_agent.store import DATABASE_NAME, open_read_only
from simulator.month.clocks import LeapingClock
from simulator.month.parts import ToldParts
from simulator.month.plan import (
    LEVEL,
    MACHINE,
    MONTH_MS,
    READER,
    RESTARTS,
    RUN_STEPS,
    STEP_MS,
    MonthPlan,
    uid_of,
)
from simulator.waiting import wait_for

CONFIG_NAME = "agent.toml"
LISTED = "listed"
MONTH = "month"
SYNC = "sync"
LIST_S = 120.0
SYNC_S = 1_800.0
WARM_SHARE = 20
"""After a twentieth of the month memory counts: by then all that is kept once is there."""
TIDY_STEPS_MAX = 2_000
"""Minutes that the agent gets after the sync to prune its journal; far more than it needs."""
TIDY_MS = 60_000
STEPS_PER_LOOK = 20
"""Steps between two looks at whether everything is acknowledged."""
_PAUSE_S = 0.002


class MonthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the month was for the agent.

    Attributes:
        sessions: Sessions that ran.
        refused: Taps after which the machine didn't run.
        events: Seq of the last event.
        seconds: How long it took.
        warm_memory_kb: Resident memory after a twentieth of the month.
        memory_kb: The same at its end.
        disk_bytes: Database and WAL at its end.
        start_seconds_max: The longest that a start took.
    """

    sessions: int
    refused: int
    events: int
    seconds: float
    warm_memory_kb: int
    memory_kb: int
    disk_bytes: int
    start_seconds_max: float


class SyncFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the sync was.

    Attributes:
        seconds: Until the last event was acknowledged.
        memory_peak_kb: Largest resident memory of the agent in all of its life.
        rows_kept: Rows of the journal that are left after tidying up.
        disk_bytes: Database and WAL then.
        wal_bytes: Of which the WAL.
    """

    seconds: float
    memory_peak_kb: int
    rows_kept: int
    disk_bytes: int
    wal_bytes: int


class MonthAgent:
    """A real agent on told parts and a leaping clock.

    Args:
        folder: Its data folder, with its identity and file.
        plan: What is to happen.
    """

    def __init__(self, folder: Path, plan: MonthPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._clock = LeapingClock(-MONTH_MS)
        self._refused = 0
        self._start_seconds: list[float] = []
        self.agent = self._build()

    def wait_listed(self, cards: int) -> None:
        """Wait until it has its machines and all cards."""

        def listed() -> bool:
            self.agent.step()
            machine = self.agent.state.machines[MACHINE]
            known = self._number("SELECT COUNT(*) FROM cards")
            return machine.spec is not None and known >= cards

        wait_for("the agent knows its machines and cards", listed, LIST_S)

    def live_a_month(self) -> MonthFigures:
        """Let people come, evenly over a month; the network is away."""
        began_s, warm_kb = time.monotonic(), 0
        sessions = self._plan.sessions
        wait_for("the network is away", self._is_alone, LIST_S)
        own_ms = RUN_STEPS * STEP_MS
        gap_ms = max(0, MONTH_MS // sessions - own_ms)
        for number in range(sessions):
            self._session(uid_of(number % self._plan.people))
            self._pass(gap_ms)
            if number == sessions // WARM_SHARE:
                warm_kb = _memory_kb("VmRSS")
            if number % (sessions // (RESTARTS + 1) + 1) == sessions // (RESTARTS + 1):
                self._restart()
        return MonthFigures(
            sessions=sessions - self._refused,
            refused=self._refused,
            events=self._number("SELECT MAX(seq) FROM journal"),
            seconds=round(time.monotonic() - began_s, 1),
            warm_memory_kb=warm_kb,
            memory_kb=_memory_kb("VmRSS"),
            disk_bytes=self._disk_bytes(),
            start_seconds_max=round(max(self._start_seconds), 2),
        )

    def sync(self) -> SyncFigures:
        """Send everything, then tidy up as in quiet hours."""
        began_s = time.monotonic()
        # It tries again within a minute of its own time.
        self._clock.leap(TIDY_MS)
        wait_for("everything is booked", self._is_synced, SYNC_S)
        seconds = round(time.monotonic() - began_s, 1)
        peak_kb = _memory_kb("VmHWM")
        rows = -1
        for _ in range(TIDY_STEPS_MAX):
            self._pass(TIDY_MS)
            before, rows = rows, self._number("SELECT COUNT(*) FROM journal")
            if rows == before:
                break
        wal = self._folder / f"{DATABASE_NAME}-wal"
        return SyncFigures(
            seconds=seconds,
            memory_peak_kb=peak_kb,
            rows_kept=rows,
            disk_bytes=self._disk_bytes(),
            wal_bytes=wal.stat().st_size if wal.exists() else 0,
        )

    def close(self) -> None:
        """End it in order."""
        self.agent.close()

    def _build(self) -> Agent:
        began_s = time.monotonic()
        self._parts = ToldParts(self._clock)
        config = load_config(self._folder / CONFIG_NAME)
        agent = build_agent(config, Edges(parts=self._parts, clock=self._clock))
        agent.start()
        agent.step()
        self._start_seconds.append(time.monotonic() - began_s)
        return agent

    def _restart(self) -> None:
        """Begin anew from what is on disk."""
        self.agent.close()
        self.agent = self._build()

    def _session(self, uid: bytes) -> None:
        self._tap(uid)
        if not self._parts.outputs[MACHINE].is_on:
            self._refused += 1
            return
        for _ in range(RUN_STEPS):
            self._clock.leap(STEP_MS)
            self.agent.step()
        self._tap(uid)
        if self._parts.outputs[MACHINE].is_on:
            raise RuntimeError("the machine runs on after the second tap")

    def _tap(self, uid: bytes) -> None:
        self._parts.readers[READER].tap(uid, LEVEL)
        # One step takes the tap in, the next one shows what came of it.
        self.agent.step()
        self.agent.step()

    def _pass(self, duration_ms: int) -> None:
        self._clock.leap(duration_ms)
        self.agent.step()
        self.agent.step()

    def _is_alone(self) -> bool:
        self.agent.step()
        return not self.agent.state.online

    def _is_synced(self) -> bool:
        for _ in range(STEPS_PER_LOOK):
            idle_ms = self.agent.step()
            time.sleep(min(_PAUSE_S, idle_ms / 1_000))
        head = self._number("SELECT MAX(seq) FROM journal")
        return self._number("SELECT value FROM meta WHERE key = 'acked_seq'") == head

    def _number(self, query: str) -> int:
        with open_read_only(self._folder) as connection:
            found = connection.execute(query).fetchone()
        return int(found[0] or 0) if found else 0

    def _disk_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob(f"{DATABASE_NAME}*"))


def main() -> None:
    """Do what the arguments say, when stdin says so."""
    folder, sessions, port, cards = sys.argv[1:]
    set_up("error")
    agent = MonthAgent(Path(folder), MonthPlan(int(sessions), int(port)))
    try:
        agent.wait_listed(int(cards))
        print(LISTED, flush=True)
        for order in sys.stdin:
            figures = agent.live_a_month() if order.strip() == MONTH else agent.sync()
            print(msgspec.json.encode(figures).decode(), flush=True)
    finally:
        agent.close()


def _memory_kb(field: str) -> int:
    """Memory of this process (proc(5), status)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()

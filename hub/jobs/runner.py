"""Runs the hub's own jobs when they are due: one thread, one job after the other.

When a job is due stands in the database, so a restart neither repeats nor skips one. Of
several hubs only the one that has the job's lease runs it. A job that fails raises an
alarm and is tried again, later each time; the alarm is cleared when it works again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.errors import HubError
from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.jobs import records
from hub.jobs.bench import Bench, Report, StoppedError
from hub.jobs.records import JobRecord, Result
from hub.jobs.schedule import Due, Schedule, failed, first_due, is_due, looked_at, succeeded
from hub.ledger.writer import Touched, Tx, Writer
from hub.store.engine import Store
from hub.store.leases import Lease, LeaseLostError, guard, release, take
from wire.clock import Clock
from wire.errors import Code

LOOK_S = 2.0
"""How often the table is looked at: jobs run by the minute at most, and who pays in and
owes a fee sees it charged before the receipt is in the pocket."""
STOP_TIMEOUT_S = 10
"""A look through a large book ends between two stretches; a query isn't waited for longer."""
TOPPED_UP_MAX = 1_000
"""Accounts that got money and wait to be looked at; beyond it the next run finds them."""

log = logging.getLogger("hub.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """Something that the hub does by itself.

    Attributes:
        name: Its name for people and in the database.
        schedule: When, by the rules as they are.
        work: Does it; says what it did.
        waits: Whether there is anything to do at a time; None: it is always run. An idle
            hub then writes one row for each of its jobs, and not a lease and a report.
    """

    name: str
    schedule: Callable[[Connection], Schedule]
    work: Callable[[Bench], Report]
    waits: Callable[[Connection, int], bool] | None = None


class Runner:
    """The thread that runs jobs. `start` it once; `close` may be called again.

    Args:
        hub: Store, writer and clock of the hub.
        instance: Id of the hub's run: holder of its leases.
        jobs: What to run.
        funded: Does at once what waited for accounts to get money.
    """

    def __init__(
        self,
        hub: tuple[Store, Writer, Clock],
        instance: str,
        jobs: Sequence[Job],
        funded: Callable[[Store, Writer, Sequence[str]], None],
    ) -> None:
        self._store, self._writer, self._clock = hub
        self._instance = instance
        self._jobs = tuple(jobs)
        self._funded = funded
        self._accounts: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step that runs; what isn't done goes on at the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
            self._thread = None

    def touched(self, touched: Touched) -> None:
        """Note accounts that may have got money. A listener of the writer."""
        accounts = [id_ for kind, id_ in touched if kind == "account"]
        if not accounts:
            return
        with self._lock:
            if len(self._accounts) < TOPPED_UP_MAX:
                self._accounts.update(accounts)

    def step(self) -> None:
        """Run what is due now, and look after accounts that got money."""
        self._look_after_accounts()
        with self._store.read() as connection:
            known = {one.name: one for one in records.list_jobs(connection)}
            schedules = {job.name: job.schedule(connection) for job in self._jobs}
            idle = self._find_idle(connection, schedules, known)
        if idle:
            self._writer.run(lambda tx: _note_idle(tx, idle))
        for job in self._jobs:
            if self._stop.is_set():
                return
            if job.name not in idle:
                self._look_at(job, schedules[job.name], known.get(job.name))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except HubError as error:
                log.warning("jobs are put off: %s", error)
            except Exception:
                log.exception("jobs")
            self._stop.wait(LOOK_S)

    def _look_after_accounts(self) -> None:
        with self._lock:
            accounts, self._accounts = self._accounts, set()
        if accounts:
            self._funded(self._store, self._writer, sorted(accounts))

    def _find_idle(
        self,
        connection: Connection,
        schedules: dict[str, Schedule],
        known: dict[str, JobRecord],
    ) -> dict[str, Due]:
        """Jobs that are due and have nothing to do, and when they are due next.

        One that failed, or found something, is run: it tells when all is well again.
        """
        now_ms = self._clock.now().wall_ms
        idle = {}
        for job in self._jobs:
            record = known.get(job.name)
            if job.waits is None or record is None or record.result is not Result.OK:
                continue
            schedule = schedules[job.name]
            due = looked_at(record.due, schedule, now_ms)
            if is_due(due, now_ms) and not job.waits(connection, now_ms):
                idle[job.name] = succeeded(due, schedule, now_ms)
        return idle

    def _look_at(self, job: Job, schedule: Schedule, known: JobRecord | None) -> None:
        now_ms = self._clock.now().wall_ms
        if known is None:
            due = first_due(schedule, now_ms)
            self._writer.run(lambda tx: records.make_job(tx, job.name, due))
        else:
            due = looked_at(known.due, schedule, now_ms)
            if due != known.due:
                self._writer.run(lambda tx: records.note_due(tx, job.name, due))
        if is_due(due, now_ms):
            self._do(job, schedule)

    def _do(self, job: Job, schedule: Schedule) -> None:
        begun = self._writer.run(lambda tx: self._begin(tx, job))
        if begun is None:
            return
        lease, due = begun
        bench = Bench(self._store, self._writer, self._clock, lease, self._stop)
        try:
            report = _work(job, bench)
            bench.hold()
            self._writer.run(lambda tx: _end(tx, job.name, (bench.lease, due, schedule), report))
        except LeaseLostError as error:
            log.info("%s is left to another hub: %s", job.name, error)
        except StoppedError:
            self._writer.run(lambda tx: release(tx.connection, bench.lease))

    def _begin(self, tx: Tx, job: Job) -> tuple[Lease, Due] | None:
        """Take the job's lease, unless another hub has it or has run the job meanwhile."""
        lease = take(tx.connection, f"job:{job.name}", self._instance, tx.now_ms)
        if lease is None:
            return None
        due = records.lock_job(tx, job.name).due
        if not is_due(due, tx.now_ms):
            release(tx.connection, lease)
            return None
        records.note_start(tx, job.name)
        return lease, due


def _note_idle(tx: Tx, following: dict[str, Due]) -> None:
    records.note_nothing_done(tx, following)
    for name in following:
        tx.touch("jobs", name)


def _work(job: Job, bench: Bench) -> Report:
    """Do a job; what it raises is its report."""
    try:
        return job.work(bench)
    except (LeaseLostError, StoppedError):
        raise
    except Exception as error:
        log.exception("the job %s failed", job.name)
        return Report(faults=[str(error) or type(error).__name__], is_broken=True)


def _end(tx: Tx, name: str, run: tuple[Lease, Due, Schedule], report: Report) -> None:
    lease, due, schedule = run
    guard(tx.connection, lease, tx.now_ms)
    subject = f"job:{name}"
    following = failed(due, tx.now_ms) if report.is_broken else succeeded(due, schedule, tx.now_ms)
    if report.faults:
        words = "; ".join(report.faults)
        records.note_end(tx, name, following, Result.FAILED, words)
        matter = Matter(
            code=Code.INTERNAL,
            subject=subject,
            detail=f"The hub's job {name} failed, and is tried again: {words}",
        )
        raise_alarm(tx, matter)
    else:
        result = Result.FOUND if report.found else Result.OK
        words = "; ".join(report.found) or f"{report.done} done"
        records.note_end(tx, name, following, result, words)
        clear_alarm(tx, Code.INTERNAL, "", subject)
    tx.touch("jobs", name)
    release(tx.connection, lease)

"""What is known of each job: when it is due, and how it went. Survives restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from hub.errors import NotFoundError
from hub.jobs.schedule import Due
from hub.ledger.writer import Tx
from hub.store.tables.billing import jobs

DETAIL_LENGTH_MAX = 2_000
"""Enough for a handful of faults; the log has all."""

_MAKE = text(
    "INSERT INTO jobs (name, due_ms, try_ms) VALUES (:name, :due_ms, :try_ms)"
    " ON CONFLICT (name) DO NOTHING"
)


_NOTHING_DONE = text(
    "UPDATE jobs SET due_ms = :due, try_ms = :again, failures = 0, started_ms = :now,"
    " ended_ms = :now, result = 'ok', detail = '0 done' WHERE name = :job"
)


class Result(StrEnum):
    """How a job went."""

    NONE = ""
    OK = "ok"
    FOUND = "found"
    """It worked, and found something that a person must look at."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What is known of a job.

    Attributes:
        name: Which.
        due: When it runs next.
        started_ms: When it was begun last; None: never.
        ended_ms: When it ended last; None: never.
        result: How it went then.
        detail: Words about it.
    """

    name: str
    due: Due
    started_ms: int | None
    ended_ms: int | None
    result: Result
    detail: str


def list_jobs(connection: Connection) -> list[JobRecord]:
    """All jobs that were ever looked at, in the order of names: a dozen."""
    return [_record(row) for row in connection.execute(select(jobs).order_by(jobs.c.name))]


def lock_job(tx: Tx, name: str) -> JobRecord:
    """Read a job; nobody else changes it before this transaction ends.

    Raises:
        NotFoundError: No such job.
    """
    row = tx.connection.execute(select(jobs).where(jobs.c.name == name).with_for_update()).first()
    if row is None:
        raise NotFoundError(f"there is no job {name}: see the list of jobs")
    return _record(row)


def make_job(tx: Tx, name: str, due: Due) -> None:
    """Note a job that is new; one that is known stays as it is."""
    tx.connection.execute(_MAKE, {"name": name, "due_ms": due.due_ms, "try_ms": due.try_ms})


def note_due(tx: Tx, name: str, due: Due) -> None:
    """Change when a job runs next."""
    _update(tx, name, due_ms=due.due_ms, try_ms=due.try_ms, failures=due.failures)


def note_start(tx: Tx, name: str) -> None:
    """Note that a job was begun."""
    _update(tx, name, started_ms=tx.now_ms)


def note_end(tx: Tx, name: str, due: Due, result: Result, detail: str) -> None:
    """Note how a job went, and when it runs next."""
    note_due(tx, name, due)
    _update(tx, name, ended_ms=tx.now_ms, result=result.value, detail=detail[:DETAIL_LENGTH_MAX])


def note_nothing_done(tx: Tx, following: Mapping[str, Due]) -> None:
    """Note that jobs were due and had nothing to do, and when each is due next."""
    rows = [
        {"job": name, "due": due.due_ms, "again": due.try_ms, "now": tx.now_ms}
        for name, due in following.items()
    ]
    tx.connection.execute(_NOTHING_DONE, rows)


def run_soon(tx: Tx, name: str) -> JobRecord:
    """Have a job run as soon as someone looks, as a person asks for it.

    Raises:
        NotFoundError: No such job.
    """
    found = lock_job(tx, name)
    if found.due.try_ms > tx.now_ms:
        note_due(tx, name, Due(due_ms=min(found.due.due_ms, tx.now_ms), try_ms=tx.now_ms))
        tx.touch("job", name)
    return lock_job(tx, name)


def _update(tx: Tx, name: str, **values: Any) -> None:
    tx.connection.execute(update(jobs).where(jobs.c.name == name).values(**values))


def _record(row: Row[Any]) -> JobRecord:
    return JobRecord(
        name=row.name,
        due=Due(due_ms=row.due_ms, try_ms=row.try_ms, failures=row.failures),
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        result=Result(row.result),
        detail=row.detail,
    )

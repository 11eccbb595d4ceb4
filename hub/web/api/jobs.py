"""Routes of the hub's own jobs: when each ran, how it went, and when it runs next."""

from __future__ import annotations

import msgspec

from hub.jobs import records
from hub.jobs.records import JobRecord, Result
from hub.people.keys import Scope
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write

TAG = "Jobs"


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job.

    Attributes:
        name: Its name.
        next_ms: When it runs next; after a failure, when it is tried again.
        due_ms: The due time that it runs for then.
        started_ms: When it was begun last; null: never.
        ended_ms: When it ended last; null: never.
        result: How it went then: `ok`, `found` something to look at, `failed`; empty: never ran.
        detail: Words about it.
        failures: How often it failed since it last worked.
    """

    name: str
    next_ms: int
    due_ms: int
    started_ms: int | None
    ended_ms: int | None
    result: Result
    detail: str
    failures: int


@read("/jobs", Scope.FLEET_READ, tag=TAG)
def list_jobs(hub: Hub) -> Page[JobView]:
    """List what the hub does by itself."""
    with hub.store.read() as connection:
        return Page(items=[_view(one) for one in records.list_jobs(connection)])


@write("/jobs/{job:str}/run", Scope.FLEET_WRITE, tag=TAG, status=200)
def run_job(hub: Hub, job: PathId) -> JobView:
    """Have a job run now, by the hub that comes first; look at the list for how it went."""
    return _view(hub.writer.run(lambda tx: records.run_soon(tx, job)))


def _view(found: JobRecord) -> JobView:
    return JobView(
        name=found.name,
        next_ms=found.due.try_ms,
        due_ms=found.due.due_ms,
        started_ms=found.started_ms,
        ended_ms=found.ended_ms,
        result=found.result,
        detail=found.detail,
        failures=found.due.failures,
    )


ROUTES = (list_jobs, run_job)

"""Looks after certificates that end soon, and raises an alarm for each in time."""

from __future__ import annotations

from sqlalchemy import Connection, select

from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.fleet.authority import Authority, Issued
from hub.fleet.certificates import DAY_MS, Kind
from hub.jobs.bench import Bench, Report
from hub.jobs.runner import Job
from hub.jobs.schedule import Every, Schedule
from hub.ledger.writer import Tx
from hub.store.tables.fleet import alarms
from wire.errors import Code

NAME = "look-after-certificates"
EVERY_MS = 6 * 3_600_000
"""Certificates end by the day; a renewed one needn't wait long for its alarm to go."""


def look_after_certificates(authority: Authority) -> Job:
    """The job of a hub with this authority; without one it does nothing."""

    def work(bench: Bench) -> Report:
        report = Report()
        if authority.exists:
            ending = authority.ending()
            report.done = bench.run(lambda tx: _tell(tx, ending))
        return report

    return Job(NAME, _schedule, work)


def _schedule(_connection: Connection) -> Schedule:
    return Every(EVERY_MS)


def _tell(tx: Tx, ending: list[Issued]) -> int:
    subjects = {one.name: _words(one, tx.now_ms) for one in ending}
    open_alarms = select(alarms.c.subject).where(
        (alarms.c.code == int(Code.CERTIFICATE_ENDS)) & alarms.c.cleared_ms.is_(None)
    )
    for subject in tx.connection.execute(open_alarms).scalars().all():
        if subject not in subjects:
            clear_alarm(tx, Code.CERTIFICATE_ENDS, "", subject)
    for subject, words in subjects.items():
        raise_alarm(tx, Matter(code=Code.CERTIFICATE_ENDS, subject=subject, detail=words))
    return len(subjects)


def _words(one: Issued, now_ms: int) -> str:
    days = (one.ends_ms - now_ms) // DAY_MS
    ends = f"ends in {days} days" if days >= 0 else "has ended"
    how = f"standpipe-hub ca renew {one.name}"
    if one.kind is Kind.CLIENT:
        how += ", or on the controller: standpipe-agent rotate"
    return f"The certificate of {one.name} {ends}. Renew it: {how}"

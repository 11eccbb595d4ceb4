"""Verifies the whole book while the hub works, and raises an alarm when it isn't right.

It reads on a connection of its own, as of one moment, and rests between stretches, so
that the writer isn't held up.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

from sqlalchemy import Connection

from hub.billing.audit import audit_billing
from hub.charging.audit import audit_charging
from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.jobs.bench import Bench, Report
from hub.ledger.verify import Progress, verify_book
from hub.ledger.writer import Tx
from hub.payments.audit_in import audit_money_in
from hub.payments.audit_out import audit_money_out
from wire.errors import Code

FAULTS_NAMED_MAX = 20
"""A book that is broken in more places isn't understood by reading more lines."""
FAULTS_IN_ALARM_MAX = 3
"""As many as an alarm has room for; the job's record and the log have more."""
REST_S = 0.02
"""Between stretches of 10,000 items: others get their turn, and it takes a fifth longer."""
SUBJECT = "book"

log = logging.getLogger("hub.jobs")


def find_faults(connection: Connection, progress: Progress | None = None) -> Iterator[str]:
    """Hold everything against everything: the book, rights, sessions, money in and out, bills.

    Args:
        connection: Sees one moment throughout.
        progress: Told how far it is.

    Yields:
        A sentence for each fault, naming account, transfer, item or batch.
    """
    yield from verify_book(connection, progress)
    yield from audit_charging(connection)
    yield from audit_money_in(connection)
    yield from audit_money_out(connection)
    yield from audit_billing(connection)


def verify(bench: Bench) -> Report:
    """Look through the whole book; what is wrong is an alarm, until a look finds nothing."""
    report = Report()

    def progress(done: int, _all: int) -> None:
        report.done = done
        bench.keep()
        bench.stop.wait(REST_S)

    with bench.store.read() as connection:
        found = find_faults(connection, progress)
        report.found = list(itertools.islice(found, FAULTS_NAMED_MAX))
    bench.hold()  # the last looks are single long queries
    for fault in report.found:
        log.error("the book isn't right: %s", fault)
    bench.run(lambda tx: _tell(tx, report.found))
    return report


def _tell(tx: Tx, faults: list[str]) -> int:
    if not faults:
        clear_alarm(tx, Code.INTERNAL, "", SUBJECT)
        return 0
    more = len(faults) - FAULTS_IN_ALARM_MAX
    words = "; ".join(faults[:FAULTS_IN_ALARM_MAX])
    detail = f"The book isn't what was booked: {words}" + (f"; and {more} more" if more > 0 else "")
    raise_alarm(tx, Matter(code=Code.INTERNAL, subject=SUBJECT, detail=detail))
    return len(faults)

"""All that the hub does by itself, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from hub.billing import periods, renewals, standing
from hub.billing.rules import read_billing_rules
from hub.charging import lots, sponsors, usage_audit
from hub.jobs.bench import Bench, Report
from hub.jobs.runner import Job
from hub.jobs.schedule import Daily, Every, Schedule
from hub.jobs.verification import verify
from hub.ledger.writer import Tx, Writer
from hub.payments import approvals, voucher_batches
from hub.payments.actions import ACTIONS
from hub.people import spending
from hub.store.engine import Store

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
PROGRAMMES_EVERY_MS = 10 * MINUTE_MS
"""Who joins a sponsor's group waits no longer; it looks at every account of the group."""
VERIFY = "verify"

Find = Callable[[Connection, int, str, int], list[str]]
Step = Callable[[Tx, int, int], int]
Waits = Callable[[Connection, int], bool]


def all_jobs() -> tuple[Job, ...]:
    """Every job of a hub."""
    return (
        _stepwise("refresh-limits", MINUTE_MS, spending.refresh_limits, spending.has_stale_limits),
        _stepwise("expire-lots", MINUTE_MS, lots.expire, lots.has_due),
        _stepwise("give-programmes", PROGRAMMES_EVERY_MS, sponsors.give_due, sponsors.has_living),
        _stepwise("expire-approvals", MINUTE_MS, _expire_approvals, approvals.has_expired),
        _stepwise(
            "expire-vouchers",
            HOUR_MS,
            voucher_batches.expire_vouchers,
            voucher_batches.has_expired,
        ),
        _stepwise(
            "remind-of-holds", HOUR_MS, usage_audit.remind_of_holds, usage_audit.has_old_holds
        ),
        _one_by_one("close-periods", MINUTE_MS, periods.due_accounts, periods.close_due),
        _one_by_one("renew", MINUTE_MS, renewals.due_subscriptions, renewals.renew),
        _one_by_one("discontinue", HOUR_MS, standing.overdue_accounts, standing.review),
        Job(VERIFY, _nightly, verify),
    )


def charge_unpaid(store: Store, writer: Writer, accounts: Sequence[str]) -> None:
    """Try again, now that accounts may have money, what they couldn't pay."""
    with store.read() as connection:
        unpaid = renewals.unpaid_subscriptions(connection, accounts)
    for subscription in unpaid:
        writer.run(partial(renewals.renew, subscription=subscription))


def _expire_approvals(tx: Tx, now_ms: int, limit: int) -> int:
    return approvals.expire_approvals(tx, ACTIONS, now_ms, limit)


def _nightly(connection: Connection) -> Schedule:
    rules = read_billing_rules(connection)
    return Daily(rules.verify_minute, rules.timezone)


def _every(interval_ms: int) -> Callable[[Connection], Schedule]:
    def schedule(_connection: Connection) -> Schedule:
        return Every(interval_ms)

    return schedule


def _stepwise(name: str, interval_ms: int, step: Step, waits: Waits) -> Job:
    def work(bench: Bench) -> Report:
        report = Report()
        bench.steps(step, report)
        return report

    return Job(name, _every(interval_ms), work, waits)


def _one_by_one(
    name: str, interval_ms: int, find: Find, work_on: Callable[[Tx, str], object]
) -> Job:
    def work(bench: Bench) -> Report:
        report = Report()
        bench.each(find, work_on, report)
        return report

    def waits(connection: Connection, now_ms: int) -> bool:
        return bool(find(connection, now_ms, "", 1))

    return Job(name, _every(interval_ms), work, waits)

"""Jobs run when they are due, on one hub, in steps, and tell when they fail."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event

from hub.bootstrap import build_hub
from hub.config import HubConfig
from hub.errors import NotFoundError, RefusedError, StoreError
from hub.fleet import alarms
from hub.jobs import records
from hub.jobs.bench import Bench, Report
from hub.jobs.records import Result
from hub.jobs.runner import Job, Runner
from hub.jobs.schedule import BACKOFF_MS_MIN, Every
from hub.mqtt_link import NoLink
from hub.people.credit import Billing
from hub.store.leases import LEASE_MS, take
from tests.hub_billing.conftest import DAY_MS, MARCH_MS
from tests.hub_billing.test_credit import top_up_of
from tests.hub_billing.test_subscriptions import MONTHLY, make_plan, now as subscription, subscribe
from wire.errors import Code

MINUTE_MS = 60_000


class Work:
    """A job that counts, and fails when told."""

    def __init__(self) -> None:
        self.runs = 0
        self.error: Exception | None = None

    def __call__(self, bench: Bench) -> Report:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return Report(done=self.runs)


def runner(office, *jobs, instance="hub_one", funded=lambda _store, _writer, _accounts: None):
    hub = office.desk.hub
    return Runner((hub.store, hub.writer, hub.clock), instance, jobs, funded)


def minutely(work, name="count"):
    return Job(name, lambda _connection: Every(MINUTE_MS), work)


def known(office):
    with office.desk.store.read() as connection:
        return {one.name: one for one in records.list_jobs(connection)}


def open_alarms(office):
    with office.desk.store.read() as connection:
        found = alarms.list_alarms(connection, open_only=True, after=None, limit=100)
    return {alarm.subject: alarm.detail for alarm in found}


def test_a_job_runs_once_for_each_due_time_whoever_looks_how_often(office):
    work = Work()
    one, other = (runner(office, minutely(work), instance=name) for name in ("one", "other"))

    for _ in range(3):
        one.step()
        other.step()
    assert work.runs == 1
    office.desk.clock.advance(MINUTE_MS)
    other.step()
    one.step()

    assert work.runs == 2
    record = known(office)["count"]
    assert (record.result, record.detail) == (Result.OK, "2 done")
    assert record.ended_ms == office.now_ms
    assert record.due.due_ms == office.now_ms + MINUTE_MS


def test_a_long_stop_is_caught_up_once_by_the_next_process(office):
    work = Work()
    runner(office, minutely(work)).step()
    office.desk.clock.advance(30 * DAY_MS)

    later = runner(office, minutely(work), instance="hub_two")
    later.step()
    later.step()

    assert work.runs == 2


def test_a_job_that_fails_is_an_alarm_and_is_tried_again_later(office):
    work = Work()
    work.error = StoreError("the disk is full")
    one = runner(office, minutely(work))
    one.step()
    one.step()

    assert work.runs == 1
    record = known(office)["count"]
    assert (record.result, record.due.failures) == (Result.FAILED, 1)
    assert "the disk is full" in open_alarms(office)["job:count"]
    assert office.desk.alarm_codes() == [Code.INTERNAL]
    office.desk.clock.advance(BACKOFF_MS_MIN)
    work.error = None
    one.step()
    assert work.runs == 2
    assert known(office)["count"].result is Result.OK
    assert open_alarms(office) == {}


def test_a_job_that_fails_does_not_keep_others_from_running(office):
    broken, good = Work(), Work()
    broken.error = ValueError("a bug")

    runner(office, minutely(broken, "a"), minutely(good, "b")).step()

    assert good.runs == 1


def test_one_fault_of_many_is_told_and_the_others_are_done(office):
    seen = []

    def find(_connection, _now, after, limit):
        return [name for name in ("a", "b", "c") if name > after][:limit]

    def work(tx, name):
        if name == "b":
            raise RefusedError("no money")
        seen.append(name)

    def job(bench):
        report = Report()
        bench.each(find, work, report)
        return report

    runner(office, minutely(job)).step()

    assert seen == ["a", "c"]
    record = known(office)["count"]
    assert record.result is Result.FAILED
    assert record.due.due_ms == office.now_ms + MINUTE_MS  # no wait for the others
    assert "b: no money" in open_alarms(office)["job:count"]


def test_many_are_done_page_by_page(office):
    names = [f"n{number:03}" for number in range(120)]
    seen = []

    def find(_connection, _now, after, limit):
        return [name for name in names if name > after][:limit]

    def job(bench):
        report = Report()
        bench.each(find, lambda _tx, name: seen.append(name), report)
        return report

    runner(office, minutely(job)).step()

    assert seen == names


def test_steps_go_on_until_nothing_is_left(office):
    left = [50, 50, 7]

    def job(bench):
        report = Report()
        bench.steps(lambda _tx, _now, _limit: left.pop(0), report)
        return report

    runner(office, minutely(job)).step()

    assert left == []
    assert known(office)["count"].detail == "107 done"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_that_another_hub_has_is_left_to_it(office):
    work = Work()
    one = runner(office, minutely(work))
    office.desk.run(lambda tx: records.make_job(tx, "count", records.Due(due_ms=1, try_ms=1)))
    office.desk.run(lambda tx: take(tx.connection, "job:count", "other", tx.now_ms))

    one.step()

    assert work.runs == 0
    assert known(office)["count"].started_ms is None


def test_a_job_that_took_longer_than_its_lease_has_run_if_nobody_else_was_at_it(office):
    def job(bench):
        # Its lease runs out meanwhile, on either kind of database.
        office.desk.clock.advance(LEASE_MS)
        expire(office)
        return Report(done=1)

    one = runner(office, minutely(job))
    one.step()

    assert known(office)["count"].result is Result.OK


def test_a_job_that_another_hub_took_over_is_left_to_it(office):
    def job(bench):
        office.desk.clock.advance(LEASE_MS)
        expire(office)
        office.desk.run(lambda tx: take(tx.connection, "job:count", "other", tx.now_ms))
        return Report(done=1)

    runner(office, minutely(job)).step()

    assert known(office)["count"].result is Result.NONE


def expire(office):
    """Let the lease run out by a server's own clock too."""
    past = "UPDATE leases SET expires_ms = 1 WHERE name = 'job:count'"
    office.desk.run(lambda tx: tx.connection.exec_driver_sql(past))


def test_a_person_has_a_job_run_now(office):
    work = Work()
    one = runner(office, minutely(work))
    one.step()
    one.step()
    assert work.runs == 1

    office.desk.run(lambda tx: records.run_soon(tx, "count"))
    one.step()

    assert work.runs == 2
    with pytest.raises(NotFoundError):
        office.desk.run(lambda tx: records.run_soon(tx, "none"))


def test_a_stopping_hub_leaves_a_job_to_be_gone_on_with(office):
    ran = threading.Event()

    def job(bench):
        ran.set()
        bench.stop.wait(30)
        bench.keep()
        return Report()

    one = runner(office, minutely(job))
    one.start()
    assert ran.wait(30)
    one.close()

    record = known(office)["count"]
    assert record.result is Result.NONE
    work = Work()
    runner(office, minutely(work), instance="again").step()
    assert work.runs == 1


def test_who_pays_in_has_what_waited_charged(office):
    make_plan(office, MONTHLY)
    office.open("ana", 0)
    subscribe(office)
    assert subscription(office).state == "unpaid"
    top_up_of(office, "ana", 2_000)
    office.desk.settle()

    office.desk.hub.jobs.step()

    assert subscription(office).state == "active"
    assert office.desk.wallet("ana") == 810


def test_a_hubs_own_jobs_close_renew_and_discontinue(office):
    make_plan(office, MONTHLY)
    office.open("firm", 10_000, billing=Billing.POSTPAID)
    subscribe(office, "firm")
    jobs = office.desk.hub.jobs
    jobs.step()

    office.at(MARCH_MS + 31 * DAY_MS)
    jobs.step()

    assert office.last("firm").sums == {"subscription": -1_190}
    assert office.receivable("firm") == 1_190
    assert office.desk.wallet("firm") == -1_190  # April's
    office.at(MARCH_MS + 61 * DAY_MS)
    jobs.step()
    assert office.account("firm").discontinued_ms == office.now_ms
    assert {one.result for one in known(office).values()} == {Result.OK}
    assert open_alarms(office) == {}
    assert office.faults() == []


def test_the_night_finds_what_is_wrong_in_the_book_and_says_it_until_it_is_right(office):
    office.open("ana", 0)
    top_up_of(office, "ana", 2_000)
    jobs = office.desk.hub.jobs
    jobs.step()
    assert known(office)["verify"].started_ms is None  # at night only
    change(office, "UPDATE ledger_accounts SET balance = balance + 1 WHERE code = 'EUR:wallet/ana'")
    office.at(MARCH_MS + 3 * 3_600_000 + 30 * MINUTE_MS)

    jobs.step()

    assert known(office)["verify"].result is Result.FOUND
    assert "EUR:wallet/ana" in open_alarms(office)["book"]
    change(office, "UPDATE ledger_accounts SET balance = balance - 1 WHERE code = 'EUR:wallet/ana'")
    office.desk.clock.advance(DAY_MS)
    jobs.step()
    assert known(office)["verify"].result is Result.OK
    assert open_alarms(office) == {}


def change(office, sql):
    """What nobody but a fault would do: past the writer."""
    with office.desk.store.writing.connect() as connection, connection.begin():
        connection.exec_driver_sql(sql)


def test_the_thread_runs_by_itself_when_the_hub_starts(office):
    office.desk.hub.jobs.start()
    try:
        for _ in range(300):
            if "renew" in known(office):
                break
            threading.Event().wait(0.1)
    finally:
        office.desk.hub.jobs.close()

    assert "renew" in known(office)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_hubs_on_one_database_charge_once(office, tmp_path, database):
    make_plan(office, MONTHLY)
    office.open("ana", 0)
    subscribe(office)
    config = HubConfig(data=tmp_path, database=database)
    second = build_hub(config, clock=office.desk.clock, link=NoLink())
    second.writer.start()
    try:
        top_up_of(office, "ana", 2_500)
        office.at(MARCH_MS + 31 * DAY_MS)
        threads = [
            threading.Thread(target=jobs.step) for jobs in (office.desk.hub.jobs, second.jobs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        second.close()

    assert office.desk.wallet("ana") == 2_500 - 2 * 1_190
    assert office.faults() == []


def test_a_job_without_anything_to_do_is_looked_at_and_not_run(office):
    work, waits = Work(), [True]
    job = Job("count", lambda _connection: Every(MINUTE_MS), work, lambda *_: waits[0])
    one = runner(office, job)
    one.step()
    assert work.runs == 1
    waits[0] = False

    office.desk.clock.advance(MINUTE_MS)
    one.step()
    one.step()

    assert work.runs == 1
    record = known(office)["count"]
    assert (record.result, record.detail) == (Result.OK, "0 done")
    assert (record.ended_ms, record.due.due_ms) == (office.now_ms, office.now_ms + MINUTE_MS)
    waits[0] = True
    office.desk.clock.advance(MINUTE_MS)
    one.step()
    assert work.runs == 2


def test_a_job_that_failed_is_run_though_nothing_waits(office):
    work = Work()
    work.error = StoreError("the disk is full")
    one = runner(office, Job("count", lambda _connection: Every(MINUTE_MS), work, lambda *_: False))
    one.step()
    work.error = None
    office.desk.clock.advance(BACKOFF_MS_MIN)

    one.step()

    assert work.runs == 2
    assert open_alarms(office) == {}


def test_a_hub_with_nothing_to_do_commits_once_for_all_its_jobs(office):
    commits = []
    jobs = office.desk.hub.jobs
    jobs.step()
    jobs.step()
    event.listen(office.desk.store.writing, "commit", commits.append)
    office.desk.clock.advance(10 * MINUTE_MS)

    jobs.step()

    assert len(commits) == 1

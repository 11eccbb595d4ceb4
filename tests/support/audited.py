"""A day at a real hub, with disks and a witness, for an auditor to look at.

The hub and the book are real; the controllers' journals are written by hand into
databases of the agent's own schema. `Day` can be copied, and the copy spoiled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from desk import Desk, card_of
from till import Till

from firmware_agent.migrations import migrate
from hub.payments.payouts import Ask, Step, Take, request_payout, take_step
from hub.payments.refunds import Refund, refund_session
from hub.payments.topups import TopUp, top_up
from simulator.trials.audit import Auditor, Breach, Disk, Invariant, Observation
from wire import topics
from wire.events import Totals

MINUTE_MS = 60_000
MACHINES = {"pi-1": "washer", "pi-2": "dryer"}
CENTS_PER_MINUTE = 10


class Fact(NamedTuple):
    """What the witness saw."""

    at_ms: int
    kind: str
    who: str
    what: tuple[tuple[str, int | str], ...]


@dataclass
class Records:
    """What an auditor is given, in one folder that can be copied."""

    folder: Path
    facts: list[Fact] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def hub(self) -> Path:
        return self.folder / "hub.db"

    def disk(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def observation(self) -> Observation:
        disks = [Disk(name, name.removesuffix("-clone"), self.disk(name)) for name in self.names]
        return Observation(self.hub, disks, self.facts, lambda: self.facts[-1].at_ms)

    def copy(self, folder: Path) -> Records:
        """A copy that may be spoiled: its book lets itself be changed."""
        folder.mkdir()
        for path in (self.hub, *map(self.disk, self.names)):
            with (
                closing(sqlite3.connect(path)) as source,
                closing(sqlite3.connect(folder / path.name)) as target,
            ):
                source.backup(target)
        with closing(sqlite3.connect(folder / "hub.db")) as sql:
            names = sql.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                sql.execute(f"DROP TRIGGER {name}")
            sql.commit()
        return Records(folder, list(self.facts), list(self.names))

    def spoil(self, sql: str, *values: object, disk: str = "") -> None:
        """Change rows behind everyone's back."""
        path = self.disk(disk) if disk else self.hub
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            changed = connection.execute(sql, values).rowcount
            connection.commit()
        assert changed, f"nothing was spoiled by {sql}"

    def forget(self, kind: str) -> None:
        """Let the witness have missed the first fact of a kind."""
        self.facts.remove(next(fact for fact in self.facts if fact.kind == kind))


def found_in(records: Records) -> list[Breach]:
    """What an auditor finds who comes in the end."""
    auditor = Auditor(records.observation())
    try:
        return auditor.check_end()
    finally:
        auditor.close()


def kinds_of(breaches: list[Breach]) -> set[Invariant]:
    return {breach.invariant for breach in breaches}


class Day:
    """A hub, two controllers, people and staff."""

    def __init__(self, folder: Path) -> None:
        (folder / "hub").mkdir(parents=True)
        self.desk = Desk(folder / "hub")
        self.desk.add_site()
        self.records = Records(folder / "hub", names=list(MACHINES))
        self.auditor: Auditor | None = None
        self.found: list[Breach] = []
        self.tills = {name: self._open(name) for name in MACHINES}

    def close(self) -> None:
        if self.auditor is not None:
            self.auditor.close()
        self.desk.close()

    def watch(self) -> None:
        """Let an auditor see all from now on."""
        self.auditor = Auditor(self.records.observation())

    def look(self) -> None:
        assert self.auditor is not None
        self.found += self.auditor.check_now()

    def see(self, kind: str, who: str, **what: int | str) -> None:
        fact = Fact(self.now_ms, kind, who, tuple(what.items()))
        self.records.facts.append(fact)
        if self.auditor is not None:
            self.auditor.saw(fact)

    @property
    def now_ms(self) -> int:
        return self.desk.clock.now().wall_ms

    def pay_in(self, number: str, account: str, minor: int) -> None:
        """Cash over the counter."""
        self.see("cash_in", "counter", minor=minor)
        asked = TopUp(id=number, account=account, amount_minor=minor, till="counter", by="staff")
        self.ask("top_up", number, account, minor, lambda tx: top_up(tx, asked))

    def pay_out(self, number: str, account: str, minor: int) -> None:
        asked = Ask(id=number, account=account, amount_minor=minor, till="counter", by="staff")
        self.ask("payout", number, account, minor, lambda tx: request_payout(tx, asked))
        for step in (Step.APPROVE, Step.SEND):
            take = Take(id=f"{number}:{step}", payout=number, step=step, by="staff")
            self.desk.run(lambda tx, take=take: take_step(tx, take, second="boss"))
        self.see("cash_out", "counter", minor=minor)

    def refund(self, number: str, session: str, account: str, minor: int) -> None:
        asked = Refund(id=number, session=session, amount_minor=minor, reason="broken", by="staff")
        self.ask("refund", number, account, minor, lambda tx: refund_session(tx, asked))

    def ask(self, action: str, number: str, account: str, minor: int, job) -> None:
        self.see("staff_asked", "staff", id=number, action=action, account=account, minor=minor)
        self.desk.run(job)
        self.see("staff_answered", "staff", id=number, outcome="done")

    def want(self, name: str, account: str, minor: int) -> None:
        """A controller asks for a right, and gets it."""
        till = self.tills[name]
        number = f"req_{name}_{till.last_seq}_{account}"
        want = till.want(number, account, card_of(account), MACHINES[name], minor)
        self.desk.deliver(till, topics.UP_WANT, want)
        self.hear()

    def use(self, name: str, account: str, minutes: int) -> str:
        """A session, to its end, whatever rights there are; gives its id."""
        till, machine = self.tills[name], MACHINES[name]
        till.sales += 1
        session = f"ses_{name}_{till.sales}"
        till.start(session, account, machine)
        self.write(name)
        self.see("relay_on", name, machine=machine, pulses=0)
        self.desk.clock.advance(minutes * MINUTE_MS)
        till.wall_ms += minutes * MINUTE_MS
        self.see("relay_off", name, machine=machine, pulses=0)
        charge = minutes * CENTS_PER_MINUTE
        backed = min(charge, max(0, till.backed(account)))
        seq = till.end(session, account, machine, (backed, charge - backed), minutes=minutes)
        till.unbacked.append((seq, account, charge - backed))
        self.write(name)
        return session

    def sync(self, *names: str) -> None:
        """Controllers say all that they have, and take what they get."""
        for name in names or MACHINES:
            till = self.tills[name]
            through = self.desk.rows(
                f"SELECT through_seq FROM journals WHERE controller = '{name}'"
            )
            self.desk.journal(till, *till.batches(through[0][0] if through else 0))
        self.hear(*names)

    def hear(self, *names: str) -> None:
        for _ in range(2):
            self.desk.step()
            for name in names or MACHINES:
                till = self.tills[name]
                for body in self.desk.taken(name, topics.DOWN_ACCOUNTS):
                    till.hear(body)
                self.write(name)
                self.desk.journal(till, till.report())

    def write(self, name: str) -> None:
        """Put what is new in a journal on its disk."""
        till = self.tills[name]
        with closing(sqlite3.connect(self.records.disk(name))) as sql, sql:
            (last,) = sql.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
            for seq in range(last + 1, till.last_seq + 1):
                row = (seq, till.events[seq - 1], till.hashes[seq])
                sql.execute("INSERT INTO journal (seq, data, hash) VALUES (?, ?, ?)", row)
            for account in {*till.granted, *till.totals}:
                totals = till.totals.get(account, Totals())
                sql.execute(
                    "INSERT OR REPLACE INTO rights (account, granted, spent, released, taken_in,"
                    " unbacked) VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        account,
                        till.granted.get(account, 0),
                        totals.spent,
                        totals.released,
                        totals.taken_in,
                        totals.unbacked,
                    ),
                )

    def _open(self, name: str) -> Till:
        till = self.desk.add_controller(name, MACHINES[name], has_acceptor=name == "pi-2")
        till.__class__ = Till
        till.begin(till.epoch)
        till.boot()
        with closing(sqlite3.connect(self.records.disk(name))) as sql:
            migrate(sql)
            sql.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?)", (till.epoch,))
            sql.execute("INSERT INTO meta (key, value) VALUES ('acked_seq', 0)")
            sql.commit()
        return till


def begin(day: Day) -> None:
    """People with money, and an auditor who sees all from now on."""
    day.desk.add_account("ann")
    day.desk.add_account("bob")
    day.watch()
    day.pay_in("top_ann", "ann", 2_000)
    day.pay_in("top_bob", "bob", 300)
    day.sync()
    day.look()


def live_through(day: Day) -> None:
    """Uses online and cut off, a refund, a payout, coins, and all come together."""
    day.want("pi-1", "ann", 500)
    first = day.use("pi-1", "ann", 20)
    day.sync()
    day.look()

    _cut(day, "pi-1")
    day.use("pi-1", "ann", 30)
    day.use("pi-1", "bob", 20)
    day.look()
    day.see("healed", "pi-1")
    day.use("pi-2", "bob", 30)
    day.tills["pi-2"].cash("csh_1", "bob", "dryer", 50)
    day.see("cash_in", "pi-2", minor=50)
    day.write("pi-2")
    day.sync("pi-2")
    day.look()
    day.sync()
    day.look()

    day.refund("rfd_1", first, "ann", 70)
    day.pay_out("pay_1", "ann", 400)
    day.pay_in("top_bob_2", "bob", 500)
    day.sync()
    day.look()


def _cut(day: Day, name: str) -> None:
    for account in ("ann", "bob"):
        shown = day.desk.exposure(account).get(name, 0)
        day.see("exposure_shown", name, account=account, minor=shown)
    day.see("cut", name)


@contextmanager
def begun(folder: Path) -> Iterator[Day]:
    """A day that has begun."""
    day = Day(folder)
    try:
        begin(day)
        yield day
    finally:
        day.close()

"""A whole month: the hub introduces an agent, loses it, and gets everything at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from firmware_agent.identity import Identity, save_identity
from hub.bootstrap import Hub, build_hub
from hub.charging import tariffs
from hub.config import load_config
from hub.fleet import controllers, enrolment, machines, sites
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.people import accounts, cards
from hub.people.accounts import Terms
from simulator.broker import Broker
from simulator.errors import SimulatorError
from simulator.month.agent import CONFIG_NAME, LISTED, MONTH, SYNC, MonthFigures, SyncFigures
from simulator.month.clocks import LeapingClock
from simulator.month.plan import (
    CONTROLLER,
    LEVEL,
    MACHINE,
    MONTH_MS,
    SITE,
    TARIFF,
    WALLET_MINOR,
    MonthPlan,
    account_of,
    agent_file,
    uid_of,
)
from simulator.proxy import Network
from simulator.system.books import Books, read_books, session_charges
from simulator.system.journals import JournalView, read_journal
from simulator.system.programs import program, run_command
from wire.enrolment import EnrolmentRequest, prove
from wire.ids import card_ref
from wire.keys import Signer
from wire.machines import Machine

SEED = b"a month without network".ljust(32, b".")
"""The controller's private key; it guards nothing."""
PEOPLE_AT_ONCE = 100
"""People in one transaction."""

T = TypeVar("T", MonthFigures, SyncFigures)


@dataclass(frozen=True, slots=True)
class MonthResult:
    """What came of it.

    Attributes:
        month: How the month was for the agent.
        sync: How the sync was.
        journal: The journal as it was before the sync.
        booked: What each session brought in the hub's book.
        books: The hub's book.
        faults: What `standpipe-hub verify` found.
    """

    month: MonthFigures
    sync: SyncFigures
    journal: JournalView
    booked: dict[str, int]
    books: Books
    faults: tuple[str, ...]


def run_month(folder: Path, sessions: int, broker: Broker) -> MonthResult:
    """Live through a month.

    Args:
        folder: Empty; takes hub and controller.
        sessions: How many sessions there are without network.
        broker: A broker that runs.

    Raises:
        SimulatorError: Something doesn't start, or ends by itself.
    """
    data, box = folder / "hub", folder / CONTROLLER
    network = Network()
    try:
        link = network.link(broker.port)
        plan = MonthPlan(sessions, link.port)
        _prepare(data, box, plan, broker.port)
        with _agent(box, plan) as agent:
            with _hub(data, -MONTH_MS):
                agent.expect(LISTED)
            link.cut()
            month = agent.ask(MONTH, MonthFigures)
            journal = read_journal(CONTROLLER, box)
            with _hub(data, 0):
                link.restore()
                sync = agent.ask(SYNC, SyncFigures)
    finally:
        network.close()
    said = run_command(
        [program("standpipe-hub"), "verify", "--data", str(data), "--json"], good=(0, 1)
    )
    return MonthResult(
        month=month,
        sync=sync,
        journal=journal,
        booked=session_charges(data / "hub.db"),
        books=read_books(data / "hub.db"),
        faults=tuple(msgspec.json.decode(said)["faults"]),
    )


class _AgentProcess:
    """The agent's process, asked over pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def expect(self, line: str) -> None:
        """Wait for a line."""
        said = self._read()
        if said != line:
            raise SimulatorError(f"the agent said {said!r} instead of {line!r}")

    def ask(self, order: str, type_: type[T]) -> T:
        """Give an order, and wait for its figures."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
        return msgspec.json.decode(self._read(), type=type_)

    def _read(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise SimulatorError("the agent ended by itself; its reason is above")
        return line.strip()


@contextmanager
def _agent(box: Path, plan: MonthPlan) -> Iterator[_AgentProcess]:
    arguments = [str(box), str(plan.sessions), str(plan.broker_port), str(plan.people)]
    with subprocess.Popen(
        [sys.executable, "-m", "simulator.month.agent", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield _AgentProcess(process)
        except BaseException:
            process.kill()
            raise


@contextmanager
def _hub(data: Path, off_ms: int) -> Iterator[Hub]:
    hub = build_hub(load_config(data), clock=LeapingClock(off_ms))
    try:
        hub.start()
        yield hub
    finally:
        hub.close()


def _prepare(data: Path, box: Path, plan: MonthPlan, mqtt_port: int) -> None:
    """Make a hub that knows the site and its people, and a controller that is enrolled."""
    data.mkdir(parents=True)
    box.mkdir(parents=True)
    (data / "hub.toml").write_text(f"[mqtt]\nport = {mqtt_port}\n")
    run_command([program("standpipe-hub"), "init", "--data", str(data), "--unit", "EUR", "--json"])
    (box / CONFIG_NAME).write_text(agent_file(box, plan.broker_port))
    hub = build_hub(load_config(data), clock=LeapingClock(-MONTH_MS))
    try:
        hub.writer.start()
        _run(hub, lambda tx: sites.add_site(tx, sites.Site(id=SITE)))
        _run(hub, lambda tx: tariffs.add_version(tx, TARIFF))
        _run(hub, lambda tx: controllers.add_controller(tx, CONTROLLER, SITE))
        shower = Machine(id=MACHINE, name="Shower", tariff=TARIFF.id, want_minor=10)
        _run(hub, lambda tx: machines.put_machine(tx, CONTROLLER, shower))
        save_identity(box, _enrolled(hub))
        for first in range(0, plan.people, PEOPLE_AT_ONCE):
            some = range(first, min(first + PEOPLE_AT_ONCE, plan.people))
            _run(hub, lambda tx, some=some: _admit(tx, some, hub.keys.card_salt))  # type: ignore[misc]
    finally:
        hub.close()


def _run(hub: Hub, job: Callable[[Tx], object]) -> None:
    hub.writer.run(job)


def _enrolled(hub: Hub) -> Identity:
    signer = Signer(SEED, CONTROLLER)
    code = hub.writer.run(lambda tx: enrolment.new_code(tx, CONTROLLER, hub.entropy))
    request = EnrolmentRequest(
        controller=CONTROLLER, code=code, public_key=signer.public, proof=prove(signer, code)
    )
    done = hub.writer.run(lambda tx: enrolment.enrol(tx, request, hub.keys, hub.config))
    return Identity(seed=SEED, reply=done.reply)


def _admit(tx: Tx, people: range, salt: bytes) -> None:
    for person in people:
        account = account_of(person)
        accounts.open_account(tx, account, "EUR", Terms(tariffs={}, permissions={}))
        ref = card_ref(salt, uid_of(person))
        cards.link_card(tx, f"crd-{account}", account, ref, level=LEVEL)
        paid = Move(chart.clearing("desk", "EUR"), chart.wallet(account, "EUR"), WALLET_MINOR)
        tx.book.must_post(Item(id=f"paid-{account}", unit="EUR", kind="top_up", legs=(paid,)))
        tx.touch("account", account)

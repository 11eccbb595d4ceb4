"""A real hub's services on a real database, and controllers that speak to it by hand."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TypeVar

from hub.bootstrap import Hub, build_hub
from hub.charging import tariffs
from hub.charging.audit import audit_charging
from hub.charging.exposure import account_exposure, exposures, total_minor
from hub.config import HubConfig
from hub.downlink import REFRESH_EVERY_MS
from hub.fleet import alarms, controllers, enrolment, machines, sites
from hub.fleet.machines import Machine
from hub.keystore import make_keys
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Item
from hub.ledger.statements import balance_of, balances_of
from hub.ledger.verify import verify_book
from hub.ledger.writer import Job, Writer
from hub.mqtt_link import Outgoing, Received
from hub.people import accounts, cards
from hub.people.accounts import Terms
from hub.settings import write_settings
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from simulator.light_controller import LightController
from wire import topics
from wire.clock import ManualClock
from wire.downlink import Accounts, Ack, Command
from wire.enrolment import EnrolmentRequest, prove
from wire.envelope import unseal
from wire.keys import HUB, Signer, Verifier
from wire.machines import Config
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

T = TypeVar("T")
SITE = "cellar"
MINUTE = Tariff(
    id="minute",
    version=1,
    name="Ten cents a minute",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(100_000),)),
    tax_rate_ppm=190_000,
)
_BODIES = {
    topics.DOWN_ACK: Ack,
    topics.DOWN_ACCOUNTS: Accounts,
    topics.DOWN_CONFIG: Config,
    topics.DOWN_COMMAND: Command,
}


class Cable:
    """A link that keeps what is sent until someone takes it; it can be unplugged."""

    def __init__(self) -> None:
        self.connected = True
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> bool:
        if self.connected:
            self.sent.append(message)
        return self.connected

    def follow(self, partitions: frozenset[str] | None) -> None:
        """Everything arrives by hand."""

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        self.connected = False


def counting_entropy():
    count = 0

    def entropy(length: int) -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(length, "big")

    return entropy


def initialise(data: Path, clock: ManualClock, entropy, unit: str = "EUR") -> None:
    """What `standpipe-hub init` does, with secrets that repeat."""
    make_keys(data, entropy)
    store = open_store(str(data / "hub.db"))
    upgrade(store)
    with Writer(store, clock) as writer:
        writer.run(lambda tx: write_settings(tx, unit, 15_000))
    store.close()


@cache
def _fresh_folder() -> Path:
    """A folder with a new hub, made once for all tests: each gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="standpipe-desk-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    initialise(folder, ManualClock(), counting_entropy())
    return folder


class Desk:
    """A hub whose writer runs, and whose other threads are the test.

    Args:
        data: Its folder.
        database: URL of a database from the fixture of that name; empty: SQLite there.
    """

    def __init__(self, data: Path, database: str = "") -> None:
        self.clock = ManualClock()
        self.cable = Cable()
        self.entropy = counting_entropy()
        shutil.copytree(_fresh_folder(), data, dirs_exist_ok=True)
        config = HubConfig(data=data, database=database)
        self.hub: Hub = build_hub(
            config, clock=self.clock, entropy=self.entropy, link=self.cable, alone=True
        )
        self.hub.writer.start()
        self.verifier = Verifier(self.hub.signer.public, HUB)

    @property
    def store(self) -> Store:
        return self.hub.store

    def close(self) -> None:
        self.hub.close()

    def run(self, job: Job[T]) -> T:
        return self.hub.writer.run(job)

    def settle(self) -> None:
        """Wait until all that was handed over is committed, and everyone was told."""
        for _ in range(2):
            self.run(lambda tx: None)

    def deliver(self, controller: LightController, leaf: str, payload: bytes) -> None:
        """Let a message arrive, and be booked."""
        self.hub.uplink.handle(Received(controller.topic(leaf), payload))
        self.settle()

    def journal(self, controller: LightController, *payloads: bytes) -> None:
        """Let batches arrive; without any: all that the controller has."""
        for payload in payloads or controller.batches():
            self.deliver(controller, topics.UP_JOURNAL, payload)

    def step(self) -> None:
        """Let the hub send all that waits."""
        for _ in range(3):
            self.clock.advance(REFRESH_EVERY_MS)
            self.hub.downlink.step()
            self.settle()

    def taken(self, controller: str, leaf: str) -> list:
        """Take what was sent to a controller on a topic, checked and decoded."""
        wanted = topics.topic(topics.partition_of(controller), controller, leaf)
        mine = [message for message in self.cable.sent if message.topic == wanted]
        self.cable.sent = [message for message in self.cable.sent if message.topic != wanted]
        return [unseal(m.payload, _BODIES[leaf], self.verifier, controller) for m in mine]

    def add_site(self, **rules) -> None:
        self.run(lambda tx: sites.add_site(tx, sites.Site(id=SITE, **rules)))
        self.run(lambda tx: tariffs.add_version(tx, MINUTE))

    def add_controller(
        self, name: str, *machine_ids: str, has_acceptor: bool = False
    ) -> LightController:
        """Add a controller with machines and enrol it."""
        yesterday_ms = self.clock.now().wall_ms - 24 * 3_600_000
        controller = LightController(
            name, name.encode().ljust(32, b"!"), f"epo_{name}", yesterday_ms
        )
        self.run(lambda tx: controllers.add_controller(tx, name, SITE, has_acceptor=has_acceptor))
        for machine in machine_ids:
            definition = Machine(id=machine, name=machine, tariff="minute")
            self.run(lambda tx, new=definition: machines.put_machine(tx, name, new))
        self.enrol(controller.signer)
        return controller

    def enrol(self, signer: Signer):
        code = self.run(lambda tx: enrolment.new_code(tx, signer.name, self.entropy))
        request = EnrolmentRequest(
            controller=signer.name,
            code=code,
            public_key=signer.public,
            proof=prove(signer, code),
        )
        return self.run(lambda tx: enrolment.enrol(tx, request, self.hub.keys, self.hub.config))

    def add_account(self, account: str, wallet_minor: int = 0, level: int = 1, **terms) -> None:
        """Open an account with a card, and pay in."""
        terms = Terms(**({"tariffs": {}, "permissions": {}} | terms))
        self.run(lambda tx: accounts.open_account(tx, account, "EUR", terms))
        self.run(
            lambda tx: cards.link_card(tx, f"crd_{account}", account, card_of(account), level=level)
        )
        if wallet_minor:
            self.top_up(account, wallet_minor)

    def top_up(self, account: str, minor: int) -> None:
        number = self.hub.ids.new("top")
        item = Item(
            id=number,
            unit="EUR",
            kind="top_up",
            legs=(
                Fill(
                    chart.cash("counter", "EUR"),
                    (chart.overrun(account, "EUR"), chart.wallet(account, "EUR")),
                    minor,
                ),
            ),
        )

        def job(tx) -> None:
            tx.book.must_post(item)
            tx.touch("account", account)

        self.run(job)

    def balance(self, code: str) -> int:
        with self.store.read() as connection:
            return balance_of(connection, code)

    def wallet(self, account: str) -> int:
        return self.balance(chart.wallet(account, "EUR"))

    def escrow(self, account: str) -> int:
        return self.balance(chart.escrow(account, "EUR"))

    def overrun(self, account: str) -> int:
        return -self.balance(chart.overrun(account, "EUR"))

    def books(self) -> dict[str, int]:
        """All balances that aren't 0."""
        with self.store.read() as connection:
            rows = connection.exec_driver_sql("SELECT code FROM ledger_accounts").scalars()
            found = balances_of(connection, list(rows))
        return {code: minor for code, minor in found.items() if minor}

    def rows(self, sql: str) -> list:
        with self.store.read() as connection:
            return list(connection.exec_driver_sql(sql).all())

    def alarm_codes(self) -> list[int]:
        """Codes of open alarms, sorted."""
        with self.store.read() as connection:
            found = alarms.list_alarms(connection, open_only=True, after=None, limit=100)
        return sorted(alarm.code for alarm in found)

    def exposure(self, account: str) -> dict[str, int]:
        with self.store.read() as connection:
            return account_exposure(connection, account, "EUR")

    def total_exposure(self) -> int:
        with self.store.read() as connection:
            return total_minor(exposures(connection, "EUR"))

    def faults(self) -> list[str]:
        """What `verify` finds."""
        with self.store.read() as connection:
            return [*verify_book(connection), *audit_charging(connection)]


def card_of(account: str) -> str:
    """Reference of an account's card."""
    return account.encode().hex().ljust(32, "0")[:32]

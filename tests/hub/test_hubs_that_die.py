"""Two real hubs on one PostgreSQL and one broker: one is killed, or sleeps, in the middle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from desk import Desk
from parts import require
from plug import Plug

from simulator.broker import MosquittoBroker
from simulator.child import Child
from simulator.system.programs import program
from simulator.waiting import accepts, free_port, wait_for
from wire import topics
from wire.downlink import Ack
from wire.envelope import unseal

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.mosquitto,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
BOXES = 8
SESSIONS = 40
CHARGE_MINOR = 7
WAIT_S = 60
LEASE_S = 2
SERVES = re.compile(r"serves (\d+) of 64")


class Hubs:
    """Two hub processes with copies of one directory, and controllers that speak by hand."""

    def __init__(self, folder: Path, database: str, broker_port: int) -> None:
        self.database = database
        self.folder = folder
        desk = Desk(folder / "first", database)
        desk.add_site()
        desk.add_account("ann", BOXES * SESSIONS * CHARGE_MINOR)
        self.boxes = {
            name: desk.add_controller(name, f"m-{name}")
            for name in (f"pi-{number}" for number in range(BOXES))
        }
        self.verifier = desk.verifier
        desk.close()
        self.hubs: list[Child] = []
        for name in ("one", "other"):
            data = folder / name
            shutil.copytree(folder / "first", data)
            (data / "hub.db").unlink()
            self.hubs.append(self._child(data, broker_port))
        self.plug = Plug(broker_port, "everyone")
        self.plug.subscribe(f"{topics.ROOT}/+/+/{topics.DOWN_ACK}")
        self.through = dict.fromkeys(self.boxes, 0)

    def start(self, hub: Child) -> None:
        hub.start()
        wait_for("the hub serves", lambda: accepts(self.port_of(hub)), 30)

    def port_of(self, hub: Child) -> int:
        text = (self.folder / hub.name / "hub.toml").read_text()
        return int(re.search(r"port = (\d+)", text)[1])

    def shares(self) -> list[int]:
        """How many partitions each hub said last that it serves."""
        said = [SERVES.findall(hub.log.read_text()) for hub in self.hubs]
        return [int(words[-1]) if words else 0 for words in said]

    def publish(self, sizes: int) -> None:
        """Send every controller's next batches, as far as they aren't acked."""
        for name, box in self.boxes.items():
            for payload in box.batches(self.through[name], sizes)[:3]:
                self.plug.publish(box.topic(topics.UP_JOURNAL), payload)

    def hear(self, timeout_s: float = 0.3) -> None:
        """Take in acks."""
        while (message := self.plug.next(timeout_s)) is not None:
            name = topics.parse_topic(message.topic).controller
            ack = unseal(message.payload, Ack, self.verifier, name)
            assert ack.head_hash == self.boxes[name].hashes[ack.through_seq].hex()
            self.through[name] = max(self.through[name], ack.through_seq)
            timeout_s = 0.05

    def sync(self, sizes: int = 9) -> None:
        """Send and send again until everything is acked, as agents do."""

        def done():
            self.hear()
            if all(self.through[name] == box.last_seq for name, box in self.boxes.items()):
                return True
            self.publish(sizes)
            return None

        wait_for("all is acked", done, WAIT_S)

    def rows(self, query: str) -> list[tuple]:
        plain = self.database.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(plain) as connection:
            return connection.execute(query).fetchall()

    def check(self) -> None:
        """Everything is booked once, and the whole book is right."""
        data = self.hubs[0].name
        arguments = ["verify", "--data", str(self.folder / data), "--json"]
        done = subprocess.run(
            [program("standpipe-hub"), *arguments, "--database", self.database],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert json.loads(done.stdout) == {"ok": True, "faults": []}, done.stderr
        kept = self.rows("SELECT controller, count(*), max(seq) FROM events GROUP BY controller")
        assert sorted(kept) == sorted(
            (name, box.last_seq, box.last_seq) for name, box in self.boxes.items()
        )
        [(count, charged)] = self.rows("SELECT count(*), sum(charge_minor) FROM sessions")
        assert (count, charged) == (BOXES * SESSIONS, BOXES * SESSIONS * CHARGE_MINOR)
        wallet = "SELECT balance FROM ledger_accounts WHERE code = 'EUR:wallet/ann'"
        assert self.rows(wallet) == [(0,)]
        assert self.rows("SELECT code FROM alarms WHERE cleared_ms IS NULL") == []

    def close(self) -> None:
        self.plug.close()
        for hub in self.hubs:
            if hub.pid is not None:
                os.kill(hub.pid, signal.SIGCONT)
            hub.stop()

    def _child(self, data: Path, broker_port: int) -> Child:
        (data / "hub.toml").write_text(
            f'database = "{self.database}"\n[http]\nport = {free_port()}\n'
            f"[mqtt]\nport = {broker_port}\n[cluster]\nlease_s = {LEASE_S}\n"
        )
        command = [program("standpipe-hub"), "serve", "--data", str(data)]
        return Child(data.name, command, data / "hub.log")


@pytest.fixture
def hubs(tmp_path, database):
    require("mosquitto", "mosquitto")
    (tmp_path / "broker").mkdir()
    with ExitStack() as stack:
        broker = MosquittoBroker(tmp_path / "broker")
        broker.start()
        stack.callback(broker.stop)
        hubs = Hubs(tmp_path, database, broker.port)
        stack.callback(hubs.close)
        for hub in hubs.hubs:
            hubs.start(hub)
        wait_for("each serves half", lambda: hubs.shares() == [32, 32], WAIT_S)
        for box in hubs.boxes.values():
            box.boot()
            for number in range(SESSIONS):
                session = f"ses_{box.name}_{number}"
                box.start(session, "ann", f"m-{box.name}")
                box.wall_ms += 42_000
                box.end(session, "ann", f"m-{box.name}", (0, CHARGE_MINOR), tariff="")
        yield hubs


def test_one_that_is_killed_in_the_middle_loses_and_repeats_nothing(hubs):
    one, other = hubs.hubs
    hubs.publish(7)
    hubs.hear()
    hubs.publish(5)
    one.kill()

    hubs.sync()

    wait_for("the other serves all", lambda: hubs.shares()[1] == 64, WAIT_S)
    hubs.start(one)
    wait_for("it takes part again", lambda: hubs.shares() == [32, 32], WAIT_S)
    other.stop()
    wait_for("it serves all", lambda: hubs.shares()[0] == 64, WAIT_S)
    hubs.check()


def test_one_that_sleeps_until_its_lease_is_over_books_nothing_under_its_old_number(hubs):
    one, _ = hubs.hubs
    hubs.publish(7)
    os.kill(one.pid, signal.SIGSTOP)
    before = dict(hubs.rows("SELECT name, fence FROM leases WHERE name LIKE 'p%'"))

    hubs.sync()  # what waits at the sleeping one's door goes to the other
    wait_for("the other serves all", lambda: hubs.shares()[1] == 64, WAIT_S)
    held = hubs.rows("SELECT name, fence, holder FROM leases WHERE name LIKE 'p%'")
    assert len({holder for _, _, holder in held}) == 1
    assert sum(fence > before[name] for name, fence, _ in held) == 32
    os.kill(one.pid, signal.SIGCONT)

    wait_for("it takes part again", lambda: hubs.shares() == [32, 32], WAIT_S)
    hubs.check()

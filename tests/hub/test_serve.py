"""The real command on a real broker: started, stopped, killed between commit and ack."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from desk import Desk
from plug import Plug

from simulator.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from simulator.child import Child
from simulator.system.programs import program
from simulator.waiting import accepts, free_port, wait_for
from wire import topics
from wire.downlink import Ack
from wire.envelope import unseal

DEADLY = Path(__file__).parents[1] / "support" / "dies_before_ack.py"


def run(*arguments, good=0):
    done = subprocess.run(
        [program("standpipe-hub"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == good, done.stderr
    return done.stdout, done.stderr


class Served:
    """A hub's folder with one controller, and a broker."""

    def __init__(self, folder: Path, broker) -> None:
        self.folder = folder
        self.broker = broker
        self.port = free_port()
        desk = Desk(folder)
        desk.add_site()
        desk.add_account("ann", 2_000)
        self.box = desk.add_controller("pi-1", "washer")
        self.verifier = desk.verifier
        desk.close()
        (folder / "hub.toml").write_text(
            f"[http]\nport = {self.port}\n[mqtt]\nport = {broker.port}\n"
        )
        self.hub = Child(
            "the hub",
            [program("standpipe-hub"), "serve", "--data", str(folder)],
            folder / "hub.log",
        )
        self.deadly = Child(
            "a hub that dies", [sys.executable, str(DEADLY), str(folder)], folder / "deadly.log"
        )

    def start(self) -> None:
        self.hub.start()
        wait_for("the hub serves", lambda: accepts(self.port), 30)

    def ack_of(self, plug: Plug, seq: int, payloads) -> Ack:
        """Send batches until the hub says that it has all up to a seq."""

        def told():
            for payload in payloads:
                plug.publish(self.box.topic(topics.UP_JOURNAL), payload)
            message = plug.next(1)
            if message is None:
                return None
            ack = unseal(message.payload, Ack, self.verifier, "pi-1")
            return ack if ack.through_seq >= seq else None

        return wait_for("the ack", told, 20)


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = MosquittoBroker(folder) if find_mosquitto() else EmbeddedBroker(folder)
    broker.start()
    served = Served(tmp_path, broker)
    yield served
    served.hub.stop()
    served.deadly.kill()
    broker.stop()


def test_killed_between_commit_and_ack_it_repeats_nothing(served):
    box = served.box
    box.boot()
    box.start("ses_1", "ann", "washer")
    box.wall_ms += 3_600_000
    box.end("ses_1", "ann", "washer", (0, 500), minutes=50)
    plug = Plug(served.broker.port, "pi-1")
    plug.subscribe(box.topic(topics.DOWN_ACK))

    served.deadly.start()

    def died():
        plug.publish(box.topic(topics.UP_JOURNAL), box.batch(1, 3))
        return None if served.deadly.is_running else True

    wait_for("the hub dies", died, 30)
    assert plug.next(0.2) is None
    out, _ = run("verify", "--data", served.folder, "--json")
    assert json.loads(out) == {"ok": True, "faults": []}

    served.start()
    ack = served.ack_of(plug, 3, [box.batch(1, 3)])
    plug.close()
    served.hub.stop()

    assert ack.head_hash == box.hashes[3].hex()
    assert "Every balance" in run("verify", "--data", served.folder)[0]
    sessions = sqlite_rows(served.folder, "SELECT charge_minor FROM sessions")
    assert sessions == [(500,)]
    wallet = "SELECT balance FROM ledger_accounts WHERE code = 'EUR:wallet/ann'"
    assert sqlite_rows(served.folder, wallet) == [(1_500,)]


def test_it_ends_in_good_order_and_one_runs_at_a_time(served):
    served.start()

    _, said = run("serve", "--data", served.folder, good=1)
    assert "is running" in said
    _, said = run("enrol", "pi-2", "--site", "cellar", "--data", served.folder, good=1)
    assert "--hub" in said
    served.hub.stop()

    code, _ = run("enrol", "pi-2", "--site", "cellar", "--data", served.folder)
    assert "standpipe-agent enrol" in code
    assert not (served.folder / "hub.db-wal").exists()


def test_a_changed_balance_is_found_and_named(served):
    connection = sqlite3.connect(served.folder / "hub.db")
    with connection:
        connection.execute(
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE code = 'EUR:wallet/ann'"
        )
    connection.close()

    out, _ = run("verify", "--data", served.folder, good=1)

    assert "EUR:wallet/ann" in out


def test_init_makes_a_hub_once(tmp_path):
    data = tmp_path / "new"
    out, _ = run("init", "--data", data, "--unit", "EUR", "--loss-budget", "150.00", "--json")
    assert json.loads(out)["token"].startswith("sp_")
    assert (data / "hub.seed").stat().st_mode & 0o077 == 0
    seed = (data / "hub.seed").read_bytes()

    _, said = run("init", "--data", data, good=1)

    assert "already" in said
    assert (data / "hub.seed").read_bytes() == seed


@pytest.mark.parametrize("options", [("--unit", "XXQ"), ("--loss-budget", "1.005")])
def test_init_refuses_what_it_does_not_understand(tmp_path, options):
    _, said = run("init", "--data", tmp_path / "new", *options, good=1)

    assert said.startswith("standpipe-hub: ")
    assert not (tmp_path / "new" / "hub.db").exists()


def test_a_hub_that_was_never_initialised_says_what_to_do(tmp_path):
    for command in ("serve", "verify"):
        _, said = run(command, "--data", tmp_path, good=1)
        assert "standpipe-hub init" in said


def sqlite_rows(folder, sql):
    connection = sqlite3.connect(f"file:{folder}/hub.db?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()

"""Journals that repeat, skip, contradict or forge: nothing of it becomes money."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import paho.mqtt.client as mqtt
import pytest
from ghost import Ghost
from shop import Person, Shop, site, timed

from simulator.system.books import booked_through, session_charges
from simulator.waiting import wait_for
from wire.downlink import Accounts, Action, Command, Right
from wire.envelope import seal
from wire.errors import Code
from wire.keys import HUB, Signer
from wire.topics import DOWN_ACCOUNTS, DOWN_COMMAND, topic

THIEF = b"\x55" * 32
MINUTE_MINOR = 1_000


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    shop = open_shop(site(timed("lamp", "one"), timed("old", "restored"), timed("bad", "damaged")))
    for number in range(1, 7):
        shop.api.post("/controllers", {"id": f"ghost-{number}", "site": "test"})
    return shop


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person(paid_minor=50_000)


@pytest.fixture(scope="module", autouse=True)
def broke(shop) -> Person:
    """Made before any controller is quarantined, and hears of nobody any more."""
    return shop.person(paid_minor=0)


@pytest.fixture
def ghost(shop, request) -> Iterator[Ghost]:
    ghosts: list[Ghost] = []

    def make(number: int) -> Ghost:
        name = f"ghost-{number}"
        machine = {"controller": name, "id": f"box-{number}", "name": "Box", "tariff": "minute"}
        shop.api.post("/machines", machine)
        ghosts.append(Ghost(shop.api, shop.broker.port, name, bytes([number]) * 32))
        return ghosts[-1]

    yield make
    for each in ghosts:
        each.close()


def charges(shop):
    return {
        name: minor
        for name, minor in session_charges(shop.hub.database).items()
        if name.startswith("ses_ghost")
    }


def through(shop, ghost):
    return booked_through(shop.hub.database).get((ghost.name, ghost.epoch), 0)


def test_the_same_batch_twice_is_booked_once(shop, ana, ghost):
    one = ghost(1)
    one.boot()
    one.session("ses_ghost1", ana.account, "box-1", 2, 2 * MINUTE_MINOR)
    batch = one.batch(1, 3)

    one.send_through(batch, 3)
    again = one.send_through(batch, 3)

    assert again.head_hash == one.hashes[3].hex()
    assert charges(shop)["ses_ghost1"] == 2 * MINUTE_MINOR


def test_an_overlapping_batch_books_only_what_is_new(shop, ana, ghost):
    two = ghost(2)
    two.boot()
    two.session("ses_ghost2a", ana.account, "box-2", 1, MINUTE_MINOR)
    two.send_through(two.batch(1, 3), 3)
    two.session("ses_ghost2b", ana.account, "box-2", 3, 3 * MINUTE_MINOR)

    two.send_through(two.batch(1, 5), 5)

    found = charges(shop)
    assert (found["ses_ghost2a"], found["ses_ghost2b"]) == (MINUTE_MINOR, 3 * MINUTE_MINOR)


def test_a_gap_books_nothing_until_it_is_filled(shop, ana, ghost):
    three = ghost(3)
    three.boot()
    three.session("ses_ghost3a", ana.account, "box-3", 1, MINUTE_MINOR)
    three.session("ses_ghost3b", ana.account, "box-3", 1, MINUTE_MINOR)
    three.send_through(three.batch(1, 1), 1)

    three.send(three.batch(4, 5))
    gap = three.wait_ack(1)

    assert gap.through_seq == 1
    assert "ses_ghost3b" not in charges(shop)
    three.drop_acks()
    three.send_through(three.batch(2, 5), 5)
    found = charges(shop)
    assert (found["ses_ghost3a"], found["ses_ghost3b"]) == (MINUTE_MINOR, MINUTE_MINOR)


def test_a_byte_changed_on_the_way_keeps_the_batch_out(shop, ana, ghost):
    four = ghost(4)
    four.boot()
    four.session("ses_ghost4", ana.account, "box-4", 1, MINUTE_MINOR)
    honest = four.batch(1, 3)

    four.send(honest.replace(b'"charge_minor":1000', b'"charge_minor":1001'))

    assert four.no_ack()
    assert through(shop, four) == 0
    assert "ses_ghost4" not in charges(shop)
    state = shop.api.get("/controllers/ghost-4")
    assert state["state"] in {"active", "quarantined"}


def test_a_batch_signed_by_another_is_nothing(shop, ana, ghost):
    five = ghost(5)
    five.boot()
    five.session("ses_ghost5", ana.account, "box-5", 1, MINUTE_MINOR)

    five.send(five.batch(1, 3, signer=Signer(THIEF, five.name)))

    assert five.no_ack()
    assert through(shop, five) == 0
    five.send_through(five.batch(1, 3), 3)
    assert charges(shop)["ses_ghost5"] == MINUTE_MINOR


def test_two_histories_of_one_journal_are_quarantined(shop, ana, ghost):
    six = ghost(6)
    six.boot()
    six.session("ses_ghost6", ana.account, "box-6", 1, MINUTE_MINOR)
    six.send_through(six.batch(1, 3), 3)
    six.begin(six.epoch)
    six.boot()
    six.session("ses_ghost6x", ana.account, "box-6", 9, 9 * MINUTE_MINOR)

    six.send(six.batch(1, 3))

    wait_for("it is quarantined", lambda: _state(shop, "ghost-6") == "quarantined", 10)
    assert "ses_ghost6x" not in charges(shop)
    assert Code.JOURNAL_FORK in {alarm["code"] for alarm in shop.api.pages("/alarms")}


def test_a_restored_older_journal_is_quarantined(shop, ana):
    _run_once(shop, "restored", "old", ana)
    shop.wait_booked("restored")
    rig = shop.rigs["restored"]
    rig.stop()
    copy = rig.folder / "backup"
    shutil.copytree(rig.folder, copy, ignore=shutil.ignore_patterns("backup", "*.log"))
    rig.start()
    _run_once(shop, "restored", "old", ana)
    shop.wait_booked("restored")
    revenue_minor = shop.books().revenue_minor
    rig.stop()
    for name in ("agent.db", "agent.db-wal", "agent.db-shm"):
        (rig.folder / name).unlink(missing_ok=True)
        if (copy / name).exists():
            shutil.copy2(copy / name, rig.folder / name)

    rig.start()

    wait_for("it is quarantined", lambda: _state(shop, "restored") == "quarantined", 20)
    assert shop.books().revenue_minor == revenue_minor


def test_a_byte_changed_in_a_stored_event_stops_the_controller(shop, ana):
    _run_once(shop, "damaged", "bad", ana)
    shop.wait_booked("damaged")
    rig = shop.rigs["damaged"]
    rig.stop()
    with closing(sqlite3.connect(rig.folder / "agent.db")) as journal, journal:
        seq, data = journal.execute(
            "SELECT seq, data FROM journal WHERE instr(data, CAST('session_ended' AS BLOB))"
        ).fetchone()
        changed = bytes(data).replace(b'"charge_minor":', b'"charge_minor":9', 1)
        journal.execute("UPDATE journal SET data = ? WHERE seq = ?", (changed, seq))

    rig.start()
    wait_for("its pins are there", lambda: shop.world.snapshot()["damaged"].connected, 15)
    time.sleep(1)
    shop.tap("damaged", ana.tag)

    closed = shop.world.wait_relay("damaged", "bad", closed=True, timeout_ms=2_500)
    assert closed is None or closed.closed is False
    wait_for("it says why", lambda: shop.api.get("/controllers/damaged")["alarm"], 10)


def test_forged_rights_and_commands_move_nothing(shop, ana, broke):
    journal = shop.rigs["one"].journal()
    thief = Signer(THIEF, HUB)
    right = Right(account=broke.account, granted_minor=100_000, floor_minor=100_000)
    grant = Accounts(receiver="one", epoch=journal.epoch, revision=10**6, rights=(right,))
    command = Command(
        receiver="one",
        id="cmd_forged",
        action=Action.START,
        machine="lamp",
        card=ana.card,
        expires_ms=time.time_ns() // 1_000_000 + 60_000,
    )
    _publish(shop, "one", {DOWN_ACCOUNTS: seal(grant, thief), DOWN_COMMAND: seal(command, thief)})
    time.sleep(0.5)

    assert not shop.world.snapshot()["one"].machines["lamp"].relay
    shop.tap("one", broke.tag)
    assert shop.refusal("one", Code.BALANCE_TOO_LOW, journal.last_seq)
    assert shop.books().conserved


def test_a_message_for_another_controller_is_nothing(shop, ghost, ana):
    """A batch of one controller, sent under the name of another."""
    seven = shop.rigs["one"].journal()
    stolen = Ghost.__new__(Ghost)
    stolen.name, stolen.signer = "one", Signer(THIEF, "one")
    stolen.begin(seven.epoch)
    stolen.boot()
    before = booked_through(shop.hub.database)["one", seven.epoch]

    payload = stolen.batch(1, 1)
    partition = shop.api.get("/controllers/one")["partition"]
    _publish_raw(shop, f"standpipe/v1/{partition}/one/up/journal", payload)
    time.sleep(0.5)

    assert booked_through(shop.hub.database)["one", seven.epoch] >= before
    assert _state(shop, "one") == "active"


def _run_once(shop, controller, machine, person):
    session = shop.start_session(controller, machine, person)
    shop.end_session(controller, machine, session)


def _state(shop, controller):
    return shop.api.get(f"/controllers/{controller}")["state"]


def _publish(shop, controller, payloads):
    partition = shop.api.get(f"/controllers/{controller}")["partition"]
    for leaf, payload in payloads.items():
        _publish_raw(shop, topic(partition, controller, leaf), payload)


def _publish_raw(shop, address, payload):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", shop.broker.port)
    client.loop_start()
    client.publish(address, payload, qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()

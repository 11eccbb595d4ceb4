"""Keys of hub and controllers change while people use machines: nothing is lost.

Real processes on mosquitto as it is shipped.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from parts import require
from plug import Plug
from shop import Person, Shop, assert_booked_once, site, timed

from firmware_agent import rotation
from firmware_agent.errors import EnrolmentError
from firmware_agent.identity import IDENTITY_NAME, KEY_NAME, NEXT_KEY_NAME, load_identity
from simulator.broker import MosquittoBroker
from simulator.system.hub_process import BrokerFiles
from simulator.waiting import wait_for
from tests.integration.test_shipped_mosquitto import shipped_settings

pytestmark = pytest.mark.mosquitto
WAIT_S = 20.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    require("mosquitto", "mosquitto")
    data = tmp_path_factory.mktemp("shop")
    folder = data / "broker"
    files = BrokerFiles(
        username="hub",
        hub_password=data / "mqtt.password",
        passwords=folder / "passwords",
        acl=folder / "acl",
        pid=folder / "mosquitto.pid",
    )
    shop = Shop(
        site(timed("lamp", "one"), timed("desk", "two")),
        data,
        lambda home: MosquittoBroker(home, settings=shipped_settings(folder)),
        files,
    )
    try:
        shop.start()
        yield shop
        assert shop.verify()
    finally:
        shop.stop()


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person()


def renew(rig) -> None:
    os.kill(rig.child.pid, signal.SIGHUP)


def key_at_hub(shop, name):
    with closing(sqlite3.connect(shop.hub.database)) as database:
        found = database.execute("SELECT public_key FROM controllers WHERE id = ?", (name,))
        return found.fetchone()[0]


def test_the_hubs_key_changes_under_a_session(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    number = shop.api.post("/hub-key/rotate", {})["number"]
    shop.end_session("one", "lamp", session)

    assert number == 2
    assert_booked_once(shop)


def test_a_controllers_key_and_password_change_under_a_session(shop, ana):
    rig = shop.rigs["one"]
    before = load_identity(rig.folder)
    session = shop.start_session("one", "lamp", ana)

    after = rotation.rotate(rig.folder, shop.hub.url, "1")
    renew(rig)
    shop.end_session("one", "lamp", session)

    assert key_at_hub(shop, "one") == after.signer.public != before.signer.public
    assert after.reply.broker.password != before.reply.broker.password
    assert after.reply.code_key == before.reply.code_key
    assert_booked_once(shop)
    thief = Plug(shop.broker.port, "one", before.reply.broker.password)
    assert thief.refused
    thief.close()


def test_an_answer_that_was_lost_is_asked_for_again(shop, ana):
    rig = shop.rigs["two"]
    old_key = (rig.folder / KEY_NAME).read_bytes()
    first = rotation.rotate(rig.folder, shop.hub.url, "1")
    # As if the power had gone before the answer was stored.
    (rig.folder / KEY_NAME).rename(rig.folder / NEXT_KEY_NAME)
    (rig.folder / KEY_NAME).write_bytes(old_key)

    again = rotation.rotate(rig.folder, shop.hub.url, "1")
    renew(rig)

    assert (again.seed, again.reply.broker) == (first.seed, first.reply.broker)
    session = shop.start_session("two", "desk", ana)
    shop.end_session("two", "desk", session)
    assert_booked_once(shop)


def test_an_earlier_key_changes_nothing_any_more(shop, tmp_path):
    rig = shop.rigs["two"]
    for name in (KEY_NAME, IDENTITY_NAME):
        (tmp_path / name).write_bytes((rig.folder / name).read_bytes())
    rotation.rotate(rig.folder, shop.hub.url, "1")
    renew(rig)
    known = key_at_hub(shop, "two")

    with pytest.raises(EnrolmentError, match="403"):
        rotation.rotate(tmp_path, shop.hub.url, "1")

    assert key_at_hub(shop, "two") == known


def test_after_all_that_both_come_back_from_a_power_cut(shop, ana):
    for rig in shop.rigs.values():
        rig.kill()
    shop.broker.kill()
    shop.hub.kill()
    shop.broker.start()
    shop.hub.start()
    for rig in shop.rigs.values():
        rig.start()
    shop.wait_ready()

    session = shop.start_session("one", "lamp", ana)
    shop.end_session("one", "lamp", session)
    wait_for(
        "both are online",
        lambda: all(shop.api.get(f"/controllers/{name}")["online"] for name in shop.rigs),
        WAIT_S,
    )
    assert_booked_once(shop)


def test_a_revoked_controller_changes_no_key(shop):
    shop.api.post("/controllers/two/revoke", {})

    with pytest.raises(EnrolmentError, match="409"):
        rotation.rotate(shop.rigs["two"].folder, shop.hub.url, "1")

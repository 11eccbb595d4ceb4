"""The whole loop on mosquitto with the configuration that is shipped: passwords and ACL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import paho.mqtt.client as mqtt
import pytest
from parts import require
from shop import Person, Shop, assert_booked_once, site, timed

from firmware_agent.identity import load_identity
from simulator.broker import MosquittoBroker
from simulator.system.hub_process import BrokerFiles
from wire.topics import UP_STATUS, topic

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto" / "standpipe.conf"
PLACED_ELSEWHERE = ("listener", "password_file", "acl_file", "persistence ")

pytestmark = pytest.mark.mosquitto


def shipped_settings(folder: Path) -> str:
    """The shipped lines, with our folder in place of the system's."""
    kept = [
        line for line in SHIPPED.read_text().splitlines() if not line.startswith(PLACED_ELSEWHERE)
    ]
    own = [f"password_file {folder / 'passwords'}", f"acl_file {folder / 'acl'}"]
    return "\n".join([*kept, *own])


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


class Visitor:
    """A client with or without a password."""

    def __init__(self, shop: Shop, name: str, username: str = "", password: str = "") -> None:
        self.answers: Queue[bool] = Queue()
        self.heard: list[str] = []
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5
        )
        if username:
            self.client.username_pw_set(username, password)
        self.client.on_connect = lambda *given: self.answers.put(not given[3].is_failure)
        self.client.on_message = lambda *given: self.heard.append(given[2].topic)
        self.client.connect("127.0.0.1", shop.broker.port)
        self.client.loop_start()
        self.let_in = self.answers.get(timeout=5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_session_goes_through_and_is_booked(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.end_session("one", "lamp", session)

    assert_booked_once(shop)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_nobody_comes_in_without_the_right_password(shop, password):
    stranger = Visitor(shop, "stranger", "one" if password else "", password)
    stranger.close()

    assert not stranger.let_in


def test_a_controller_neither_hears_nor_speaks_for_another(shop):
    access = load_identity(shop.rigs["one"].folder).reply.broker
    two = load_identity(shop.rigs["two"].folder).reply
    thief = Visitor(shop, "thief", access.username, access.password)
    thief.client.subscribe("standpipe/#", qos=1)
    thief.client.publish(topic(two.partition, "two", UP_STATUS), b'{"state":"offline"}', qos=1)
    time.sleep(1.5)
    thief.close()

    assert thief.let_in
    assert not [name for name in thief.heard if "/one/" not in name]
    assert shop.api.get("/controllers/two")["online"]


def test_a_killed_broker_lets_everyone_in_again(shop, ana):
    session = shop.start_session("two", "desk", ana)
    shop.broker.kill()
    shop.broker.start()
    shop.end_session("two", "desk", session)

    assert_booked_once(shop)

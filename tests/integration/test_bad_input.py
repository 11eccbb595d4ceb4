"""Nonsense on every topic and every address: refused, and everything goes on."""

from __future__ import annotations

import json
import time

import httpx
import paho.mqtt.client as mqtt
import pytest
from shop import Person, Shop, assert_booked_once, site, timed

from simulator.errors import HubRefusedError
from wire.codec import PAYLOAD_BYTES_MAX
from wire.errors import Code
from wire.topics import LEAVES_DOWN, LEAVES_UP, topic

NONSENSE = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"kind":"journal"}',
    b"\xff\xfe\x00" * 50,
    b'{"body":' * 2_000,
    b"[" * 100_000,
    json.dumps({"header": "x", "events": [1] * 500, "signature": "s"}).encode(),
    b'{"header":{},"events":[],"signature":"' + b"A" * 10_000 + b'"}',
)
HUGE = b"{" + b" " * (PAYLOAD_BYTES_MAX + 10) + b"}"


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "one")))


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person()


@pytest.fixture(scope="module")
def client(shop):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", shop.broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def works(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.end_session("one", "lamp", session)
    assert_booked_once(shop)


@pytest.mark.parametrize("leaf", sorted(LEAVES_UP | LEAVES_DOWN))
def test_nonsense_on_a_topic_changes_nothing(shop, client, leaf):
    partition = shop.api.get("/controllers/one")["partition"]
    for payload in (*NONSENSE, HUGE):
        client.publish(topic(partition, "one", leaf), payload, qos=1).wait_for_publish(5)
    time.sleep(0.1)

    shop.hub.child.check()
    shop.rigs["one"].child.check()


def test_nonsense_of_controllers_that_don_t_exist_changes_nothing(shop, client):
    for name in ("nobody", "a" * 64, "..", "one%00"):
        client.publish(topic("p00", name, "up/journal"), b"{}", qos=1).wait_for_publish(5)

    shop.hub.child.check()


def test_after_all_nonsense_a_tap_still_works(shop, ana):
    works(shop, ana)
    assert "Traceback" not in shop.hub.child.tail()
    assert "Traceback" not in shop.rigs["one"].child.tail()


def _operations(shop):
    schema = httpx.get(f"{shop.hub.url}/schema/openapi.json", timeout=10).json()
    for path, methods in schema["paths"].items():
        for method in methods:
            yield method.upper(), path.replace("{", "").replace("}", "")


def test_nonsense_at_every_address_is_a_problem_and_no_crash(shop):
    headers = {"Authorization": f"Bearer {shop.token}", "Content-Type": "application/json"}
    bodies = (b"{", b'{"amount_minor":1e400}', b"[" * 50_000)
    with httpx.Client(base_url=shop.hub.url, headers=headers, timeout=10) as http:
        for method, path in _operations(shop):
            if method not in {"POST", "PATCH", "PUT"}:
                continue
            for body in bodies:
                answer = http.request(
                    method, path, content=body, headers={"Idempotency-Key": "nonsense"}
                )
                assert 400 <= answer.status_code < 500, (method, path, body[:20], answer.text)
                assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_huge_body_is_refused_at_every_address(shop):
    headers = {"Authorization": f"Bearer {shop.token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=shop.hub.url, headers=headers, timeout=10) as http:
        for method, path in _operations(shop):
            if method in {"POST", "PATCH", "PUT"}:
                answer = http.request(method, path, content=b" " * 3_000_000)
                assert 400 <= answer.status_code < 500, (method, path, answer.text)
    shop.hub.child.check()


def test_a_top_up_sent_twice_moves_once_and_another_amount_not_at_all(shop):
    eva = shop.person(paid_minor=0)
    path, body = f"/accounts/{eva.account}/top-ups", {"amount_minor": 500, "till": "counter"}

    first = shop.api.post(path, body, "twice")
    again = shop.api.post(path, body, "twice")
    with pytest.raises(HubRefusedError) as refused:
        shop.api.post(path, {**body, "amount_minor": 900}, "twice")

    assert first == again
    assert (refused.value.status, refused.value.code) == (409, Code.ID_CONFLICT)
    assert shop.wallet(eva.account) == 500


def test_a_top_up_without_a_key_moves_nothing(shop):
    eva = shop.person(paid_minor=0)

    with pytest.raises(HubRefusedError) as refused:
        shop.api.post(f"/accounts/{eva.account}/top-ups", {"amount_minor": 5, "till": "counter"})

    assert refused.value.status == 400
    assert shop.wallet(eva.account) == 0

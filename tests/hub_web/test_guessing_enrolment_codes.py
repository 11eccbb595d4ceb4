"""Enrolment over HTTP against those who guess: codes end, work once, and guesses are few."""

from __future__ import annotations

import httpx
import pytest

from hub.bootstrap import Hub
from hub.fleet.enrolment import CODE_BYTES, CODE_LIFE_MS, CODES_PER_CONTROLLER_MAX
from hub.web import limits
from hub.web.limits import (
    ENROLMENTS_OVERALL_PER_MINUTE_MAX,
    ENROLMENTS_PER_MINUTE_MAX,
    MINUTE_MS,
    network_of,
)
from tests.hub_web.conftest import make_key
from wire.clock import ManualClock
from wire.enrolment import prove
from wire.errors import Code
from wire.keys import Signer

PATH = "/api/v1/enrolments"


class Door:
    """A served hub, seen from any address: it trusts a proxy on its own machine."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False)
        self.staff = {"Authorization": f"Bearer {token}"}
        self.post("/sites", {"id": "cellar", "timezone": "UTC"})
        for name in ("pi-1", "pi-2"):
            self.post("/controllers", {"id": name, "site": "cellar"})

    def post(self, path: str, body: object) -> dict:
        answer = self.client.post(f"/api/v1{path}", json=body, headers=self.staff)
        assert answer.is_success, answer.text
        return answer.json()

    def code(self, name: str = "pi-1") -> str:
        return self.post(f"/controllers/{name}/enrolment-codes", {})["code"]

    def enrol(self, code: str, name: str = "pi-1", seed: bytes = b"1" * 32, address: str = ""):
        signer = Signer(seed, name)
        body = {
            "controller": name,
            "code": code,
            "public_key": signer.public,
            "proof": prove(signer, code),
        }
        headers = {"X-Forwarded-For": address} if address else {}
        return self.client.post(PATH, json=body, headers=headers)


@pytest.fixture
def door(served: str, hub: Hub):
    door = Door(served, make_key(hub).token)
    yield door
    door.client.close()


def test_a_code_ends(door, clock: ManualClock) -> None:
    code = door.code()
    clock.advance(CODE_LIFE_MS)

    assert door.enrol(code).status_code == 403


def test_a_code_is_good_for_one_key_once(door) -> None:
    code = door.code()

    assert door.enrol(code).status_code == 201
    assert door.enrol(code, seed=b"2" * 32).status_code == 403
    assert door.enrol(code).status_code == 201  # the same key: its answer was lost


def test_every_wrong_code_looks_the_same(door, clock: ManualClock) -> None:
    used, of_other = door.code(), door.code("pi-2")
    assert door.enrol(used).status_code == 201
    ended = door.code()
    clock.advance(CODE_LIFE_MS)

    answers = [
        door.enrol(code, seed=b"3" * 32) for code in (used, of_other, ended, "aaaa-bbbb", "")
    ]

    assert {one.status_code for one in answers} == {403}
    assert len({one.content for one in answers}) == 1


def test_one_who_guesses_from_an_address_is_slowed_down_whomever_he_names(door) -> None:
    answers = [
        door.enrol("aaaa-bbbb", name, address="203.0.113.7").status_code
        for name in [f"pi-{number}" for number in range(ENROLMENTS_PER_MINUTE_MAX + 5)]
    ]

    assert answers[ENROLMENTS_PER_MINUTE_MAX:] == [429] * 5
    assert 429 not in answers[:ENROLMENTS_PER_MINUTE_MAX]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """A lower limit of all together, so that the test is quick."""
    monkeypatch.setattr(limits, "ENROLMENTS_OVERALL_PER_MINUTE_MAX", 40)
    return 40


def test_those_who_guess_from_many_addresses_are_slowed_down_together(
    few: int, door, clock: ManualClock
) -> None:
    tried = [
        door.enrol(
            "aaaa-bbbb",
            f"pi-{number}",
            address=f"2001:db8:{number:x}::{number:x}" if number % 2 else f"198.51.{number}.9",
        ).status_code
        for number in range(100, 100 + 30)
    ]
    assert set(tried) <= {403, 404}
    code = door.code()
    more = few - len(tried)
    for number in range(more):
        assert door.enrol("", address=f"192.0.{number // 250}.{number % 250}").status_code == 403

    refused = door.enrol("aaaa-bbbb", address="203.0.113.250")

    assert refused.status_code == 429
    assert refused.json()["code"] == Code.TOO_MANY_REQUESTS
    assert int(refused.headers["retry-after"]) <= MINUTE_MS // 1_000 + 1
    clock.advance(MINUTE_MS)
    assert door.enrol(code, address="203.0.113.250").status_code == 201


def test_an_ipv6_network_is_one_who_guesses() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("testclient") == "testclient"


def test_guessing_at_the_fastest_takes_longer_than_the_sun_lasts() -> None:
    controllers, minutes_a_year = 10_000, 525_960
    good_codes = controllers * CODES_PER_CONTROLLER_MAX
    guesses_a_year = ENROLMENTS_OVERALL_PER_MINUTE_MAX * minutes_a_year

    assert 2 ** (8 * CODE_BYTES) // (good_codes * guesses_a_year) > 90_000_000_00

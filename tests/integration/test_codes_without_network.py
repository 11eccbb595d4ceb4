"""A code sold at the counter starts a machine whose network is cut, and is booked once."""

from __future__ import annotations

import csv
import io
import time

import httpx
import pytest
from shop import WAIT_S, Person, Shop, assert_booked_once, site, timed

from simulator.waiting import wait_for
from wire.errors import Code
from wire.events import CodeRedeemed

WORTH = 200


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "one")))


@pytest.fixture(scope="module")
def codes(shop) -> list[str]:
    """Two codes, sold for cash."""
    body = {
        "name": "Slips",
        "funding": "sold",
        "amount_minor": WORTH,
        "count": 2,
        "till": "counter",
    }
    shop.api.post("/controllers/one/code-batches", body, "slips")
    headers = {"Authorization": f"Bearer {shop.token}"}
    url = f"{shop.hub.url}/api/v1/code-batches/slips/print"
    answer = httpx.post(url, json={}, headers=headers, trust_env=False)
    return [row["code"] for row in csv.DictReader(io.StringIO(answer.text))]


def redeemed(shop: Shop) -> list[CodeRedeemed]:
    events = shop.rigs["one"].journal().events
    return [event for event in events if isinstance(event, CodeRedeemed)]


def type_code(shop: Shop, digits: str, words: str) -> None:
    """Type at the lamp's keypad until its display says so."""
    assert shop.world.type_code("one", "lamp", digits)
    wait_for(f"the display says {words}", lambda: words in shop.display("one", "lamp"), WAIT_S)


def broke_and_cut_off(shop: Shop) -> Person:
    """Someone who has nothing, and was told so at a machine without network."""
    person = shop.person(paid_minor=0)
    shop.cut_network("one")
    before = shop.rigs["one"].journal().last_seq
    shop.tap("one", person.tag)
    assert shop.refusal("one", Code.BALANCE_TOO_LOW_OFFLINE, before)
    return person


def test_a_code_typed_without_network_starts_a_machine_and_is_booked_once(shop, codes):
    ana = broke_and_cut_off(shop)
    type_code(shop, codes[0], "Credited")
    session = shop.start_session("one", "lamp", ana)
    time.sleep(0.3)
    ended = shop.end_session("one", "lamp", session)

    assert ended.backed_minor == ended.charge_minor > 0
    assert not shop.start_of("one", session).online
    (fact,) = redeemed(shop)
    assert (fact.account, fact.amount_minor) == (ana.account, WORTH)

    shop.restore_network("one")
    assert_booked_once(shop)
    states = shop.api.get("/code-batches/slips")["states"]
    assert (states["used"], states["issued"]) == (1, 1)
    assert shop.verify()
    # What wasn't used is the account's everywhere, once the controller can give it back.
    left = WORTH - ended.charge_minor
    wait_for("the rest is in the wallet", lambda: shop.wallet(ana.account) == left, 75)


def test_the_same_code_again_is_refused_without_network(shop, codes):
    broke_and_cut_off(shop)

    type_code(shop, codes[0], "Code was used")

    assert len(redeemed(shop)) == 1
    shop.restore_network("one")
    assert_booked_once(shop)


def test_a_power_cut_after_a_code_was_typed_loses_and_repeats_nothing(shop, codes):
    ben = broke_and_cut_off(shop)
    type_code(shop, codes[1], "Credited")
    shop.cut_power("one")
    shop.restore_power("one")
    shop.wait_ready()
    session = shop.start_session("one", "lamp", ben)

    type_code(shop, codes[1], "Code was used")

    shop.restore_network("one")
    shop.end_session("one", "lamp", session)
    assert_booked_once(shop)
    assert [event.code for event in redeemed(shop)] == [1, 2]
    assert shop.api.get("/code-batches/slips")["states"]["used"] == 2
    assert shop.verify()

"""From a blank card to a use that is paid: keys at a controller's reader, linked at the hub.

The commands, the agent and the hub are the real ones; nfcpy's own driver tells virtual
cards what to do.
"""

from __future__ import annotations

import random

import pytest
from shop import Person, Shop, assert_booked_once, folder_of, site, timed

from firmware_agent.card_keys import MasterKey, add_master
from firmware_agent.card_links import waiting
from firmware_agent.commands import card_issue, cards
from simulator.parts.desfire import Desfire
from simulator.parts.ntag424 import Ntag424
from simulator.parts.tags import Tag
from simulator.system.hub_process import STAFF_FILE
from simulator.system.setup import open_account, top_up
from wire.errors import Code

FIRST, SECOND = (MasterKey(version, random.Random(version).randbytes(16)) for version in (1, 2))
UIDS = {Ntag424: b"\x04\x77\0\0\0\0\x01", Desfire: b"\x04\x77\0\0\0\0\x02"}
LEVELS = {Ntag424: 1, Desfire: 2}
ACCOUNTS = {Ntag424: "ana", Desfire: "ben"}
NOWHERE = "http://127.0.0.1:9"
entropy = random.Random(3).randbytes


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    shop = open_shop(site(timed("lamp", "one")))
    for account in ACCOUNTS.values():
        open_account(shop.api, account)
        top_up(shop.api, account, 2_000, f"first-{account}")
    return shop


@pytest.fixture(autouse=True)
def staff_key(shop, monkeypatch) -> None:
    monkeypatch.setenv(cards.KEY_VARIABLE, (shop.hub.data / STAFF_FILE).read_text())


@pytest.fixture(scope="module")
def issued(shop) -> dict[type[Tag], Tag]:
    """Blank cards that were given keys while the hub was away, and told to it later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cards.KEY_VARIABLE, (shop.hub.data / STAFF_FILE).read_text())
        made = {make: make(uid, entropy) for make, uid in UIDS.items()}
        shop.rigs["one"].stop()
        add_master(folder_of(shop, "one"), FIRST)
        for make, card in made.items():
            where = card_issue.Where(shop.rigs["one"].config, hub=NOWHERE)
            shop.world.place("one", "front", card)
            assert card_issue.personalise(where, ACCOUNTS[make], "") == 1  # kept: no hub
            shop.world.remove("one", "front", card)
        assert len(waiting(folder_of(shop, "one"))) == len(made)
        assert cards.send(shop.rigs["one"].config, shop.hub.url) == 0
        assert waiting(folder_of(shop, "one")) == []
    start(shop)
    return made


def start(shop) -> None:
    shop.rigs["one"].start()
    shop.wait_ready()
    shop.wait_listed()


def at_hub(shop, make) -> dict:
    (card,) = shop.api.get(f"/accounts/{ACCOUNTS[make]}/cards")["items"]
    return card


def use(shop, make, card) -> str:
    person = Person(ACCOUNTS[make], at_hub(shop, make)["id"], card)
    session = shop.start_session("one", "lamp", person)
    shop.end_session("one", "lamp", session)
    return session


@pytest.mark.parametrize("make", list(UIDS), ids=["NTAG 424", "DESFire"])
def test_a_blank_card_that_got_keys_is_listed_so_and_starts_with_its_proof(shop, issued, make):
    listed = at_hub(shop, make)
    assert (listed["level"], listed["key_version"], listed["state"]) == (LEVELS[make], 1, "active")

    proof = shop.start_of("one", use(shop, make, issued[make])).proof

    assert (proof.method, proof.level, proof.key_version) == ("ev2", LEVELS[make], 1)
    assert_booked_once(shop)


@pytest.mark.parametrize("make", list(UIDS), ids=["NTAG 424", "DESFire"])
def test_a_copy_of_its_uid_starts_nothing(shop, issued, make):
    seq = shop.rigs["one"].journal().last_seq
    shop.tap("one", make(UIDS[make], entropy))
    assert shop.refusal("one", Code.CARD_UNPROVED, seq)


def test_a_new_key_of_the_site_is_given_to_cards_one_by_one(shop, issued):
    """Cards of the older version go on working, and the hub lists what is left to do."""
    renewed, left = issued[Ntag424], issued[Desfire]
    shop.rigs["one"].stop()
    add_master(folder_of(shop, "one"), SECOND)
    shop.world.place("one", "front", renewed)
    where = card_issue.Where(shop.rigs["one"].config, hub=shop.hub.url)
    assert card_issue.rekey(where) == 0
    shop.world.remove("one", "front", renewed)
    start(shop)

    older = shop.api.get("/cards", key_version_below=2)["items"]
    assert [card["id"] for card in older] == [at_hub(shop, Desfire)["id"]]
    assert shop.start_of("one", use(shop, Ntag424, renewed)).proof.key_version == 2
    assert shop.start_of("one", use(shop, Desfire, left)).proof.key_version == 1


def test_a_wiped_card_is_blocked_at_the_hub_and_given_to_its_owner_anew(shop, issued):
    shop.rigs["one"].stop()
    card = issued[Desfire]
    where = card_issue.Where(shop.rigs["one"].config, hub=shop.hub.url)
    shop.world.place("one", "front", card)
    assert card_issue.wipe(where, yes=True) == 0
    assert at_hub(shop, Desfire)["state"] == "blocked"

    assert card_issue.personalise(where, ACCOUNTS[Desfire], "") == 0

    shop.world.remove("one", "front", card)
    again = at_hub(shop, Desfire)
    assert (again["state"], again["key_version"]) == ("blocked", 2)  # unblocking is for staff

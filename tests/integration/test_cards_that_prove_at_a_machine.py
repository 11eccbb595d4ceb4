"""Cards of level 1 at a machine: the real agent, nfcpy's own driver, a virtual NTAG 424 DNA.

Whatever happens to a card while it proves itself, it starts once or not at all, and what
is charged is charged once.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable

import pytest
from shop import Person, Shop, assert_booked_once, folder_of, site, timed

from firmware_agent.card_keys import MasterKey, SiteKeys, add_master
from firmware_agent.core.taps import TAP_AGAIN_MS
from hardware.cards import ntag424
from simulator.parts.iso_dep import CommandCard, Tear
from simulator.parts.ntag424 import Ntag424
from simulator.parts.tags import Tag
from simulator.system.setup import open_account, top_up
from simulator.waiting import wait_for
from wire.errors import Code
from wire.proof import Proof

MASTER = MasterKey(1, random.Random(1).randbytes(16))
OTHER_SITE = MasterKey(1, random.Random(2).randbytes(16))
NUMBERS = itertools.count(1)
WAIT_S = 15.0
entropy = random.Random(3).randbytes


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(
        site(timed("lamp", "one")), lambda shop: add_master(folder_of(shop, "one"), MASTER)
    )


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return listed(shop, "ana", paid_minor=5_000)


@pytest.fixture
def before(shop) -> int:
    return shop.rigs["one"].journal().last_seq


def listed(shop: Shop, account: str, paid_minor: int = 0) -> Person:
    """Someone with a card that has keys of this site, and is listed so."""
    uid = b"\x04\x42" + next(NUMBERS).to_bytes(5)
    open_account(shop.api, account)
    if paid_minor:
        top_up(shop.api, account, paid_minor, f"first-{account}")
    body = {"account": account, "uid": uid.hex(), "level": 1}
    card = str(shop.api.post("/cards", body)["id"])
    shop.api.post(f"/cards/{card}/keyed", {"level": 1, "key_version": MASTER.version})
    shop.wait_listed()
    return Person(account, card, card_with(uid, MASTER))


def card_with(uid: bytes, master: MasterKey, make: Callable[..., Ntag424] = Ntag424) -> Ntag424:
    """A card with the keys that a site makes for it."""
    card = make(uid, entropy)
    (key,) = SiteKeys((master,)).keys_for(uid, ntag424.KIND)
    ntag424.give_keys(_Desk(card), key, (), entropy)
    card.power_up()
    return card


class _Desk:
    """Where a card gets its keys: no air between."""

    def __init__(self, card: Ntag424) -> None:
        self._card = card

    def exchange(self, apdu: bytes) -> bytes:
        return self._card.chip.obey(apdu)


def use(shop: Shop, person: Person) -> str:
    """Start and stop with a card; exactly one session comes of it."""
    known = {event.session for event in shop.rigs["one"].journal().started()}
    session = shop.start_session("one", "lamp", person)
    shop.end_session("one", "lamp", session)
    started = {event.session for event in shop.rigs["one"].journal().started()}
    assert started - known == {session}
    return session


def test_a_card_that_proves_itself_starts_and_its_count_reaches_the_hub(shop, ana):
    counts = []
    for _ in range(2):
        session = use(shop, ana)
        proof = shop.start_of("one", session).proof
        counts.append(proof.counter)
        assert proof == Proof(method="ev2", level=1, key_version=1, counter=proof.counter)

    assert counts == [1, 2]
    assert_booked_once(shop)
    told = shop.api.get(f"/cards/{ana.card}/taps")["items"]
    assert {tap["counter"] for tap in told} >= {1, 2}


@pytest.mark.parametrize("when", list(Tear), ids=lambda when: when.name.lower())
@pytest.mark.parametrize("command", [5, 10])
def test_a_card_torn_away_while_it_proves_itself_starts_once(shop, ana, command, when):
    """Its answer is lost, whether it obeyed or not: it is asked again, and one use comes of it."""
    ana.tag.tear(command, when)

    use(shop, ana)

    assert_booked_once(shop)


@pytest.mark.parametrize("answers", [1, 4])
def test_answers_lost_on_the_air_cost_nothing(shop, ana, answers):
    """Four are more than are tried in silence: the person is told, and it goes on."""
    ana.tag.lose_answers(answers)
    use(shop, ana)
    assert_booked_once(shop)


def test_a_card_that_needs_more_time_gets_it(shop, ana):
    ana.tag.ask_for_time(4)
    use(shop, ana)


def test_copies_neither_start_nor_stop_anything(shop, ana):
    """A copy of the UID, a blank card that shows it, and one that another site made."""
    uid = ana.tag.uid
    copies = (Tag(uid), Ntag424(uid, entropy), card_with(uid, OTHER_SITE))
    for copy in copies:
        before = shop.rigs["one"].journal().last_seq
        shop.tap("one", copy)
        assert shop.refusal("one", Code.CARD_UNPROVED, before)
        assert not shop.world.snapshot()["one"].machines["lamp"].relay

    session = shop.start_session("one", "lamp", ana)
    time.sleep(TAP_AGAIN_MS / 1_000)
    for copy in copies:
        before = shop.rigs["one"].journal().last_seq
        shop.tap("one", copy)
        assert shop.refusal("one", Code.MACHINE_BUSY, before)
    assert shop.end_of("one", session) is None
    shop.end_session("one", "lamp", session)


def test_a_card_whose_proof_stays_unknown_isnt_called_a_copy(shop, ana, before):
    ana.tag.lose_answers(100_000)
    shop.tap("one", ana.tag, hold_ms=3_000)

    assert shop.refusal("one", Code.CARD_REMOVED_EARLY, before)
    assert not any(
        event.code == Code.CARD_UNPROVED and event.seq > before
        for event in shop.rigs["one"].journal().refused()
    )
    assert not shop.world.snapshot()["one"].machines["lamp"].relay
    shop.wait_field_empty("one")
    ana.tag.lose_answers(0)
    use(shop, ana)
    assert_booked_once(shop)


def test_a_card_that_proves_itself_still_needs_money(shop, before):
    ben = listed(shop, "ben")
    shop.tap("one", ben.tag, hold_ms=1_000)

    wait_for(
        "it is refused",
        lambda: [e for e in shop.rigs["one"].journal().refused() if e.seq > before],
        WAIT_S,
    )
    (refused,) = [e for e in shop.rigs["one"].journal().refused() if e.seq > before]
    assert refused.code in (Code.BALANCE_TOO_LOW, Code.BALANCE_TOO_LOW_OFFLINE)
    assert refused.proof.counter == 1
    assert shop.wallet("ben") == 0


class Trap(Ntag424):
    """A card that lets something happen at its last command, once."""

    trap: Callable[[], object] | None = None

    def _obey(self, apdu: bytes) -> bytes | None:
        if apdu[1] == 0xF6 and self.trap is not None:
            trap, self.trap = self.trap, None
            trap()
            return CommandCard._obey(self, apdu)
        return super()._obey(apdu)


@pytest.fixture(scope="module")
def eve(shop) -> Person:
    eve = listed(shop, "eve", paid_minor=2_000)
    return Person(eve.account, eve.card, card_with(eve.tag.uid, MASTER, Trap))


def test_a_reader_unplugged_while_a_card_proves_itself_starts_nothing_until_it_is_back(
    shop, eve, before
):
    pulled = threading.Event()

    def pull() -> None:
        threading.Thread(target=shop.world.unplug, args=("one", "front")).start()
        pulled.set()

    eve.tag.trap = pull
    shop.wait_field_empty("one")
    shop.world.place("one", "front", eve.tag)
    assert pulled.wait(WAIT_S)
    shop.world.remove("one", "front", eve.tag)
    assert not shop.world.snapshot()["one"].machines["lamp"].relay
    shop.world.plug("one", "front")

    journal = shop.rigs["one"].journal
    wait_for(
        "the reader is back",
        lambda: any(getattr(event, "cleared", False) for event in journal().after(before)),
        WAIT_S,
    )
    assert not [event for event in journal().started() if event.seq > before]
    use(shop, eve)
    assert_booked_once(shop)


def test_a_power_cut_while_a_card_proves_itself_starts_nothing(shop, eve, before):
    cut = threading.Event()

    def cut_power() -> None:
        shop.rigs["one"].kill()
        cut.set()

    eve.tag.trap = lambda: threading.Thread(target=cut_power).start()
    shop.wait_field_empty("one")
    shop.world.place("one", "front", eve.tag)
    assert cut.wait(WAIT_S)
    shop.world.remove("one", "front", eve.tag)
    assert not shop.world.snapshot()["one"].machines["lamp"].relay

    shop.rigs["one"].start()
    shop.wait_ready()
    assert not [event for event in shop.rigs["one"].journal().started() if event.seq > before]
    use(shop, eve)
    assert_booked_once(shop)

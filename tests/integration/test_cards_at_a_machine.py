"""What happens when cards that shouldn't start anything are laid on a reader."""

from __future__ import annotations

import random
import time

import pytest
from shop import Person, Shop, assert_booked_once, site, stranger, timed

from simulator.parts.tags import make_tag
from wire.errors import Code


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "one")))


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person()


@pytest.fixture
def before(shop) -> int:
    return shop.rigs["one"].journal().last_seq


def test_a_tap_a_use_and_a_stop_are_charged_and_booked(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    time.sleep(0.5)
    ended = shop.end_session("one", "lamp", session)

    assert ended.charge_minor > 0
    shop.wait_synced()
    booked = shop.api.get(f"/sessions/{session}")
    assert booked["charge_minor"] == ended.charge_minor
    assert booked["account"] == ana.account
    assert_booked_once(shop)


def test_an_unknown_card_starts_nothing(shop, before):
    shop.tap("one", stranger(bytes.fromhex("04ffeeddccbbaa")))

    assert shop.refusal("one", Code.CARD_UNKNOWN, before)
    assert not shop.world.snapshot()["one"].machines["lamp"].relay


def test_a_blocked_card_starts_nothing_and_its_money_stays(shop, before):
    gus = shop.person(paid_minor=700)
    shop.api.post(f"/cards/{gus.card}/block", {})
    shop.wait_listed()

    shop.tap("one", gus.tag)

    assert shop.refusal("one", Code.CARD_BLOCKED, before)
    assert not shop.world.snapshot()["one"].machines["lamp"].relay
    assert shop.wallet(gus.account) == 700


def test_a_random_uid_is_refused_and_never_kept(shop, before):
    shop.tap("one", make_tag("random", b"", random.Random(1)))

    assert shop.refusal("one", Code.CARD_RANDOM_UID, before)
    refused = shop.rigs["one"].journal().refused()[-1]
    assert refused.card == ""


def test_an_empty_account_is_refused_with_what_is_missing(shop, before):
    broke = shop.person(paid_minor=0)

    shop.tap("one", broke.tag)

    assert shop.refusal("one", Code.BALANCE_TOO_LOW, before)


def test_two_cards_at_once_charge_nobody(shop, ana, before):
    ben = shop.person()
    time.sleep(0.3)

    shop.world.place("one", "front", ana.tag)
    shop.world.place("one", "front", ben.tag)
    try:
        found = [event.code for event in _events_after(shop, before, Code.CARDS_SEVERAL)]
        assert Code.CARDS_SEVERAL in found
    finally:
        shop.world.remove("one", "front", ana.tag)
        shop.world.remove("one", "front", ben.tag)
    _stop_whatever_runs(shop)
    assert_booked_once(shop)


@pytest.mark.parametrize("hold_ms", [1, 5, 15, 30])
def test_a_card_that_is_gone_at_once_is_a_whole_tap_or_none(shop, ana, hold_ms):
    time.sleep(0.3)
    started = len(shop.rigs["one"].journal().started())

    shop.tap("one", ana.tag, hold_ms=hold_ms)
    time.sleep(0.6)

    runs = shop.world.snapshot()["one"].machines["lamp"].relay
    assert len(shop.rigs["one"].journal().started()) - started == runs
    _stop_whatever_runs(shop)
    assert shop.rigs["one"].journal().open_sessions == set()


def _events_after(shop, seq, code):
    shop.refusal("one", code, seq)
    return [event for event in shop.rigs["one"].journal().refused() if event.seq > seq]


def _stop_whatever_runs(shop):
    if shop.world.snapshot()["one"].machines["lamp"].relay:
        time.sleep(0.3)
        shop.world.press("one", "stop")
        assert shop.is_on("one", "lamp", closed=False)
    shop.wait_idle(10)

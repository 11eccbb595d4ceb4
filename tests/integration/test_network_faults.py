"""Broker, hub and network fail while sessions run: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import time

import pytest
from shop import Person, Shop, assert_booked_once, site, timed

from simulator.carrier import End
from simulator.flow import Way
from simulator.proxy import LinkState, NetworkFault
from simulator.system.books import booked_through
from simulator.waiting import wait_for

SECONDS = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "20"))
NOTICED_S = 90
"""A controller gives up a silent connection after 45 s, and then tries again."""


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "one"), timed("desk", "two")))


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person(paid_minor=5_000)


def test_sessions_start_and_end_without_network(shop, ana):
    shop.cut_network("one")
    session = shop.start_session("one", "lamp", ana)
    time.sleep(0.3)
    ended = shop.end_session("one", "lamp", session)

    assert not shop.start_of("one", session).online
    assert ended.charge_minor > 0
    assert shop.unsynced() > 0
    shop.restore_network("one")
    assert_booked_once(shop)


def test_a_stalled_network_holds_up_no_tap(shop, ana):
    shop.rigs["one"].link.stall()
    session = shop.start_session("one", "lamp", ana)
    shop.end_session("one", "lamp", session)

    shop.restore_network("one")

    assert_booked_once(shop)


def test_an_answer_that_comes_too_late_holds_up_no_tap_and_is_no_loss(shop):
    newcomer = shop.person(paid_minor=5_000)
    link = shop.rigs["one"].link
    # There and back takes longer than a tap waits for the hub.
    link.delay(1_000)
    session = shop.start_session("one", "lamp", newcomer)
    ended = shop.end_session("one", "lamp", session)

    assert shop.start_of("one", session).floor_used
    assert ended.charge_minor > 0
    assert_booked_once(shop)
    assert link.state is LinkState.DELAYED
    shop.restore_network("one")


def test_a_link_that_trickles_brings_everything_in_the_end(shop, ana):
    link = shop.rigs["two"].link
    link.trickle(4_000)
    session = shop.start_session("two", "desk", ana)
    ended = shop.end_session("two", "desk", session)

    assert ended.charge_minor > 0
    assert_booked_once(shop)
    assert link.state is LinkState.TRICKLING
    shop.restore_network("two")


@pytest.mark.parametrize("fault", [NetworkFault.RESET, NetworkFault.STALL])
def test_connections_that_break_in_a_session_are_made_again(shop, ana, fault):
    session = shop.start_session("one", "lamp", ana)
    shop.disturb_network("one", fault)
    ended = shop.end_session("one", "lamp", session)
    shop.restore_network("one")

    assert ended.charge_minor > 0
    assert_booked_once(shop)


def test_a_broker_that_still_holds_the_old_connection_lets_the_new_one_in(shop, ana):
    session = shop.start_session("two", "desk", ana)
    # The controller's end is gone; the broker isn't told, and has it twice for a while.
    shop.rigs["two"].link.half_open(End.NEAR)
    ended = shop.end_session("two", "desk", session)

    assert ended.charge_minor > 0
    assert_booked_once(shop)
    wait_for("it counts as online", lambda: _is_online(shop, "two"), 15)


@pytest.mark.chaos
def test_a_connection_that_only_the_controller_believes_in_is_given_up(shop, ana):
    if SECONDS < NOTICED_S:
        pytest.skip(f"it takes a minute to notice: STANDPIPE_CHAOS_SECONDS={NOTICED_S} or more")
    shop.rigs["one"].link.half_open(End.FAR)
    session = shop.start_session("one", "lamp", ana)
    shop.end_session("one", "lamp", session)
    assert shop.unsynced() > 0

    shop.wait_synced(NOTICED_S)
    assert_booked_once(shop)


def test_a_hub_whose_connections_are_reset_misses_nothing(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.hub_link.reset()
    shop.end_session("one", "lamp", session)

    assert_booked_once(shop)


def test_a_broker_killed_in_a_session_is_missed_by_nobody(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.broker.kill()
    other = shop.start_session("two", "desk", ana)
    ended = shop.end_session("one", "lamp", session)
    shop.broker.start()
    shop.end_session("two", "desk", other)

    assert ended.charge_minor > 0
    assert_booked_once(shop)


def test_a_hub_killed_between_commit_and_ack_books_nothing_twice(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.wait_synced()
    acked = shop.rigs["one"].journal().acked_seq
    # What the hub sends is held up, what it gets arrives: it commits, and no ack leaves it.
    shop.hub_link.stall(frozenset({Way.OUT}))
    shop.end_session("one", "lamp", session)
    journal = shop.rigs["one"].journal()
    wait_for("the hub has committed", lambda: _booked(shop, journal) == journal.last_seq, 15)
    assert shop.rigs["one"].journal().acked_seq == acked
    shop.hub.kill()
    shop.hub_link.restore()

    shop.hub.start()

    assert_booked_once(shop)


def test_a_hub_that_is_down_for_a_while_gets_everything_later(shop, ana):
    shop.hub.kill()
    for _ in range(2):
        session = shop.start_session("two", "desk", ana)
        shop.end_session("two", "desk", session)

    shop.hub.start()

    assert_booked_once(shop)


def test_killed_together_they_come_back_together(shop, ana):
    session = shop.start_session("one", "lamp", ana)
    shop.broker.kill()
    shop.hub.kill()
    shop.cut_power("one")
    shop.broker.start()
    shop.restore_power("one")
    shop.hub.start()

    assert shop.wait_end("one", session).charge_minor >= 0
    assert_booked_once(shop)


def _is_online(shop, controller):
    return shop.api.get(f"/controllers/{controller}")["online"]


def _booked(shop, journal):
    return booked_through(shop.hub.database)[journal.controller, journal.epoch]

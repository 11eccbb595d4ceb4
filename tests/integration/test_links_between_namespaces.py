"""A controller in a network namespace of its own: its only link is taken down.

Nothing is refused and nothing is reset, as on a proxy's cable: packets vanish in the
kernel, and TCP finds out by itself. Needs root and ip(8).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from netns import Cable, laid_cable
from parts import require
from shop import Shop, assert_booked_once, site, timed

from simulator.broker import OPEN_SETTINGS, MosquittoBroker
from simulator.child import Child
from simulator.system.rig import Rig
from simulator.waiting import free_port, wait_for

SECONDS = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "20"))
GIVEN_UP_S = 60
"""A controller gives a silent connection up after 45 s."""


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    with laid_cable() as cable:
        yield cable


@pytest.fixture(scope="module")
def shop(cable, tmp_path_factory) -> Iterator[Shop]:
    """Broker and hub are here, the controller `one` is behind the cable."""
    require("mosquitto", "mosquitto")
    port = free_port()
    settings = f"{OPEN_SETTINGS}listener {port} {cable.near_address}\n"
    shop = Shop(
        site(timed("lamp", "one"), timed("desk", "two")),
        tmp_path_factory.mktemp("shop"),
        lambda folder: MosquittoBroker(folder, settings=settings),
    )
    move(shop.rigs["one"], cable, port)
    try:
        shop.start()
        yield shop
        assert shop.hub.faults() == ()
    finally:
        shop.stop()


def move(rig: Rig, cable: Cable, port: int) -> None:
    """Put a controller behind the cable, which is all the network that it has."""
    here = f'broker = {{ host = "127.0.0.1", port = {rig.link.port} }}'
    there = f'broker = {{ host = "{cable.near_address}", port = {port} }}'
    before = rig.config.read_text()
    assert here in before
    rig.config.write_text(before.replace(here, there))
    rig.child = Child(rig.child.name, [*cable.command_inside(), *rig.child.command], rig.child.log)


@pytest.mark.mosquitto
def test_a_link_that_is_down_holds_up_no_tap_and_loses_nothing(shop, cable):
    ana = shop.person(paid_minor=5_000)
    session = shop.start_session("one", "lamp", ana)
    cable.take_down()
    ended = shop.end_session("one", "lamp", session)
    other = shop.start_session("one", "lamp", ana)
    while_down = shop.end_session("one", "lamp", other)
    assert shop.rigs["one"].journal().unsynced > 0

    cable.take_up()

    assert ended.charge_minor > 0
    assert while_down.charge_minor > 0
    assert_booked_once(shop)


@pytest.mark.mosquitto
def test_a_controller_that_starts_without_its_link_finds_it_later(shop, cable):
    bert = shop.person(paid_minor=5_000)
    shop.cut_power("one")
    cable.take_down()
    shop.restore_power("one")
    session = shop.start_session("one", "lamp", bert)
    ended = shop.end_session("one", "lamp", session)

    cable.take_up()

    assert ended.charge_minor > 0
    assert_booked_once(shop)


@pytest.mark.mosquitto
@pytest.mark.chaos
def test_a_link_that_stays_down_is_used_again_when_it_is_back(shop, cable):
    if SECONDS < GIVEN_UP_S:
        pytest.skip(f"it stays down for a minute: STANDPIPE_CHAOS_SECONDS={GIVEN_UP_S} or more")
    cara = shop.person(paid_minor=5_000)
    cable.take_down()
    noticed = shop.rigs["one"].child.tail
    wait_for("it notices", lambda: "hub not reachable" in noticed(), 2 * GIVEN_UP_S)
    session = shop.start_session("one", "lamp", cara)
    shop.end_session("one", "lamp", session)
    assert not shop.start_of("one", session).online

    cable.take_up()

    shop.wait_synced(2 * GIVEN_UP_S)
    assert_booked_once(shop)

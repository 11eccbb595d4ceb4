"""A controller whose clock is wrong, and one whose disk is full."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator

import pytest
from shop import Person, Shop, assert_booked_once, site, timed

from simulator.system.rig import Rig
from simulator.waiting import wait_for
from wire.events import ClockAdjusted

DAYS_MS = 400 * 86_400_000
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    return open_shop(site(timed("lamp", "late"), timed("desk", "full")))


@pytest.fixture(scope="module")
def ana(shop) -> Person:
    return shop.person()


@pytest.fixture
def clock_off(shop) -> Iterator[Callable[[int], Rig]]:
    """Restart the controller `late` with a wrong wall clock, and right again afterwards."""
    rig = shop.rigs["late"]
    command = rig.child.command

    def set_off(off_ms: int) -> Rig:
        rig.stop()
        rig.child.command = (*command, "--clock-off-ms", str(off_ms))
        rig.start()
        return rig

    yield set_off
    rig.stop()
    rig.child.command = command
    rig.start()
    shop.wait_ready()


def use_for_half_a_second(shop, ana):
    session = shop.start_session("late", "lamp", ana)
    time.sleep(0.5)
    return shop.end_session("late", "lamp", session)


def test_a_clock_in_the_future_is_corrected_by_the_hub_s(shop, ana, clock_off):
    before = shop.rigs["late"].journal().last_seq
    rig = clock_off(DAYS_MS)
    adjusted = wait_for("the clock is corrected", lambda: _adjusted(rig, before), 20)

    ended = use_for_half_a_second(shop, ana)

    assert abs(adjusted.offset_ms + DAYS_MS) < MINUTE_MS
    assert abs(ended.ended.wall_ms - now_ms()) < MINUTE_MS
    assert 0 < ended.charge_minor < 100
    assert_booked_once(shop)


def test_a_clock_in_the_past_never_falls_behind_the_journal(shop, ana, clock_off):
    clock_off(-DAYS_MS)

    ended = use_for_half_a_second(shop, ana)

    assert abs(ended.ended.wall_ms - now_ms()) < MINUTE_MS
    assert 0 < ended.charge_minor < 100
    assert_booked_once(shop)


def now_ms():
    return time.time_ns() // 1_000_000


def test_a_full_disk_starts_nothing_says_why_and_heals(shop, ana):
    pid = shop.rigs["full"].child.pid
    assert pid is not None
    # The kernel refuses every write beyond the first byte, as a full disk would.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        shop.tap("full", ana.tag)
        closed = shop.world.wait_relay("full", "desk", closed=True, timeout_ms=3_000)
        assert closed is None
        wait_for("it says why", lambda: shop.api.get("/controllers/full")["alarm"], 10)
    finally:
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, endless)
    wait_for("it is well again", lambda: not shop.api.get("/controllers/full")["alarm"], 60)

    session = shop.start_session("full", "desk", ana)
    shop.end_session("full", "desk", session)

    assert_booked_once(shop)


def test_a_disk_that_fills_up_in_a_session_loses_no_charge(shop, ana):
    session = shop.start_session("full", "desk", ana)
    pid = shop.rigs["full"].child.pid
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        time.sleep(1.0)
        shop.world.press("full", "stop")
        assert shop.is_on("full", "desk", closed=False)
    finally:
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, endless)

    assert shop.wait_end("full", session).charge_minor > 0
    assert_booked_once(shop)


def _adjusted(rig, after_seq):
    for event in rig.journal().after(after_seq):
        if isinstance(event, ClockAdjusted):
            return event
    return None

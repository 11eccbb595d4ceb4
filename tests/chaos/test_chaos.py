"""Broker, hub and agents are killed at random while people use machines.

Afterwards everything is healed, and the books must agree to the cent: each session's
charge in the ledger exactly once, the journals' sum equal to the ledger's.

`STANDPIPE_CHAOS_SECONDS` says how long (60 by hand, 20 by default), and
`STANDPIPE_CHAOS_SEED` which kills; a failure prints both.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from parts import require
from shop import Person, Shop, assert_booked_once, metered, site, timed, washing

from simulator.broker import MosquittoBroker
from simulator.waiting import wait_for

SECONDS = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("STANDPIPE_CHAOS_SEED", "1"))
KILL_EVERY_S = (0.4, 1.5)
DOWN_S = (0.0, 1.5)
HEAL_S = 60.0
log = logging.getLogger("chaos")
MACHINES = {"one": "lamp", "two": "mill", "three": "tub"}


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    require("mosquitto", "mosquitto")
    plan = site(timed("lamp", "one"), metered("mill", "two"), washing("tub", "three"))
    shop = Shop(plan, tmp_path, MosquittoBroker)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.mark.mosquitto
@pytest.mark.chaos
def test_every_charge_is_booked_exactly_once_whatever_is_killed(shop):
    log.warning("STANDPIPE_CHAOS_SECONDS=%d STANDPIPE_CHAOS_SEED=%d", SECONDS, SEED)
    people = [shop.person(paid_minor=100_000) for _ in MACHINES]
    over = Event()
    with ThreadPoolExecutor(len(people) + 1) as crew:
        work = [
            crew.submit(use_machine, shop, controller, person, over)
            for controller, person in zip(MACHINES, people, strict=True)
        ]
        kills = crew.submit(kill_at_random, shop, over)
        time.sleep(SECONDS)
        over.set()
        taps = sum(task.result() for task in work)
        killed = kills.result()

    heal(shop)

    sessions = sum(len(journal.charges) for journal in shop.journals().values())
    log.warning("%d kills, %d taps, %d sessions", killed, taps, sessions)
    assert killed >= SECONDS // 8
    assert sessions >= SECONDS // 8
    assert_booked_once(shop)
    assert shop.verify()
    charged = sum(sum(j.charges.values()) for j in shop.journals().values())
    assert shop.books().revenue_minor == charged
    assert all(journal.sound for journal in shop.journals().values())


def use_machine(shop: Shop, controller: str, person: Person, over: Event) -> int:
    """Tap on, use, tap off, again and again; whatever happens to the machine."""
    rng = random.Random(f"{SEED} {controller}")
    taps = 0
    while not over.wait(rng.uniform(0.2, 0.6)):
        shop.tap(controller, person.tag)
        taps += 1
    return taps


def kill_at_random(shop: Shop, over: Event) -> int:
    """Kill something, wait, start it again."""
    rng = random.Random(f"{SEED} kills")
    victims: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
        ("broker", shop.broker.kill, shop.broker.start),
        # Started without waiting, so that it is killed while it starts as well.
        ("hub", shop.hub.kill, shop.hub.child.start),
        *((name, rig.kill, rig.start) for name, rig in shop.rigs.items()),
    ]
    killed = 0
    while not over.wait(rng.uniform(*KILL_EVERY_S)):
        name, kill, start = rng.choice(victims)
        log.warning("killing %s", name)
        kill()
        killed += 1
        over.wait(rng.uniform(*DOWN_S))
        start()
    return killed


def heal(shop: Shop) -> None:
    """Start what is down and let every session end."""
    shop.broker.start()
    shop.hub.start()
    for rig in shop.rigs.values():
        rig.start()
    shop.wait_ready(HEAL_S)
    for controller, machine in MACHINES.items():
        wait_for(f"{machine} is off", lambda c=controller, m=machine: is_off(shop, c, m), HEAL_S)
    shop.wait_idle(HEAL_S)
    shop.wait_synced(HEAL_S)


def is_off(shop: Shop, controller: str, machine: str) -> bool:
    if shop.world.snapshot()[controller].machines[machine].relay:
        shop.world.press(controller, "stop") if machine != "tub" else None
        time.sleep(0.5)
        return False
    return True

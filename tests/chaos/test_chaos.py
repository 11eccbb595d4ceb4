"""Broker, hubs, database and agents are killed at random while people use machines.

Afterwards everything is healed, and the books must agree to the cent: each session's
charge in the ledger exactly once, the journals' sum equal to the ledger's.

`STANDPIPE_CHAOS_SECONDS` says how long (60 by hand; 15 by default, 8 on
PostgreSQL), and `STANDPIPE_CHAOS_SEED` which kills; a failure prints both.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest
from parts import require
from postgres import require_postgres
from shop import Person, Shop, assert_booked_once, metered, site, timed, washing

from simulator.broker import MosquittoBroker
from simulator.postgres import PostgresServer, temporary_postgres
from simulator.system.hub_process import Cluster
from simulator.waiting import wait_for

SECONDS = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "15"))
SECONDS_POSTGRES = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "8"))
SEED = int(os.environ.get("STANDPIPE_CHAOS_SEED", "1"))
KILL_EVERY_S = (0.4, 1.5)
DOWN_S = (0.0, 1.5)
HEAL_S = 60.0
log = logging.getLogger("chaos")
MACHINES = {"one": "lamp", "two": "mill", "three": "tub"}


Kill = Callable[[], None]
Victims = list[tuple[str, Kill, Kill]]
"""What can be killed: its name, and how it is killed and started again."""


class Town:
    """A shop, and the database server that it may have."""

    def __init__(self, shop: Shop, seconds: int, server: PostgresServer | None = None) -> None:
        self.shop = shop
        self.seconds = seconds
        self.server = server

    def victims(self) -> Victims:
        """Everything that is killed.

        Hubs are started without waiting, so that they are killed while they start, too.
        """
        shop = self.shop
        victims: Victims = [("broker", shop.broker.kill, shop.broker.start)]
        if self.server is not None:
            victims.append(("PostgreSQL", self.server.kill, self.server.start))
        hubs = enumerate(shop.hubs, 1)
        victims += [(f"hub {number}", hub.kill, hub.child.start) for number, hub in hubs]
        victims += [(name, rig.kill, rig.start) for name, rig in shop.rigs.items()]
        return victims

    def keep_up(self) -> None:
        """Start hubs that ended by themselves, as a service manager does.

        A hub doesn't start without its database, and says so.
        """
        for hub in self.shop.hubs:
            hub.child.start()


@pytest.fixture(
    params=[
        "one hub on SQLite",
        pytest.param("two hubs on PostgreSQL", marks=pytest.mark.postgres),
    ]
)
def town(request, tmp_path) -> Iterator[Town]:
    require("mosquitto", "mosquitto")
    plan = site(timed("lamp", "one"), metered("mill", "two"), washing("tub", "three"))
    with ExitStack() as stack:
        server, cluster = None, None
        if request.param == "two hubs on PostgreSQL":
            require_postgres()
            # What was committed must survive the server's end.
            server = stack.enter_context(temporary_postgres())
            cluster = Cluster(server.url(server.create()))
        shop = Shop(plan, tmp_path, MosquittoBroker, cluster=cluster)
        stack.callback(shop.stop)
        shop.start()
        yield Town(shop, SECONDS if server is None else SECONDS_POSTGRES, server)


@pytest.mark.mosquitto
@pytest.mark.chaos
def test_every_charge_is_booked_exactly_once_whatever_is_killed(town):
    shop, seconds = town.shop, town.seconds
    log.warning("STANDPIPE_CHAOS_SECONDS=%d STANDPIPE_CHAOS_SEED=%d", seconds, SEED)
    people = [shop.person(paid_minor=100_000) for _ in MACHINES]
    over = Event()
    with ThreadPoolExecutor(len(people) + 1) as crew:
        work = [
            crew.submit(use_machine, shop, controller, person, over)
            for controller, person in zip(MACHINES, people, strict=True)
        ]
        kills = crew.submit(kill_at_random, town, over)
        time.sleep(seconds)
        over.set()
        taps = sum(task.result() for task in work)
        killed = kills.result()

    heal(town)

    sessions = sum(len(journal.charges) for journal in shop.journals().values())
    log.warning("killed %s, %d taps, %d sessions", killed, taps, sessions)
    assert sum(killed.values()) >= seconds // 8
    assert sessions >= seconds // 8
    assert_booked_once(shop)
    assert shop.hub.faults() == ()
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


def kill_at_random(town: Town, over: Event) -> dict[str, int]:
    """Kill something, wait, start it again; gives how often each was killed.

    Everything has its turn before anything has its next.
    """
    rng = random.Random(f"{SEED} kills")
    victims = town.victims()
    killed = dict.fromkeys((name for name, _, _ in victims), 0)
    turns: Victims = []
    while not over.wait(rng.uniform(*KILL_EVERY_S)):
        turns = turns or rng.sample(victims, len(victims))
        name, kill, start = turns.pop()
        log.warning("killing %s", name)
        kill()
        killed[name] += 1
        over.wait(rng.uniform(*DOWN_S))
        start()
        town.keep_up()
    return killed


def heal(town: Town) -> None:
    """Start what is down and let every session end."""
    shop = town.shop
    if town.server is not None:
        town.server.start()
    shop.broker.start()
    for hub in shop.hubs:
        hub.start()
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

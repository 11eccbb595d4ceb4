"""One controller with one machine that knows 100,000 cards, in a system that runs."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from firmware_agent.card_keys import add_master
from simulator.benchmarks.rows import Say
from simulator.benchmarks.tap_cards import LEVELS, SITE_KEY, card_of
from simulator.parts.tags import Tag
from simulator.plan import ControllerPlan, MachinePlan, SitePlan
from simulator.system.setup import top_up
from simulator.system.system import System
from wire.ids import card_ref
from wire.machines import Machine
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

CARDS = 100_000
PAYING = 40
"""Cards with money behind them: those that are tapped."""
PAID_MINOR = 10_000
LISTED_S = 180.0
"""Two hundred pages of the card list are held by then."""
CONTROLLER = "bench"
MACHINE = "machine"
READER = "front"
BUTTON = "stop"

SITE = SitePlan(
    id="bench",
    name="Bench",
    tariffs=(
        Tariff(
            id="minute",
            version=1,
            name="A cent a minute",
            unit=EUR,
            time=Measure(unit="ms", per=60_000, tiers=(Tier(10_000),)),
        ),
    ),
    controllers=(
        ControllerPlan(
            CONTROLLER,
            (
                MachinePlan(
                    machine=Machine(id=MACHINE, name="Machine", tariff="minute"),
                    reader=READER,
                    button=BUTTON,
                ),
            ),
        ),
    ),
)


@contextmanager
def big_site(say: Say) -> Iterator[tuple[System, tuple[Tag, ...]]]:
    """Run it; gives the system and the cards that can pay, of each level in turns."""
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as folder:
        system = System(SITE, Path(folder))
        try:
            say(f"  starting a hub and an agent, with {CARDS:,} cards")
            add_master(system.rigs[CONTROLLER].folder, SITE_KEY)
            system.start(prepared=lambda: _fill(system))
            began = time.monotonic()
            for number in range(PAYING):
                top_up(system.api, _account(number), PAID_MINOR, f"bench-{number}")
            system.wait_listed(LISTED_S)
            say(f"  the agent holds the whole list after {time.monotonic() - began:.0f} s")
            system.wait_synced()
            yield system, tuple(_tag(number) for number in range(PAYING))
        finally:
            system.stop()


def _fill(system: System) -> None:
    """Put accounts and cards straight into the tables: requests would take minutes."""
    salt = bytes.fromhex((system.data / "card.salt").read_text())
    now_ms = time.time_ns() // 1_000_000
    accounts = [(_account(n), f"Person {n}", "EUR", now_ms) for n in range(CARDS)]
    cards = [
        (f"crd_{n:026d}", card_ref(salt, _uid(n)), _account(n), n + 1, now_ms, *_keyed(n))
        for n in range(CARDS)
    ]
    caps = [(_account(n), n + 1, 0, level_of(n)) for n in range(CARDS)]
    with closing(sqlite3.connect(system.hub.database)) as book, book:
        book.executemany(
            "INSERT INTO accounts (id, name, unit, created_ms) VALUES (?, ?, ?, ?)", accounts
        )
        book.executemany(
            "INSERT INTO cards"
            " (id, card_ref, account, list_revision, created_ms, level, key_version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            cards,
        )
        book.executemany(
            "INSERT INTO floor_caps (account, list_revision, cap_minor, level) VALUES (?, ?, ?, ?)",
            caps,
        )
        book.execute("INSERT OR REPLACE INTO card_list (id, revision) VALUES (1, ?)", (CARDS,))


def level_of(number: int) -> int:
    """Of which level a card is."""
    return LEVELS[number % len(LEVELS)] if number < PAYING else 0


def _keyed(number: int) -> tuple[int, int]:
    """Level of a card, and version of its key."""
    level = level_of(number)
    return level, SITE_KEY.version if level else 0


def _account(number: int) -> str:
    return f"acc-{number}"


def _uid(number: int) -> bytes:
    return b"\x04" + number.to_bytes(6, "big")


def _tag(number: int) -> Tag:
    return card_of(level_of(number), _uid(number))

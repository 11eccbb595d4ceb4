"""`agent-memory`: what a controller takes with 100,000 cards, and how soon it is ready."""

from __future__ import annotations

import time
from pathlib import Path

from simulator.benchmarks.big_site import BUTTON, CARDS, CONTROLLER, MACHINE, READER, big_site
from simulator.benchmarks.rows import Row, Say, make_row
from simulator.errors import ProcessDiedError, TooSlowError
from simulator.parts.tags import Tag
from simulator.system.system import System

TAPS = 20
REST_S = 0.3
SETTLE_S = 2.0
READY_MS_MAX = 20_000
KIB_PER_MB = 1_000_000 / 1_024


def measure(say: Say) -> list[Row]:
    """Measure the memory of an agent that has synced, restarted and worked."""
    with big_site(say) as (system, tags):
        synced_mb = _rss_mb(system)
        say("  restarting the agent")
        system.rigs[CONTROLLER].stop()
        began_ns = time.monotonic_ns()
        ready_ms = (_start_with(system, tags[0]) - began_ns) / 1_000_000
        say(f"  {TAPS} taps")
        for card in tags[:TAPS]:
            _use(system, card)
        time.sleep(SETTLE_S)
        worked_mb = _rss_mb(system)
    return [
        make_row(
            "agent-memory",
            worked_mb,
            "MB",
            cards=CARDS,
            budget=60,
            after_sync_mb=round(synced_mb, 1),
            taps=TAPS,
        ),
        make_row(
            "agent-ready",
            ready_ms,
            "ms",
            budget=2_000,
            value_is="from start until a card that lay there has switched its machine on",
            cards=CARDS,
        ),
    ]


def _start_with(system: System, card: Tag) -> int:
    """Start the agent with a card on its reader; gives when its output was set."""
    system.world.place(CONTROLLER, READER, card)
    system.rigs[CONTROLLER].start()
    closed = system.world.wait_relay(CONTROLLER, MACHINE, closed=True, timeout_ms=READY_MS_MAX)
    if closed is None:
        raise TooSlowError("the agent is ready", READY_MS_MAX / 1000)
    system.world.remove(CONTROLLER, READER, card)
    system.world.press(CONTROLLER, BUTTON)
    _expect(system, closed=False)
    time.sleep(REST_S)
    return closed.mono_ns


def _use(system: System, card: Tag) -> None:
    system.world.tap(CONTROLLER, READER, card, hold_ms=150)
    _expect(system, closed=True)
    system.world.press(CONTROLLER, BUTTON)
    _expect(system, closed=False)
    time.sleep(REST_S)


def _expect(system: System, *, closed: bool) -> None:
    if not system.world.wait_relay(CONTROLLER, MACHINE, closed=closed, timeout_ms=5_000):
        raise TooSlowError(f"the machine is {'on' if closed else 'off'}", 5)


def _rss_mb(system: System) -> float:
    child = system.rigs[CONTROLLER].child
    child.check()
    if child.pid is None:
        raise ProcessDiedError(child.name, 0, child.tail())
    for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / KIB_PER_MB
    raise TooSlowError("the kernel tells the agent's memory", 0)

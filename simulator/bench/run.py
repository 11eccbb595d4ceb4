"""`standpipe-sim bench-hardware`: a controller whose every part is virtual, to be played with."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from simulator.bench.bench_file import bench_of, load_bench, shipped
from simulator.bench.cards import BenchCard, plain_card
from simulator.bench.control import Control
from simulator.bench.keyed_cards import KEYED, keyed_card
from simulator.bench.layout import Table
from simulator.bench.server import BenchServer
from simulator.bench.system import BenchSystem
from simulator.lifetime import ending_gently, temporary_or
from simulator.system.system import Progress

SOCKET_NAME = "bench.sock"


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How to run the bench.

    Attributes:
        hub: Whether the hub stays; otherwise it goes once the controller is enrolled.
        config: A controller's own file; None: the bench that has everything.
        data: Folder that stays; None: a temporary one that goes.
        port: Of the page; 0 finds a free port.
        seconds: It ends by itself then; None: at Ctrl-C.
    """

    hub: bool
    config: Path | None
    data: Path | None
    port: int
    seconds: int | None


PEOPLE = (
    ("ana", "Ana, may use everything", "04a1001122aa80", 2_500, ("kiln",)),
    ("ben", "Ben", "04b2001122bb80", 2_000, ()),
    ("chloe", "Chloe, a plain key fob", "5ec20fa1", 1_500, ()),
    ("finn", "Finn, almost out of money", "04f6001122ff80", 45, ()),
    ("gus", "Gus, lost and blocked", "0497001122ab80", 800, ()),
)
"""Name, words, UID, what they paid in, what they may do."""
WITH_KEYS = (
    ("dev", "Dev, an NTAG 424 that proves itself", "ntag424", "04d4001122dd80", 2_000),
    ("ida", "Ida, a DESFire that proves itself", "desfire", "04d4001122dd81", 2_000),
)
STRANGER = ("hal", "Hal, unknown", "0488001122bc80")


def run_bench(options: BenchOptions) -> int:
    """Run it until Ctrl-C.

    Returns:
        The exit code.

    Raises:
        SimulatorError: It can't be started; nothing is left running.
    """
    bench = bench_of(options.config) if options.config else load_bench(shipped("standard"))
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    with ending_gently() as ended, temporary_or(options.data) as data, ExitStack() as stack:
        system = BenchSystem(bench, data)
        stack.callback(system.stop)
        tell(bench.about or bench.name)
        system.start(tell)
        _admit_all(system)
        tell("cards lie ready")
        if not options.hub:
            system.leave_hub()
            tell("the hub has gone: the controller decides alone")
        table = Table(system)
        control = Control(table, data / SOCKET_NAME)
        stack.callback(control.close)
        control.start()
        server = BenchServer(table, options.port)
        stack.callback(server.stop)
        server.start()
        _say_where(system, server.url, data / SOCKET_NAME, tell)
        ended.wait(options.seconds)
    return 0


def _say_where(system: BenchSystem, url: str, path: Path, tell: Progress) -> None:
    tell(f"the bench page   {url}")
    if system.hub_url:
        tell(f"the hub's page   {system.hub_url}")
        tell(f"its staff key    {system.token}")
    for plan in system.site.controllers:
        if plan.wired is not None and plan.wired.kiosk_port:
            tell(f"the touch screen http://127.0.0.1:{plan.wired.kiosk_port}/")
    tell(f"the socket       {path}")


def _admit_all(system: BenchSystem) -> None:
    for name, words, uid, paid_minor, permissions in PEOPLE:
        card = plain_card(uid, name)
        known = system.admit(
            BenchCard(name, words, card.tag),
            f"acc-{name}",
            paid_minor=paid_minor,
            permissions=permissions,
        )
        if name == "gus" and system.desk is not None:
            system.desk.block(known)
    for name, words, kind, uid, paid_minor in WITH_KEYS:
        chip = keyed_card(kind, bytes.fromhex(uid), random.Random(uid))
        card = BenchCard(name, words, chip, level=KEYED[kind])
        system.admit(card, f"acc-{name}", paid_minor=paid_minor)
    name, words, uid = STRANGER
    system.box.add(BenchCard(name, words, plain_card(uid, name).tag))
    system.wait_listed()

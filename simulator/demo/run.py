"""`standpipe-sim demo`: starts everything, lets people come, cuts the network, adds up."""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Lock

import msgspec

from simulator.bench.cards import CardBox
from simulator.bench.desk import Desk
from simulator.bench.layout import Table
from simulator.bench.server import BenchServer
from simulator.demo.people import PEOPLE, Person, bench_cards, make_cards
from simulator.demo.report import Counts, Report, in_words, is_good, make_report
from simulator.demo.scene import DemoOptions, play_scenes
from simulator.demo.site import PERMISSION, SITE
from simulator.demo.visits import Floor
from simulator.lifetime import ending_gently, temporary_or
from simulator.parts.tags import Tag
from simulator.system.setup import link_card, open_account, top_up
from simulator.system.system import System

ADMIT_AT_ONCE = 4
"""Requests to the hub at the same time; more only wait for its one writer."""


class Teller:
    """Says what happens, each line with the time since the start."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._lock = Lock()
        self.began = time.monotonic()

    def __call__(self, line: str) -> None:
        with self._lock:
            passed_s = time.monotonic() - self.began
            print(f"{passed_s:6.1f} s  {line}", file=self._stream, flush=True)


class DemoSystem(System):
    """The demo's site, with people's cards lying ready at the bench."""

    def __init__(self, data: Path, tags: dict[str, Tag]) -> None:
        super().__init__(SITE, data)
        self.box = CardBox(bench_cards(PEOPLE, tags))
        self.desk: Desk | None = None

    def admit(self, person: Person) -> None:
        """Open a person's account, link the card and take the first payment."""
        if person.paid_minor is None:
            return
        account = f"acc-{person.id}"
        permissions = {PERMISSION: 0} if person.may_cut else {}
        open_account(
            self.api, account, name=person.name, group=person.group, permissions=permissions
        )
        card = link_card(self.api, account, person.uid, person.name)
        if person.lost:
            self.api.post(f"/cards/{card}/block", {})
        top_up(self.api, account, person.paid_minor, f"demo-{person.id}")


def run_demo(options: DemoOptions) -> int:
    """Run the demo to its end.

    Returns:
        The exit code: 0 when the money adds up.

    Raises:
        SimulatorError: It couldn't be started; nothing is left running.
    """
    tell = Teller(to_stderr=options.as_json)
    with ending_gently() as ended, temporary_or(options.data) as data, ExitStack() as stack:
        tags = make_cards(PEOPLE, random.Random(options.seed))
        system = DemoSystem(data, tags)
        stack.callback(system.stop)
        _start(system, tell, ended)
        if not options.headless:
            bench = BenchServer(Table(system))
            stack.callback(bench.stop)
            bench.start()
            tell(f"the hub's page   {system.hub_url}")
            tell(f"the bench page   {bench.url}  (tap cards, press buttons, pull cables)")
        start_seconds = time.monotonic() - tell.began
        report = _run(options, system, Floor(system, tags, tell), start_seconds, ended)
    print(msgspec.json.encode(report).decode() if options.as_json else in_words(report))
    return 0 if is_good(report) else 1


def _start(system: DemoSystem, tell: Teller, ended: Event) -> None:
    def progress(line: str) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        tell(line)

    tell("starting broker, hub and controllers")
    system.start(progress)
    with ThreadPoolExecutor(ADMIT_AT_ONCE) as crew:
        list(crew.map(system.admit, PEOPLE))
    system.wait_listed()
    progress("accounts are open, cards are known at every machine")


def _run(
    options: DemoOptions, system: DemoSystem, floor: Floor, start_seconds: float, ended: Event
) -> Report:
    began = time.monotonic()
    outages = play_scenes(system, floor, options, ended)
    counts = Counts(
        seed=options.seed,
        seconds=time.monotonic() - began,
        taps=floor.taps,
        start_seconds=start_seconds,
        outages=outages,
    )
    return make_report(counts, system.journals(), system.books(), verified=system.verify())

"""`standpipe-sim fleet`: a broker, a hub, thousands of light controllers, and people."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import msgspec

from simulator.benchmarks.light_fleet import settings_with_port
from simulator.benchmarks.rows import quantile
from simulator.broker import Broker, EmbeddedBroker, MosquittoBroker, find_mosquitto
from simulator.child import Child
from simulator.errors import SetupError, TooSlowError
from simulator.fleet.crowd import Crowd, prepare_crowd
from simulator.fleet.lines import Lines
from simulator.fleet.options import FleetOptions, allow_connections
from simulator.fleet.report import FleetReport, in_words, is_good
from simulator.fleet.taps import Taps
from simulator.lifetime import ending_gently, temporary_or
from simulator.system.books import read_books
from simulator.system.programs import program, run_command
from simulator.waiting import accepts, free_port, wait_for

HUB_S = 60.0
GREET_S = 300.0
"""Ten thousand configurations are numbered, signed and sent in this time."""
SETTLE_S = 60.0
"""After the last tap: everything that was journalled is booked by then."""
OPENED_PER_TURN = 20
"""New connections between two looks at those that exist."""
TURN_S = 0.02
TELL_EVERY_S = 5.0

Tell = Callable[[str], None]


class Fleet:
    """A fleet that runs: made, connected, driven, settled, closed.

    Args:
        options: How large, how fast, how long.
        folder: Of everything.
        tell: Told how far it is.
        ended: Set when the person at the terminal has seen enough.
    """

    def __init__(self, options: FleetOptions, folder: Path, tell: Tell, ended: Event) -> None:
        self.options = options
        self.connect_seconds = 0.0
        self.tapped_seconds = 0.0
        self.hub_cpu_seconds = 0.0
        self.hub_memory_mb = 0.0
        self._folder = folder
        self._tell = tell
        self._ended = ended
        self._is_stopped = False
        self._idle_cpu_seconds = 0.0
        place = folder / "broker"
        place.mkdir(exist_ok=True)
        self.broker: Broker = MosquittoBroker(place) if find_mosquitto() else EmbeddedBroker(place)
        self.data = folder / "hub"
        if self.data.exists():
            raise SetupError(f"{folder} holds a fleet already: choose an empty folder for --data")
        settings_port = free_port()
        command = [program("standpipe-hub"), "serve", "--data", str(self.data)]
        self._http_port = settings_port
        self.hub = Child("the hub", command, folder / "hub.log")
        self.crowd: Crowd | None = None
        self.taps: Taps | None = None
        self.lines: Lines | None = None

    def prepare(self) -> tuple[Crowd, Taps, Lines]:
        """Make the hub's book, and start broker and hub."""
        self.broker.start()
        count = self.options.controllers
        crowd = prepare_crowd(
            self.data, count, self.broker.port, self._counting("the hub knows", "controllers")
        )
        settings_with_port(self.data, self._http_port)
        self.hub.start()
        wait_for("the hub answers", self._hub_answers, HUB_S)
        self._tell(f"{type(self.broker).__name__} and hub run")
        taps = Taps(crowd.voices, self.options.seed)
        lines = Lines(self.broker.port, taps.heard)
        taps.attach(lines)
        self.crowd, self.taps, self.lines = crowd, taps, lines
        return crowd, taps, lines

    def connect(self, crowd: Crowd, taps: Taps, lines: Lines) -> None:
        """Connect every controller, and wait until the hub has answered each."""
        began_s = time.monotonic()
        told = self._counting("connected", "controllers")
        for number, voice in enumerate(crowd.voices, 1):
            lines.open(voice)
            if number % OPENED_PER_TURN == 0:
                lines.work(0)
                self._stop_if_ended()
            told(number, len(crowd.voices))
        greeted: set[str] = set()
        told = self._counting("known and configured", "controllers")
        while taps.greeted < len(crowd.voices):
            if time.monotonic() - began_s > GREET_S:
                raise TooSlowError("every controller is connected and configured", GREET_S)
            for voice in crowd.voices:
                if voice.name in lines.ready and voice.name not in greeted:
                    greeted.add(voice.name)
                    taps.greet(voice)
            self._turn(taps, lines, TURN_S)
            told(taps.greeted, len(crowd.voices))
        self.connect_seconds = time.monotonic() - began_s

    def bare_taps(self) -> tuple[Taps, Lines]:
        """The same people, who only want and use nothing; the hub has been stopped."""
        if self.crowd is None or self.lines is None:
            raise SetupError("the fleet isn't connected")
        taps = Taps(self.crowd.voices, self.options.seed, bare=True)
        taps.attach(self.lines)
        self.lines.heard = taps.heard
        return taps, self.lines

    def drive(self, taps: Taps, lines: Lines, seconds: int) -> None:
        """Let people tap for so long."""
        rng = random.Random(f"{self.options.seed} arrivals")
        if self.hub.pid is not None:
            self._idle_cpu_seconds, _ = _used(self.hub.pid)
        began_s = time.monotonic()
        until_s, due_s, told_s = began_s + seconds, began_s, began_s
        while (now_s := time.monotonic()) < until_s and not self._ended.is_set():
            while due_s <= now_s:
                taps.tap(due_s)
                due_s += rng.expovariate(self.options.rate_per_s)
            self._turn(taps, lines, min(due_s, until_s) - now_s)
            if now_s - told_s >= TELL_EVERY_S:
                told_s = now_s
                counts = taps.counts
                slow = quantile(counts.answer_ms, 0.99) if counts.answer_ms else 0
                self._tell(
                    f"{counts.taps:,} taps, {len(counts.answer_ms):,} answered, "
                    f"99 % within {slow:.0f} ms, {len(counts.booked_ms):,} booked"
                )
        self.tapped_seconds = time.monotonic() - began_s

    def settle(self, taps: Taps, lines: Lines) -> None:
        """Wait until everything is answered and booked; what isn't is counted."""
        until_s = time.monotonic() + SETTLE_S
        while time.monotonic() < until_s:
            self._turn(taps, lines, TURN_S)
            counts = taps.counts
            answered = len(counts.answer_ms) + counts.unanswered
            if answered >= counts.taps and not taps.unacked:
                return

    def stop_hub(self) -> None:
        """Take down what the hub used, and stop it. Again: nothing."""
        if self.hub.pid is not None:
            worked_s, self.hub_memory_mb = _used(self.hub.pid)
            self.hub_cpu_seconds = worked_s - self._idle_cpu_seconds
        self._is_stopped = True
        self.hub.stop()

    def close(self) -> None:
        """End everything that runs."""
        if self.lines is not None:
            self.lines.close()
        self.hub.stop()
        self.broker.stop()

    def report(self, taps: Taps, lines: Lines) -> FleetReport:
        """Add everything up; the hub is stopped."""
        options, counts = self.options, taps.counts
        books = read_books(self.data / "hub.db")
        said = run_command(
            [program("standpipe-hub"), "verify", "--data", str(self.data), "--json"], good=(0, 1)
        )
        answers, booked = counts.answer_ms or [0.0], counts.booked_ms or [0.0]
        return FleetReport(
            controllers=options.controllers,
            rate_per_s=options.rate_per_s,
            seconds=round(self.tapped_seconds, 1),
            seed=options.seed,
            broker="mosquitto" if isinstance(self.broker, MosquittoBroker) else "embedded broker",
            connect_seconds=round(self.connect_seconds, 1),
            taps=counts.taps,
            busy=counts.busy,
            granted=counts.granted,
            refused=counts.refused,
            unanswered=counts.unanswered,
            answer_ms_p50=round(quantile(answers, 0.5), 1),
            answer_ms_p99=round(quantile(answers, 0.99), 1),
            answer_ms_max=round(max(answers), 1),
            booked_ms_p50=round(quantile(booked, 0.5), 1),
            booked_ms_p99=round(quantile(booked, 0.99), 1),
            lost_connections=lines.lost,
            unacked_controllers=taps.unacked,
            sessions=counts.sessions,
            charged_minor=counts.charged_minor,
            ledger_revenue_minor=books.revenue_minor,
            escrow_minor=books.escrow_minor,
            money_conserved=books.conserved and not msgspec.json.decode(said)["faults"],
            hub_memory_mb=round(self.hub_memory_mb, 1),
            hub_cpu_ms_per_tap=round(self.hub_cpu_seconds * 1_000 / max(1, counts.taps), 1),
        )

    def _turn(self, taps: Taps, lines: Lines, timeout_s: float) -> None:
        self._stop_if_ended()
        if not self._is_stopped:
            self.hub.check()
        lines.work(min(timeout_s, TURN_S))
        taps.look_after()

    def _hub_answers(self) -> bool:
        self.hub.check()
        return accepts(self._http_port)

    def _stop_if_ended(self) -> None:
        if self._ended.is_set() and self.connect_seconds == 0:
            raise KeyboardInterrupt

    def _counting(self, what: str, of: str) -> Callable[[int, int], None]:
        last = [time.monotonic()]

        def told(done: int, total: int) -> None:
            now_s = time.monotonic()
            if done == total or now_s - last[0] >= TELL_EVERY_S:
                last[0] = now_s if done < total else float("inf")
                self._tell(f"{what} {done:,} of {total:,} {of}")

        return told


@contextmanager
def running(
    options: FleetOptions, folder: Path, tell: Tell, ended: Event
) -> Iterator[tuple[Fleet, Taps, Lines]]:
    """Run a fleet's broker and hub with all controllers connected; ends everything after.

    Raises:
        SimulatorError: Something doesn't start, or is too slow.
    """
    allow_connections(options.controllers)
    fleet = Fleet(options, folder, tell, ended)
    try:
        crowd, taps, lines = fleet.prepare()
        fleet.connect(crowd, taps, lines)
        yield fleet, taps, lines
    finally:
        fleet.close()


def run_fleet(options: FleetOptions) -> int:
    """Run a fleet to its end, and say what came of it.

    Returns:
        The exit code: 0 when everything was answered and the money adds up.

    Raises:
        SimulatorError: It couldn't be started; nothing is left running.
    """
    began_s = time.monotonic()
    stream = sys.stderr if options.as_json else sys.stdout

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {line}", file=stream, flush=True)

    with (
        ending_gently() as ended,
        temporary_or(options.data) as folder,
        running(options, folder, tell, ended) as (fleet, taps, lines),
    ):
        tell(f"people tap, {options.rate_per_s} a second")
        fleet.drive(taps, lines, options.seconds)
        tell("waiting until everything is booked")
        fleet.settle(taps, lines)
        fleet.stop_hub()
        report = fleet.report(taps, lines)
    print(msgspec.json.encode(report).decode() if options.as_json else in_words(report))
    return 0 if is_good(report) else 1


def _used(pid: int) -> tuple[float, float]:
    """Seconds that a process has worked, and its largest memory in MB (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return seconds, peak_kb / 1_024

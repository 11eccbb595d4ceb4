"""`fleet`: how soon a hub answers wants while ten thousand controllers are connected.

The peer is the same taps on the same broker and connections, answered by a program that
checks, keeps and books nothing (`simulator.fleet.echo`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from threading import Event

from simulator.benchmarks.rows import Row, Say, make_row, quantile
from simulator.child import Child
from simulator.errors import ProcessDiedError
from simulator.fleet.echo import READY
from simulator.fleet.options import FleetOptions
from simulator.fleet.report import FleetReport
from simulator.fleet.run import Fleet, running
from simulator.waiting import wait_for

CONTROLLERS = 10_000
RATE_PER_S = 200
SECONDS = 30
PEER_SECONDS = 10
START_S = 20.0


def measure(say: Say) -> list[Row]:
    """Measure ten thousand controllers with 200 taps a second."""
    return measure_fleet(
        FleetOptions(controllers=CONTROLLERS, rate_per_s=RATE_PER_S, seconds=SECONDS), say
    )


def measure_fleet(options: FleetOptions, say: Say, peer_seconds: int = PEER_SECONDS) -> list[Row]:
    """Measure a fleet of any size, then its peer."""
    began_s = time.monotonic()

    def tell(line: str) -> None:
        say(f"  {time.monotonic() - began_s:6.1f} s  {line}")

    with (
        tempfile.TemporaryDirectory(prefix="standpipe-bench-") as name,
        running(options, Path(name), tell, Event()) as (fleet, taps, lines),
    ):
        fleet.drive(taps, lines, options.seconds)
        fleet.settle(taps, lines)
        fleet.stop_hub()
        report = fleet.report(taps, lines)
        say("  the same taps, answered by a program that books nothing")
        peer_ms = _measure_peer(fleet, Path(name), peer_seconds)
    return [_row(report, peer_ms)]


def _measure_peer(fleet: Fleet, folder: Path, seconds: int) -> list[float]:
    command = [sys.executable, "-m", "simulator.fleet.echo", str(fleet.broker.port)]
    echo = Child("the echo", command, folder / "echo.log")
    echo.start()
    try:
        wait_for("the echo is ready", lambda: _is_ready(echo), START_S)
        taps, lines = fleet.bare_taps()
        fleet.drive(taps, lines, seconds)
        fleet.settle(taps, lines)
    finally:
        echo.kill()
    if not taps.counts.answer_ms:
        raise ProcessDiedError("the echo", 0, echo.tail())
    return taps.counts.answer_ms


def _is_ready(echo: Child) -> bool:
    echo.check()
    return READY in echo.tail()


def _row(report: FleetReport, peer_ms: list[float]) -> Row:
    return make_row(
        "fleet",
        report.answer_ms_p99,
        "ms",
        peer=quantile(peer_ms, 0.99),
        what="want to allowance, p99, from when somebody was to tap",
        controllers=report.controllers,
        rate_per_s=report.rate_per_s,
        taps=report.taps,
        unanswered=report.unanswered,
        p50_ms=report.answer_ms_p50,
        max_ms=report.answer_ms_max,
        booked_p99_ms=report.booked_ms_p99,
        connect_seconds=report.connect_seconds,
        hub_memory_mb=report.hub_memory_mb,
        hub_cpu_ms_per_tap=report.hub_cpu_ms_per_tap,
        broker=report.broker,
        money_adds_up=report.charged_minor == report.ledger_revenue_minor,
        peer_p50_ms=round(quantile(peer_ms, 0.5), 1),
        peer_is="the same wants answered by a program that checks and books nothing",
    )

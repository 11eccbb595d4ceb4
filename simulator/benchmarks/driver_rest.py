"""`driver-rest`: what the drivers of one machine burn while nobody is there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from simulator.benchmarks.driver_child import PORT, TUBE, TYPED, Cost
from simulator.benchmarks.rows import Row, Say, make_row
from simulator.errors import SetupError, TooSlowError
from simulator.parts.display_tube import DisplayTube
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.wedge import Wedge

REST_S = 10
"""Some 400 looks of the reader: what a look costs is told to a hundredth."""
CHILD_S_MAX = 60
CPU_PERCENT_MAX = 5
RSS_MB_MAX = 60
_PPM_PER_PERCENT = 10_000
_KIB_PER_MB = 1_000_000 / 1_024


def measure(say: Say) -> list[Row]:
    """Measure processor and memory of a process with nothing but drivers."""
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as name:
        folder = Path(name)
        devices = (
            Pn532Chip(folder / PORT),
            Wedge(folder / TYPED),
            DisplayTube(folder / TUBE, columns=20, rows=2),
        )
        for device in devices:
            device.plug()
        try:
            say(f"  resting {REST_S} s")
            cost = _run(folder)
        finally:
            for device in devices:
                device.unplug()
    return [
        make_row(
            "driver-rest",
            cost.cpu_ppm / _PPM_PER_PERCENT,
            "% of a core",
            budget=CPU_PERCENT_MAX,
            seconds=REST_S,
        ),
        make_row(
            "driver-memory",
            cost.rss_all_kib / _KIB_PER_MB,
            "MB",
            budget=RSS_MB_MAX,
            value_is="the agent's program with every driver loaded, without cards",
            drivers=cost.drivers,
            one_machine_mb=round(cost.rss_kib / _KIB_PER_MB, 1),
        ),
    ]


def _run(folder: Path) -> Cost:
    command = [sys.executable, "-m", "simulator.benchmarks.driver_child", str(folder), str(REST_S)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CHILD_S_MAX, check=True
        )
    except subprocess.TimeoutExpired:
        raise TooSlowError("the drivers rest", CHILD_S_MAX) from None
    except subprocess.CalledProcessError as error:
        raise SetupError(f"the drivers don't run: {error.stderr[-500:]}") from None
    return msgspec.json.decode(done.stdout, type=Cost)

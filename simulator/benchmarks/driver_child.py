"""A process with one machine's parts at rest: `python -m … FOLDER REST_S`; prints its cost.

It is the agent's program without journal and hub: what it burns, its drivers burn.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from queue import Queue

import gpiozero
import msgspec
from gpiozero.pins.mock import MockFactory

from firmware_agent.config import parse_config
from firmware_agent.parts import RealParts, open_parts
from hardware import factory
from hardware.drivers import Drivers
from hardware.ports import PartEvent, ReaderUp
from wire.clock import Instant

PORT, TYPED, TUBE = "reader", "typed", "tube"
READERS = 2
UP_S = 10.0
"""Both readers are up within a second on a quiet machine."""
_NS_PER_MS = 1_000_000

TOML = """
[[readers]]
id = "front"
port = "{folder}/reader"
[[readers]]
id = "typed"
driver = "keyboard"
port = "{folder}/typed"
[[machines]]
id = "machine"
reader = "front"
output = {{ pin = 17 }}
meter = {{ unit = "Wh", pin = 25 }}
button = {{ pin = 23 }}
feedback = {{ pin = 22 }}
indicator = {{ red = 5, green = 6, blue = 13 }}
display = {{ port = "{folder}/tube" }}
"""


class Cost(msgspec.Struct, frozen=True):
    """What it cost.

    Attributes:
        cpu_ppm: Processor time at rest, in millionths of one core.
        rss_kib: Resident memory with the drivers of the parts.
        rss_all_kib: With every driver that ships and whose library is there.
        drivers: How many those are.
    """

    cpu_ppm: int
    rss_kib: int
    rss_all_kib: int
    drivers: int


class _Clock:
    def now(self) -> Instant:
        return Instant(time.time_ns() // _NS_PER_MS, time.monotonic_ns() // _NS_PER_MS)


def measure(folder: Path, rest_s: float) -> Cost:
    """Open the parts, let them rest, and look at this process."""
    gpiozero.Device.pin_factory = MockFactory()
    for name in ("firmware_agent.bootstrap", "firmware_agent.mqtt_link"):
        importlib.import_module(name)
    seen: Queue[PartEvent] = Queue()
    parts = open_parts(parse_config(TOML.format(folder=folder)), RealParts(_Clock()))
    try:
        parts.start(seen.put)
        up = 0
        while up < READERS:
            up += isinstance(seen.get(timeout=UP_S), ReaderUp)
        before, began = time.process_time(), time.monotonic()
        time.sleep(rest_s)
        burnt = (time.process_time() - before) / (time.monotonic() - began)
        rss_kib = _rss_kib()
        loaded = _load_all()
        return Cost(round(burnt * 1_000_000), rss_kib, _rss_kib(), loaded)
    finally:
        parts.close()


def _load_all() -> int:
    """Load every driver that ships; one whose library is missing isn't counted."""
    names: set[str] = set()
    for drivers in vars(factory).values():
        if isinstance(drivers, Drivers):
            names |= set(drivers.modules.values())
    count = 0
    for name in (*sorted(names), "hardware.readers.pcsc_port"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        count += 1
    return count


def _rss_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_024


if __name__ == "__main__":
    print(msgspec.json.encode(measure(Path(sys.argv[1]), float(sys.argv[2]))).decode())

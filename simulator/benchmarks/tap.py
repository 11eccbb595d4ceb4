"""`tap`: from a card in the field to the output that is set, as a person feels it.

The card lies on the emulated PN532, the real driver sees it, the real agent decides
and has it on disk before the pin changes. Beside it the same reader alone: what is
left between the two is our own software. One row for each level of cards: at level 1
and 2 the card proves itself first, at the reader alone too. Emulated cards answer at
once; real ones take some milliseconds for each command.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Queue

from hardware.drivers import Around
from hardware.ports import CardGone, CardPresent, PartEvent, ReaderUp
from hardware.readers.pn532 import Pn532Reader
from hardware.specs import ReaderSpec
from simulator.benchmarks.big_site import (
    BUTTON,
    CARDS,
    CONTROLLER,
    MACHINE,
    READER,
    big_site,
    level_of,
)
from simulator.benchmarks.rows import Row, Say, make_row, quantile
from simulator.benchmarks.tap_cards import KEYS, LEVELS
from simulator.errors import TooSlowError
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Tag
from simulator.system.system import System
from wire.clock import Instant

SAMPLES = 120
"""The 99th of a hundred is a real sample, and a level stays below two minutes."""
EVENT_MS_MAX = 5_000
REST_S = (0.20, 0.26)
"""Between two taps: the field is empty and the button's bounce is over, at any phase of
the reader's looks."""
_NS_PER_MS = 1_000_000


def measure(say: Say) -> list[Row]:
    """Measure online, offline and the reader alone, with cards of each level."""
    rng = random.Random(1)
    online: dict[int, list[float]] = {}
    offline: dict[int, list[float]] = {}
    alone: dict[int, list[float]] = {}
    with big_site(say) as (system, tags):
        cards = {
            level: [card for number, card in enumerate(tags) if level_of(number) == level]
            for level in LEVELS
        }
        for level in LEVELS:
            say(f"  level {level} online, {SAMPLES} taps")
            online[level] = _taps(system, cards[level], rng)
            say(f"  level {level}, the reader alone, {SAMPLES} taps")
            alone[level] = _reader_alone(cards[level][0], rng)
        system.cut_network(CONTROLLER)
        for level in LEVELS:
            say(f"  level {level} offline, {SAMPLES} taps")
            offline[level] = _taps(system, cards[level], rng)
    return [_row(level, online[level], offline[level], alone[level]) for level in LEVELS]


def _row(
    level: int, online: Sequence[float], offline: Sequence[float], alone: Sequence[float]
) -> Row:
    """The slow end of an online tap beside the reader's own; all else is detail."""
    figures = {
        f"{name}_{label}_ms": round(quantile(samples, share), 3)
        for name, samples in (("online", online), ("offline", offline), ("reader_alone", alone))
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }
    own = {
        f"{name}_own_{label}_ms": round(
            figures[f"{name}_{label}_ms"] - figures[f"reader_alone_{label}_ms"], 3
        )
        for name in ("online", "offline")
        for label in ("p50", "p99")
    }
    return make_row(
        f"tap/level-{level}" if level else "tap",
        quantile(online, 0.99),
        "ms",
        peer=quantile(alone, 0.99),
        value_is="online, p99",
        peer_is="the emulated reader alone, p99",
        samples=len(online),
        cards=CARDS,
        **figures,
        **own,
    )


def _taps(system: System, tags: Sequence[Tag], rng: random.Random) -> list[float]:
    samples = []
    for _ in range(SAMPLES):
        card = rng.choice(tags)
        laid_ns = system.world.place(CONTROLLER, READER, card)
        closed = system.world.wait_relay(CONTROLLER, MACHINE, closed=True, timeout_ms=EVENT_MS_MAX)
        if closed is None:
            raise TooSlowError("the output is set after a tap", EVENT_MS_MAX / 1000)
        samples.append((closed.mono_ns - laid_ns) / _NS_PER_MS)
        system.world.remove(CONTROLLER, READER, card)
        system.world.press(CONTROLLER, BUTTON)
        opened = system.world.wait_relay(CONTROLLER, MACHINE, closed=False, timeout_ms=EVENT_MS_MAX)
        if opened is None:
            raise TooSlowError("the output is off after the button", EVENT_MS_MAX / 1000)
        time.sleep(rng.uniform(*REST_S))
    return samples


class _Clock:
    def now(self) -> Instant:
        return Instant(time.time_ns() // _NS_PER_MS, time.monotonic_ns() // _NS_PER_MS)


def _reader_alone(card: Tag, rng: random.Random) -> list[float]:
    """Time from a card in the field to the driver's report of it, with its proof."""
    events: Queue[tuple[PartEvent, int]] = Queue()
    samples = []
    with tempfile.TemporaryDirectory(prefix="standpipe-bench-") as folder:
        port = Path(folder) / "reader"
        chip = Pn532Chip(port)
        chip.plug()
        around = Around(_Clock(), keys=KEYS, entropy=random.Random(2).randbytes)
        reader = Pn532Reader(ReaderSpec(id=READER, port=str(port)), around)
        try:
            reader.start(lambda event: events.put((event, time.monotonic_ns())))
            _expect(events, ReaderUp)
            for _ in range(SAMPLES):
                laid_ns = time.monotonic_ns()
                chip.place(card)
                samples.append((_expect(events, CardPresent) - laid_ns) / _NS_PER_MS)
                chip.remove(card)
                _expect(events, CardGone)
                time.sleep(rng.uniform(*REST_S))
        finally:
            reader.close()
            chip.unplug()
    return samples


def _expect(events: Queue[tuple[PartEvent, int]], kind: type[PartEvent]) -> int:
    event, at_ns = events.get(timeout=EVENT_MS_MAX / 1000)
    if not isinstance(event, kind):
        raise TooSlowError(f"the reader reports a {kind.__name__}", EVENT_MS_MAX / 1000)
    return at_ns

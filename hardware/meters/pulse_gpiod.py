"""Counting pulses on a pin through the kernel's own queue, which tells what it lost.

The kernel numbers the edges of a line and keeps them until they are read; when its queue
overflows it throws the oldest away, and the numbers have a gap (Linux userspace API,
"GPIO_V2_LINE_EVENT_READ"). A Python thread that was held up loses nothing, and an
overflow is known to the pulse. Pulses while the agent doesn't run are lost unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import Event, Lock
from typing import Protocol

import gpiod
from gpiod.line import Bias, Direction, Edge

from hardware.drivers import Around
from hardware.errors import PartError, SpecError
from hardware.owner import OwnerThread
from hardware.ports import (
    HEALTH_CLOSED,
    HEALTH_UNKNOWN,
    HEALTH_UP,
    Health,
    HealthState,
    Quality,
    Reading,
)
from hardware.specs import MeterSpec

CHIP = "/dev/gpiochip0"
"""The header's chip, on a Raspberry Pi 5 too since its kernel 6.6.45."""
QUEUE_EVENTS = 1_024
"""Twenty seconds of the fastest S0 meter (50 pulses a second)."""
DEBOUNCE_MS = 2
"""An S0 pulse is 30 ms long at least (IEC 62053-31, section 4.1); contacts bounce for one."""
WAIT_MS = 500
"""How long a round waits for an edge: a closed meter is closed within a second."""
SEQUENCE = 1 << 32
"""The kernel's numbers have 32 bits."""


class Edges(Protocol):
    """A line that tells its edges; what `gpiod` gives, and what tests give."""

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool: ...

    def read_edge_events(self, max_events: int | None = None) -> Sequence[Numbered]: ...

    def release(self) -> None: ...


class Numbered(Protocol):
    """An edge."""

    @property
    def line_seqno(self) -> int:
        """Its number on the line, from 1."""
        ...


def open_part(spec: MeterSpec, _: Around) -> NumberedPulseMeter:
    """Make what the spec describes; see `NumberedPulseMeter`.

    Raises:
        SpecError: The spec names no pin.
        PartError: The pin can't be had.
    """
    if spec.pin is None:
        raise SpecError("a meter with the driver 'pulse_gpiod' needs `pin`")
    return NumberedPulseMeter(spec, _request(spec, spec.pin))


class PulseCount:
    """Counts numbered edges. The first one begins the count."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pulses = 0
        self._lost = 0
        self._last = 0

    def take(self, edges: Sequence[Numbered]) -> None:
        """Count edges; a gap in their numbers is what was lost."""
        with self._lock:
            for edge in edges:
                self._lost += (edge.line_seqno - self._last - 1) % SEQUENCE
                self._last = edge.line_seqno
                self._pulses += 1

    def now(self) -> tuple[int, int]:
        """Pulses so far, and how many more are known to be lost."""
        with self._lock:
            return self._pulses, self._lost


class NumberedPulseMeter:
    """A `Meter` that counts edges while the agent runs, and what it lost; starts at 0.

    Args:
        spec: Base units per pulse.
        edges: The line; it is this meter's to release.
    """

    survives_restart = False

    def __init__(self, spec: MeterSpec, edges: Edges) -> None:
        self._numerator = spec.units_numerator
        self._denominator = spec.units_denominator
        self._count = PulseCount()
        self._edges = edges
        self._health = HEALTH_UNKNOWN
        self._is_closed = Event()
        self._thread = OwnerThread(
            f"meter GPIO{spec.pin}", lambda: _Line(edges, self._count, self._up), self._went_down
        )

    @property
    def health(self) -> Health:
        """Whether edges can be read."""
        return self._health

    def read(self) -> Reading:
        pulses, lost = self._count.now()
        is_down = self._health.state is HealthState.DOWN
        quality = Quality.SILENT if is_down else Quality.OK
        return Reading(pulses * self._numerator // self._denominator, quality, lost)

    def close(self) -> None:
        if not self._is_closed.is_set():
            self._is_closed.set()
            self._thread.close()
            with suppress(Exception):
                self._edges.release()
            self._health = HEALTH_CLOSED

    def _up(self) -> None:
        self._health = HEALTH_UP

    def _went_down(self, reason: str) -> None:
        self._health = Health(HealthState.DOWN, reason)


class _Line:
    """A line that is being read."""

    def __init__(self, edges: Edges, count: PulseCount, works: Callable[[], None]) -> None:
        self._edges = edges
        self._count = count
        self._works = works

    def serve(self) -> int:
        if self._edges.wait_edge_events(timedelta(milliseconds=WAIT_MS)):
            self._count.take(self._edges.read_edge_events())
        self._works()
        return 0

    def close(self) -> None:
        """The line stays requested: what comes meanwhile is kept by the kernel."""


def _request(spec: MeterSpec, pin: int) -> gpiod.LineRequest:
    # A pulse pulls a line that rests high to ground, or lifts one that rests low.
    settings = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.FALLING if spec.pull_up else Edge.RISING,
        bias=Bias.PULL_UP if spec.pull_up else Bias.PULL_DOWN,
        debounce_period=timedelta(milliseconds=DEBOUNCE_MS),
    )
    try:
        return gpiod.request_lines(
            spec.path or CHIP,
            consumer="standpipe",
            config={pin: settings},
            event_buffer_size=QUEUE_EVENTS,
        )
    except (OSError, ValueError) as error:
        raise PartError(
            f"meter GPIO{pin}",
            f"{spec.path or CHIP}: {error}",
            "Check that the chip is there, that the service is in the group gpio, and that "
            "no other part uses the pin",
        ) from error

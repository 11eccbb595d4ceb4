"""Edges of a pulse line from the kernel's own queue, numbered: what it lost is known.

Linux userspace API, "GPIO_V2_LINE_EVENT_READ": each edge has a number of its line; when the
queue overflows the oldest are thrown away, and the numbers have a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

import gpiod
from gpiod.line import Bias, Direction, Edge as Flank

from hardware.errors import PartError
from hardware.money.coin_train import Edge
from hardware.money.specs import CashSpec

QUEUE_EVENTS = 1_024
"""Ten coins of fifty pulses."""
SEQUENCE = 1 << 32
"""The kernel's numbers have 32 bits."""
WAIT_MS_MAX = 500
"""A closed acceptor is closed within a second."""
_NS_PER_MS = 1_000_000


class NumberedEdge(Protocol):
    """What `gpiod` gives, and what tests give."""

    @property
    def line_seqno(self) -> int:
        """Its number on the line, from 1."""
        ...

    @property
    def timestamp_ns(self) -> int:
        """When."""
        ...

    @property
    def is_rising(self) -> bool:
        """Which way."""
        ...


class EdgeNumbers:
    """Turns numbered edges into edges that know what is missing before them.

    Args:
        active_is_high: Whether a pulse begins with a rising edge.
    """

    def __init__(self, *, active_is_high: bool) -> None:
        self._active_is_high = active_is_high
        self._last = 0

    def take(self, found: Sequence[NumberedEdge]) -> list[Edge]:
        """Take edges in order."""
        edges = []
        for edge in found:
            lost = (edge.line_seqno - self._last - 1) % SEQUENCE
            self._last = edge.line_seqno
            is_active = edge.is_rising is self._active_is_high
            edges.append(Edge(edge.timestamp_ns // _NS_PER_MS, is_active, lost))
        return edges


class _Gpiod:
    """An edge of `gpiod`."""

    def __init__(self, event: gpiod.EdgeEvent) -> None:
        self.line_seqno = event.line_seqno
        self.timestamp_ns = event.timestamp_ns
        self.is_rising = event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE


class KernelEdges:
    """Edges by `gpiod`.

    Args:
        spec: Which chip, and which way a pulse goes.
        pin: Which line of it.

    Raises:
        PartError: The line can't be had.
    """

    def __init__(self, spec: CashSpec, pin: int) -> None:
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Flank.BOTH,
            bias=Bias.PULL_UP if spec.pull_up else Bias.PULL_DOWN,
        )
        try:
            self._line = gpiod.request_lines(
                spec.path,
                consumer="standpipe",
                config={pin: settings},
                event_buffer_size=QUEUE_EVENTS,
            )
        except (OSError, ValueError) as error:
            raise PartError(
                f"acceptor {spec.id} at GPIO{pin}",
                f"{spec.path}: {error}",
                "Check that the chip is there, that the service is in the group gpio, and "
                "that no other part uses the pin",
            ) from error
        self._numbers = EdgeNumbers(active_is_high=not spec.pull_up)

    def wait(self, wait_ms: int) -> list[Edge]:
        if not self._line.wait_edge_events(timedelta(milliseconds=min(wait_ms, WAIT_MS_MAX))):
            return []
        return self._numbers.take([_Gpiod(event) for event in self._line.read_edge_events()])

    def wake(self) -> None:
        """A wait ends by itself soon enough."""

    def close(self) -> None:
        with suppress(Exception):
            self._line.release()

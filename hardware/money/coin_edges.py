"""Where the edges of a pulse line come from: the pin library, or the kernel's numbered queue."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any, Protocol

from hardware.gpio import as_part_error
from hardware.money.coin_train import Edge
from hardware.money.specs import CashSpec

EDGES_MAX = 1_000
"""Edges that wait to be looked at: ten coins of fifty pulses, fed within one stuck second."""
_MS_PER_S = 1_000


class Edges(Protocol):
    """A line that tells its edges."""

    def wait(self, wait_ms: int) -> list[Edge]:
        """Give what came, in order; nothing after `wait_ms`, or when woken.

        Raises:
            OSError: The line is gone.
        """
        ...

    def wake(self) -> None:
        """End a wait; from another thread."""
        ...

    def close(self) -> None:
        """Give the line back."""
        ...


class PinEdges:
    """Edges by gpiozero, which has the kernel's time of each.

    Args:
        spec: Which pin.

    Raises:
        PartError: The pin can't be had.
    """

    def __init__(self, spec: CashSpec) -> None:
        import gpiozero

        self._pull_up = spec.pull_up
        self._queue: Queue[Edge | None] = Queue(EDGES_MAX)
        self._lost = 0
        self._origin: Any = None
        with as_part_error(f"acceptor {spec.id} at GPIO{spec.pin}"):
            self._device = gpiozero.DigitalInputDevice(spec.pin, pull_up=spec.pull_up)
            # The device's own events have no time; those of its pin do.
            self._device.pin.when_changed = self._changed

    def wait(self, wait_ms: int) -> list[Edge]:
        with suppress(Empty):
            edge = self._queue.get(timeout=wait_ms / _MS_PER_S)
            return [] if edge is None else [edge]
        return []

    def wake(self) -> None:
        with suppress(Full):
            self._queue.put_nowait(None)

    def close(self) -> None:
        with suppress(Exception):
            self._device.pin.when_changed = None
        with suppress(Exception):
            self._device.close()

    def _changed(self, ticks: Any, state: int) -> None:
        # Runs in the pin library's one thread for all pins: enqueue and nothing else.
        if self._origin is None:
            self._origin = ticks
        at_ms = int(self._device.pin_factory.ticks_diff(ticks, self._origin) * _MS_PER_S)
        try:
            self._queue.put_nowait(Edge(at_ms, bool(state) is not self._pull_up, self._lost))
            self._lost = 0
        except Full:
            self._lost += 1

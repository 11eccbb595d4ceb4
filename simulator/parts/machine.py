"""One virtual machine: a plant with its wires to relay, meter and feedback."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from pathlib import Path

from simulator.parts.parts_spec import MachineParts
from simulator.parts.pin_host import PinHost
from simulator.parts.plant import Plant, PlantSpec, advance, is_running, jam, switch

BACKWARDS_STEP = 10
"""How far a meter goes back at the fault `BACKWARDS`, or to 0 if it hasn't come that far."""


class Fault(Enum):
    """What can go wrong with a machine or its meter."""

    NONE = "none"
    JAM = "jam"
    """It doesn't run although the relay is closed; no load, no feedback."""
    SILENT = "silent"
    """Pulses don't arrive, the count file is gone, or the meter doesn't answer."""
    BACKWARDS = "backwards"
    """At once: the count falls by `BACKWARDS_STEP`. Needs a meter that keeps one."""
    EXCHANGED = "exchanged"
    """At once: a new meter at 0. Needs a meter that keeps a count."""


class VirtualMachine:
    """A machine. Its caller serialises all calls.

    Args:
        parts: What is wired where.
        pins: The controller's pins.
        speed: How many times faster than the clock it works.
    """

    def __init__(self, parts: MachineParts, pins: PinHost, speed: int = 1) -> None:
        self.parts = parts
        self.fault = Fault.NONE
        self._pins = pins
        self._speed = speed
        self._spec = PlantSpec(parts.pulses_per_hour, parts.spin_up_ms, parts.cycle_ms)
        self._plant = Plant()
        self._at_ms: int | None = None
        self._fed_back = False
        self._delivered = 0
        self._counter = None if parts.counter_path is None else Path(parts.counter_path)
        self._count = self._read_counter()
        self._keeps_count = bool(self._counter or parts.meter or parts.plug)
        self._write_counter()
        if parts.feedback_pin is not None:
            pins.hold(parts.feedback_pin, level=False)

    @property
    def relay_closed(self) -> bool:
        """Whether the relay is closed."""
        return self._plant.relay

    @property
    def running(self) -> bool:
        """Whether it really runs."""
        return is_running(self._spec, self._plant)

    @property
    def pulses(self) -> int:
        """Pulses of the machine's own meter since the beginning, delivered or not."""
        return self._plant.pulses

    @property
    def count(self) -> int:
        """Where a meter that keeps its own count stands, in pulses."""
        return self._count

    def level_changed(self, level: bool | None, now_ms: int) -> bool:  # noqa: FBT001 a pin's level
        """Take the relay pin's level; True when the relay opened or closed."""
        closed = level is not None and level == self.parts.relay_active_high
        return self.relay_changed(now_ms, closed=closed)

    def relay_changed(self, now_ms: int, *, closed: bool) -> bool:
        """Take the relay's state; True when it opened or closed."""
        changed = closed != self._plant.relay
        self.tick(now_ms)
        self._plant = switch(self._spec, self._plant, closed=closed)
        self._wire()
        return changed

    def tick(self, now_ms: int) -> None:
        """Let the time up to `now_ms` pass."""
        at_ms = now_ms if self._at_ms is None else max(self._at_ms, now_ms)
        elapsed_ms = 0 if self._at_ms is None else at_ms - self._at_ms
        self._at_ms = at_ms
        self._plant = advance(self._spec, self._plant, elapsed_ms * self._speed)
        self._wire()

    def set_fault(self, fault: Fault) -> None:
        """Bring a fault about, or mend it by `Fault.NONE`.

        Raises:
            ValueError: A count can't fall where no meter keeps one.
        """
        if fault in (Fault.BACKWARDS, Fault.EXCHANGED):
            self._check_count()
            self._count = max(0, self._count - BACKWARDS_STEP) if fault is Fault.BACKWARDS else 0
            self._write_counter()
            return
        self.fault = fault
        if self._plant.jammed != (fault is Fault.JAM):
            self._plant = jam(self._plant, jammed=fault is Fault.JAM)
        if self._counter is not None and fault is Fault.SILENT:
            self._counter.unlink(missing_ok=True)
        self._write_counter()
        self._wire()

    def turn_meter_to(self, count: int) -> None:
        """Let the meter stand elsewhere at once, in pulses, ≥ 0.

        Raises:
            ValueError: No meter keeps a count.
        """
        self._check_count()
        self._count = count
        self._write_counter()

    def _check_count(self) -> None:
        if not self._keeps_count:
            raise ValueError(f"{self.parts.id} has no meter with a count: pulses can't go back")

    def _wire(self) -> None:
        """Bring pulses and feedback to where they are wired."""
        fresh = self._plant.pulses - self._delivered
        self._delivered = self._plant.pulses
        if fresh:
            self._count += fresh
            if self.parts.wraps_at:
                self._count %= self.parts.wraps_at
            if self.parts.meter_pin is not None and self.fault is not Fault.SILENT:
                self._pins.pulse(self.parts.meter_pin, fresh)
            self._write_counter()
        running = self.running
        if running != self._fed_back and self.parts.feedback_pin is not None:
            self._pins.hold(self.parts.feedback_pin, running)
        self._fed_back = running

    def _read_counter(self) -> int:
        if self._counter is not None:
            with suppress(OSError, ValueError):
                return int(self._counter.read_text())
        return 0 if self.parts.meter is None else self.parts.meter.start_wh

    def _write_counter(self) -> None:
        if self._counter is not None and self.fault is not Fault.SILENT:
            fresh = self._counter.with_name(self._counter.name + ".new")
            fresh.write_text(f"{self._count}\n")
            fresh.replace(self._counter)

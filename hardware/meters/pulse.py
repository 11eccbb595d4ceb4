"""Counting pulses on a pin: S0 meters, flow sensors, coin-like contacts."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import gpiozero

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.gpio import as_part_error
from hardware.ports import Quality, Reading
from hardware.specs import MeterSpec


def open_part(spec: MeterSpec, _: Around) -> PulseMeter:
    """Make what the spec describes; see `PulseMeter`."""
    return PulseMeter(spec)


class PulseMeter:
    """A `Meter` that counts edges while the agent runs; starts at 0.

    Good for tens of pulses per second, which S0 and flow sensors need. Pulses are
    lost while the agent doesn't run, and nothing tells how many: where that matters,
    use a kernel counter (`counter`). Contact bounce is filtered on the board.

    Args:
        spec: Pin and base units per pulse.

    Raises:
        SpecError: The spec names no pin.
        PartError: The pin can't be had.
    """

    survives_restart = False

    def __init__(self, spec: MeterSpec) -> None:
        if spec.pin is None:
            raise SpecError("a meter with the driver 'pulse' needs `pin`")
        self._numerator = spec.units_numerator
        self._denominator = spec.units_denominator
        self._pulses = 0
        self._lock = Lock()
        with as_part_error(f"meter GPIO{spec.pin}"):
            self._device = gpiozero.DigitalInputDevice(spec.pin, pull_up=spec.pull_up)
            self._device.when_activated = self._count

    def read(self) -> Reading:
        with self._lock:
            pulses = self._pulses
        return Reading(pulses * self._numerator // self._denominator, Quality.OK, 0)

    def close(self) -> None:
        with suppress(Exception):
            self._device.close()

    def _count(self) -> None:
        # Runs in the pin library's one thread for all pins: count and nothing else.
        with self._lock:
            self._pulses += 1

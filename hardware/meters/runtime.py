"""Time as usage: how long a machine was switched on."""

from __future__ import annotations

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.ports import Output, Quality, Reading
from hardware.specs import MeterSpec

_MS_PER_S = 1000


def open_part(spec: MeterSpec, around: Around) -> RuntimeMeter:
    """Make what the spec describes; see `RuntimeMeter`.

    Raises:
        SpecError: The machine has no output to be timed.
    """
    if around.output is None:
        raise SpecError("a meter with the driver 'runtime' needs the machine's output")
    return RuntimeMeter(spec, around.output)


class RuntimeMeter:
    """A `Meter` of the seconds that an output was on; starts at 0.

    Args:
        spec: Its ratio is base units per second, 1/1 for seconds, 1/60 for minutes.
        output: The machine's output; it stays the caller's to close.
    """

    survives_restart = False

    def __init__(self, spec: MeterSpec, output: Output) -> None:
        self._numerator = spec.units_numerator
        self._denominator = spec.units_denominator * _MS_PER_S
        self._output = output

    def read(self) -> Reading:
        total = self._output.on_ms_total * self._numerator // self._denominator
        return Reading(total, Quality.OK, 0)

    def close(self) -> None:
        """Nothing to give back."""

"""The meter in a socket of a maker, over MQTT."""

from __future__ import annotations

from fractions import Fraction
from threading import Lock

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.meters.snapshot import Snapshot
from hardware.plugs.link import join, leave
from hardware.ports import Health, HealthState, Reading
from hardware.specs import MeterSpec, PlugSpec
from wire.clock import Clock

STALE_MS = 5_000
"""A plug is asked every second: five lost answers are silence."""
UNIT = "Wh"


def open_part(spec: MeterSpec, around: Around) -> PlugMeter:
    """Make what the spec describes; see `PlugMeter`.

    Raises:
        SpecError: Neither the spec nor the machine's output says which plug.
    """
    plug = spec.plug or getattr(around.output, "plug", None)
    if not isinstance(plug, PlugSpec):
        raise SpecError("a meter with the driver 'plug' needs `plug`, or an output that is one")
    return PlugMeter(spec, plug, around.clock)


class PlugMeter:
    """A `Meter` in a plug. It counts on while nobody reads it; some begin anew without power.

    Args:
        spec: Its ratio.
        plug: Which one.
        clock: For the age of its total.

    Raises:
        SpecError: The unit isn't Wh, or there is no such kind of plug.
    """

    survives_restart = True

    def __init__(self, spec: MeterSpec, plug: PlugSpec, clock: Clock) -> None:
        if spec.unit != UNIT:
            raise SpecError(f"a plug counts {UNIT}, not {spec.unit}")
        self._plug = plug
        self._ratio = Fraction(spec.units_numerator, spec.units_denominator)
        self._snapshot = Snapshot(clock, STALE_MS)
        self._link = join(plug, clock)
        self._link.listen(lambda wh: self._snapshot.take(wh * self._ratio))
        self._lock = Lock()
        self._is_closed = False

    @property
    def health(self) -> Health:
        """What is wrong with the plug, or with what it tells."""
        link = self._link.health
        return self._snapshot.health if link.state is HealthState.UP else link

    def read(self) -> Reading:
        return self._snapshot.read()

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        leave(self._plug)
        self._snapshot.close()

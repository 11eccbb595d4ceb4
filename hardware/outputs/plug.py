"""A socket of a maker as an output: its own timer is the dead-man's switch.

The controller may lose power, network or broker: the plug then goes off by itself when
the lease ends, because each time it was told to be on for no longer than that.
"""

from __future__ import annotations

from threading import Lock

from hardware.drivers import Around
from hardware.errors import PartError, SpecError
from hardware.plugs.link import join, leave
from hardware.ports import LEASE_MS_MAX, Health, HealthState
from hardware.specs import OutputSpec, PlugSpec
from wire.clock import Clock

_REMEDY = "The plug switches itself off when its lease ends"


def open_part(spec: OutputSpec, around: Around) -> PlugOutput:
    """Make what the spec describes; see `PlugOutput`."""
    if spec.plug is None:
        raise SpecError("an output with the driver 'plug' needs `plug`")
    return PlugOutput(spec.plug, around.clock)


class PlugOutput:
    """An `Output` over MQTT. A plug that can't be reached is unknown, and never said to be off.

    It is told, and not waited for: that it went on is believed when it says so, and only
    that time counts. One that doesn't say so, or goes off by itself, fails at the next
    `set_on`.

    Args:
        plug: Which one.
        clock: Source of the lease's monotonic time.

    Raises:
        SpecError: There is no such kind of plug. A plug or broker that isn't there is no
            error: `set_on` fails until it comes.
    """

    def __init__(self, plug: PlugSpec, clock: Clock) -> None:
        self.plug = plug
        self._part = f"plug {plug.topic}"
        self._link = join(plug, clock)
        self._link.drive()
        self._lock = Lock()
        self._is_closed = False

    @property
    def health(self) -> Health:
        """Whether the plug can be relied on."""
        return self._link.health

    @property
    def is_on(self) -> bool:
        return self._link.is_on

    @property
    def on_ms_total(self) -> int:
        return self._link.on_ms_total

    def set_on(self, lease_ms: int) -> None:
        if not 1 <= lease_ms <= LEASE_MS_MAX:
            raise ValueError(f"lease_ms must be 1 to {LEASE_MS_MAX}, not {lease_ms}")
        if self._is_closed:
            raise PartError(self._part, "it is closed", "Restart the controller's service")
        health = self._link.health
        if health.state is not HealthState.UP:
            raise PartError(self._part, health.reason, _REMEDY)
        self._link.want_on(lease_ms)

    def set_off(self) -> None:
        if self._is_closed:
            return
        self._link.want_off()
        health = self._link.health
        if health.state is HealthState.DOWN:
            raise PartError(self._part, health.reason, _REMEDY)

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._link.want_off()
        leave(self.plug)

"""No output: for machines that nothing switches, such as a pay-in point or a vending machine.

It keeps a lease like any other, so that what counts its time works.
"""

from __future__ import annotations

from hardware.drivers import Around
from hardware.errors import PartError
from hardware.ports import LEASE_MS_MAX
from hardware.specs import OutputSpec
from wire.clock import Clock


def open_part(spec: OutputSpec, around: Around) -> NoOutput:  # noqa: ARG001 the drivers' shape
    """Make what the spec describes; see `NoOutput`."""
    return NoOutput(around.clock)


class NoOutput:
    """An `Output` that drives nothing.

    Args:
        clock: Source of the lease's monotonic time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: int | None = None
        self._until_ms = 0
        self._before_ms = 0
        self._is_closed = False

    @property
    def is_on(self) -> bool:
        """Whether its lease runs."""
        self._expire()
        return self._since_ms is not None

    @property
    def on_ms_total(self) -> int:
        """For how long leases have run."""
        self._expire()
        if self._since_ms is None:
            return self._before_ms
        return self._before_ms + self._now_ms() - self._since_ms

    def set_on(self, lease_ms: int) -> None:
        """Begin a lease, or replace it.

        Raises:
            ValueError: `lease_ms` is out of range.
            PartError: It is closed.
        """
        if not 1 <= lease_ms <= LEASE_MS_MAX:
            raise ValueError(f"a lease is 1 to {LEASE_MS_MAX} ms, not {lease_ms}")
        if self._is_closed:
            raise PartError("output none", "it is closed", "Open it again")
        self._expire()
        now_ms = self._now_ms()
        self._since_ms = now_ms if self._since_ms is None else self._since_ms
        self._until_ms = now_ms + lease_ms

    def set_off(self) -> None:
        """End the lease."""
        self._expire()
        self._off(self._now_ms())

    def close(self) -> None:
        """End the lease, and take no other."""
        self.set_off()
        self._is_closed = True

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms

    def _expire(self) -> None:
        if self._since_ms is not None and self._now_ms() >= self._until_ms:
            self._off(self._until_ms)

    def _off(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._before_ms += at_ms - self._since_ms
            self._since_ms = None

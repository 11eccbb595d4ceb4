"""A relay on a pin, with its dead-man's lease kept here and not in the agent."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Condition, Thread

import gpiozero

from hardware.drivers import Around
from hardware.errors import PartError, SpecError
from hardware.gpio import as_part_error, steady_factory
from hardware.ports import LEASE_MS_MAX
from hardware.specs import OutputSpec
from wire.clock import Clock

_log = logging.getLogger(__name__)

OFF_RETRY_MS = 100
"""Pause before a failed switching off is tried again, for ever."""

CLOSE_TIMEOUT_MS = 1_000
"""Longest wait for the watchdog at `close`; it only sleeps and writes a pin."""


def open_part(spec: OutputSpec, around: Around) -> GpioOutput:
    """Make what the spec describes; see `GpioOutput`."""
    return GpioOutput(spec, around.clock)


class GpioOutput:
    """An `Output` on a pin: a watchdog thread switches it off when the lease ends.

    The pin is off from the moment it becomes an output, whichever level that is.

    Args:
        spec: Which pin.
        clock: Source of the lease's monotonic time.

    Raises:
        SpecError: The spec names no pin.
        PartError: The pin can't be had.
    """

    def __init__(self, spec: OutputSpec, clock: Clock) -> None:
        if spec.pin is None:
            raise SpecError("an output with the driver 'gpio' needs `pin`")
        self._part = f"output GPIO{spec.pin}"
        self._clock = clock
        with as_part_error(self._part):
            self._device = gpiozero.OutputDevice(
                spec.pin,
                active_high=spec.active_high,
                initial_value=False,
                pin_factory=steady_factory(),
            )
        self._changed = Condition()
        self._on_since_ms: int | None = None
        self._on_ms_before = 0
        self._lease_until_ms = 0
        self._closed = False
        self._watchdog = Thread(target=self._watch, name=self._part, daemon=True)
        self._watchdog.start()

    @property
    def is_on(self) -> bool:
        with self._changed:
            return self._on_since_ms is not None

    @property
    def on_ms_total(self) -> int:
        with self._changed:
            if self._on_since_ms is None:
                return self._on_ms_before
            return self._on_ms_before + self._now_ms() - self._on_since_ms

    def set_on(self, lease_ms: int) -> None:
        if not 1 <= lease_ms <= LEASE_MS_MAX:
            raise ValueError(f"lease_ms must be 1 to {LEASE_MS_MAX}, not {lease_ms}")
        with self._changed:
            if self._closed:
                raise PartError(self._part, "it is closed", "Restart the controller's service")
            now_ms = self._now_ms()
            # The lease first: the watchdog covers the pin before it goes on.
            shorter = now_ms + lease_ms < self._lease_until_ms
            self._lease_until_ms = now_ms + lease_ms
            if shorter or self._on_since_ms is None:
                self._changed.notify_all()
            if self._on_since_ms is None:
                self._on_since_ms = now_ms
                with as_part_error(self._part):
                    self._device.on()

    def set_off(self) -> None:
        with self._changed:
            if self._on_since_ms is not None:
                self._switch_off()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._lease_until_ms = self._now_ms()
            self._changed.notify_all()
        self._watchdog.join(CLOSE_TIMEOUT_MS / 1000)
        with self._changed, suppress(Exception):
            # Closing makes the pin an input: the board's pull-down holds the relay off.
            self._device.close()

    def _watch(self) -> None:
        with self._changed:
            while not (self._closed and self._on_since_ms is None):
                if self._on_since_ms is None:
                    self._changed.wait()
                    continue
                left_ms = self._lease_until_ms - self._now_ms()
                if left_ms > 0:
                    self._changed.wait(left_ms / 1000)
                elif not self._try_off():
                    self._changed.wait(OFF_RETRY_MS / 1000)

    def _try_off(self) -> bool:
        try:
            self._switch_off()
        except PartError as error:
            _log.critical("can't switch off: %s", error)
            return False
        return True

    def _switch_off(self) -> None:
        """Switch off under the lock; a failure leaves it counted as on."""
        # A lease that has ended makes the watchdog go on trying when this fails.
        self._lease_until_ms = self._now_ms()
        self._changed.notify_all()
        with as_part_error(self._part):
            self._device.off()
        if self._on_since_ms is not None:
            self._on_ms_before += self._now_ms() - self._on_since_ms
            self._on_since_ms = None

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms

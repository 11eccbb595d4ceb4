"""Buttons and a machine's own feedback, on pins."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import gpiozero

from hardware.gpio import as_part_error
from hardware.ports import ButtonPressed, Emit, InputChanged
from hardware.specs import ButtonSpec, InputSpec
from wire.clock import Clock

PRESS_GAP_MS = 150
"""Presses closer than this are one: contacts bounce for some 20 ms, and nobody presses
twice on purpose that fast."""


class GpioButton:
    """An `Input` that reports presses of a push button to ground.

    Args:
        spec: Which pin.
        clock: Source of `mono_ms`.

    Raises:
        PartError: The pin can't be had.
    """

    def __init__(self, spec: ButtonSpec, clock: Clock) -> None:
        self._id = spec.id
        self._clock = clock
        self._emit: Emit | None = None
        self._pressed_ms: int | None = None
        with as_part_error(f"button {spec.id} at GPIO{spec.pin}"):
            self._device = gpiozero.DigitalInputDevice(spec.pin, pull_up=True)

    @property
    def is_active(self) -> bool:
        return bool(self._device.is_active)

    def start(self, emit: Emit) -> None:
        self._emit = emit
        self._device.when_activated = self._press

    def close(self) -> None:
        self._emit = None
        with suppress(Exception):
            self._device.close()

    def _press(self) -> None:
        emit, now_ms = self._emit, self._clock.now().mono_ms
        if emit is None:
            return
        if self._pressed_ms is None or now_ms - self._pressed_ms >= PRESS_GAP_MS:
            self._pressed_ms = now_ms
            emit(ButtonPressed(self._id, now_ms))


class GpioInput:
    """An `Input` that reports each change of a pin, and its level at the start.

    Args:
        spec: Which pin, and which level means active.
        clock: Source of `mono_ms`.

    Raises:
        PartError: The pin can't be had.
    """

    def __init__(self, spec: InputSpec, clock: Clock) -> None:
        self._id = spec.id
        self._clock = clock
        self._emit: Emit | None = None
        self._reported: bool | None = None
        self._lock = Lock()
        with as_part_error(f"input {spec.id} at GPIO{spec.pin}"):
            self._device = gpiozero.DigitalInputDevice(spec.pin, pull_up=not spec.active_high)

    @property
    def is_active(self) -> bool:
        return bool(self._device.is_active)

    def start(self, emit: Emit) -> None:
        self._emit = emit
        self._device.when_activated = self._report
        self._device.when_deactivated = self._report
        self._report()

    def close(self) -> None:
        self._emit = None
        with suppress(Exception):
            self._device.close()

    def _report(self) -> None:
        # The level is read anew under the lock, so that the last report is the true one
        # whichever thread comes first.
        with self._lock:
            emit = self._emit
            active = bool(self._device.is_active)
            if emit is not None and active is not self._reported:
                self._reported = active
                emit(InputChanged(self._id, active, self._clock.now().mono_ms))

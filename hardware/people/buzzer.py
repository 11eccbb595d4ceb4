"""A buzzer that tells a signal by how often and how long it sounds."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

import gpiozero

from hardware.drivers import Around
from hardware.gpio import as_part_error
from hardware.ports import Signal
from hardware.specs import BuzzerSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sound:
    """How a signal sounds, once.

    Attributes:
        times: How often.
        on_ms: How long each time.
        off_ms: Pause between.
    """

    times: int
    on_ms: int = 0
    off_ms: int = 100


SILENCE = Sound(0)
SOUNDS = {
    Signal.READY: SILENCE,
    Signal.OFF: SILENCE,
    Signal.ASKING: Sound(1, 50),
    Signal.RUNNING: Sound(1, 300),
    Signal.LOW: Sound(2, 200),
    Signal.REFUSED: Sound(3, 100),
    Signal.FAULT: Sound(1, 1_500),
}
"""A buzzer only calls for a look: whoever doesn't hear it finds the same at the lamps or
on the display, which the controller's file must name beside it."""


def open_part(spec: BuzzerSpec, _: Around) -> PinBuzzer:
    """Make what the spec describes; see `PinBuzzer`."""
    return PinBuzzer(spec)


class PinBuzzer:
    """An `Indicator` that is heard.

    Args:
        spec: Its pin.

    Raises:
        PartError: The pin can't be had.
    """

    def __init__(self, spec: BuzzerSpec) -> None:
        self._shown: Signal | None = None
        with as_part_error(f"buzzer at GPIO{spec.pin}"):
            self._buzzer = gpiozero.Buzzer(spec.pin, active_high=spec.active_high)

    def show(self, signal: Signal) -> None:
        if signal is self._shown:
            return
        self._shown = signal
        sound = SOUNDS[signal]
        try:
            if sound.times:
                self._buzzer.beep(sound.on_ms / 1000, sound.off_ms / 1000, sound.times)
            else:
                self._buzzer.off()
        except Exception as error:  # noqa: BLE001 a broken buzzer must not stop a machine
            _log.warning("buzzer: %s", error)

    def close(self) -> None:
        with suppress(Exception):
            self._buzzer.off()
            self._buzzer.close()

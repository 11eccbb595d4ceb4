"""Three lamps that tell a signal by colour and by rhythm."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

import gpiozero

from hardware.drivers import Around
from hardware.gpio import as_part_error
from hardware.ports import Signal
from hardware.specs import IndicatorSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """How a signal looks.

    Attributes:
        lamps: Which lamps, of "red", "green", "blue".
        on_ms: How long they are lit.
        off_ms: How long they are dark then; 0: lit all the time.
    """

    lamps: tuple[str, ...]
    on_ms: int = 0
    off_ms: int = 0


LOOKS = {
    Signal.READY: Look(("green",)),
    Signal.RUNNING: Look(("green",), 1900, 100),
    Signal.ASKING: Look(("blue",), 500, 500),
    Signal.LOW: Look(("red", "green"), 200, 200),
    Signal.REFUSED: Look(("red",), 60, 60),
    Signal.FAULT: Look(("red",), 100, 2900),
    Signal.OFF: Look(()),
}
"""Every signal has a rhythm of its own: steady, winking, even, quick, flickering,
flashing now and then, dark. Who can't see colours can tell them apart."""


def open_part(spec: IndicatorSpec, _: Around) -> RgbIndicator:
    """Make what the spec describes; see `RgbIndicator`."""
    return RgbIndicator(spec)


class RgbIndicator:
    """An `Indicator` of three lamps.

    Args:
        spec: Their pins.

    Raises:
        PartError: A pin can't be had.
    """

    def __init__(self, spec: IndicatorSpec) -> None:
        self._shown: Signal | None = None
        self._lamps: dict[str, gpiozero.LED] = {}
        for name, pin in (("red", spec.red), ("green", spec.green), ("blue", spec.blue)):
            try:
                with as_part_error(f"{name} lamp at GPIO{pin}"):
                    self._lamps[name] = gpiozero.LED(pin)
            except Exception:
                self.close()
                raise

    def show(self, signal: Signal) -> None:
        if signal is self._shown:
            return
        self._shown = signal
        look = LOOKS[signal]
        for name, lamp in self._lamps.items():
            try:
                _light(lamp, look if name in look.lamps else LOOKS[Signal.OFF])
            except Exception as error:  # noqa: BLE001 a broken lamp must not stop a machine
                _log.warning("%s lamp: %s", name, error)

    def close(self) -> None:
        for lamp in self._lamps.values():
            with suppress(Exception):
                lamp.off()
                lamp.close()
        self._lamps = {}


def _light(lamp: gpiozero.LED, look: Look) -> None:
    if not look.lamps:
        lamp.off()
    elif look.off_ms == 0:
        lamp.on()
    else:
        lamp.blink(look.on_ms / 1000, look.off_ms / 1000)

"""A coin acceptor that tells a coin by pulses on a pin."""

from __future__ import annotations

from collections.abc import Callable

from simulator.parts.cash_spec import CashParts
from simulator.parts.pin_host import PinHost


class VirtualPulseAcceptor:
    """An acceptor. A coin's number is the number of its pulses.

    Args:
        parts: Its pins.
        pins: The controller's.
        level_of: Gives the level of an output; None: nobody drives it.
    """

    def __init__(
        self, parts: CashParts, pins: PinHost, level_of: Callable[[int], bool | None]
    ) -> None:
        self.parts = parts
        self.taken: list[int] = []
        """Coins in the box."""
        self.is_jammed = False
        self.is_powered = True
        self._pins = pins
        self._level_of = level_of

    @property
    def accepts(self) -> bool:
        """Whether a coin would fall into the box now."""
        inhibit = self.parts.inhibit_pin
        # A floating inhibit pin is pulled high on the board.
        is_free = inhibit is None or self._level_of(inhibit) is False
        return is_free and self.is_powered and not self.is_jammed

    def insert(self, coin: int) -> bool:
        """Put a coin in; False: it comes out again."""
        if not self.accepts:
            return False
        self.taken.append(coin)
        self._pulse(coin)
        return True

    def noise(self, count: int = 1) -> None:
        """Let a motor beside the line disturb it, for a millisecond each time."""
        self._pulse(count, 1)

    def jam(self) -> None:
        """Let a coin stick, so that the line stays active."""
        self.is_jammed = True
        self._pins.hold(self._pin, not self.parts.pulses_low)

    def mend(self) -> None:
        """Take the coin out."""
        self.is_jammed = False
        self._pins.hold(self._pin, self.parts.pulses_low)

    def plug(self) -> None:
        """Give it power."""
        self.is_powered = True
        self._pins.hold(self._pin, self.parts.pulses_low)

    def unplug(self) -> None:
        """Take its power: its output opens, and the line rests."""
        self.is_powered = False

    @property
    def _pin(self) -> int:
        return self.parts.pin if self.parts.pin is not None else 0

    def _pulse(self, count: int, pulse_ms: int | None = None) -> None:
        width_ms = self.parts.pulse_ms if pulse_ms is None else pulse_ms
        self._pins.train(self._pin, count, width_ms, self.parts.rest_ms)

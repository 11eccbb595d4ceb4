"""Displays and lamps: shown anew when what they should say has changed."""

from __future__ import annotations

from firmware_agent.core import display_text
from firmware_agent.core.display_text import Lines
from firmware_agent.core.model import ControllerState, Moment
from firmware_agent.parts import Parts, reader_place
from hardware.ports import Signal


class PeopleSide:
    """What people see.

    Args:
        parts: Open parts.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lines: dict[str, Lines] = {}
        self._signals: dict[str, Signal] = {}

    def refresh(self, state: ControllerState, moment: Moment) -> None:
        """Show what has changed."""
        for machine in state.machines.values():
            if machine.id in self._parts.displays:
                self._show(machine.id, display_text.machine_screen(state, machine, moment))
            if machine.id in self._parts.indicators:
                self._light(machine.id, display_text.machine_signal(state, machine, moment))
        for reader in state.readers.values():
            place = reader_place(reader.id)
            if place in self._parts.displays:
                self._show(place, display_text.reader_screen(state, reader))
            if place in self._parts.indicators:
                self._light(place, display_text.reader_signal(state, reader))

    def _show(self, place: str, lines: Lines) -> None:
        if self._lines.get(place) != lines:
            self._lines[place] = lines
            self._parts.displays[place].show(lines)

    def _light(self, place: str, signal: Signal) -> None:
        if self._signals.get(place) is not signal:
            self._signals[place] = signal
            self._parts.indicators[place].show(signal)

"""Displays, lamps and sounds: shown anew when what they should say has changed."""

from __future__ import annotations

from firmware_agent.core import display_text
from firmware_agent.core.display_text import Lines
from firmware_agent.core.language import ONLY_ENGLISH, Language, Languages
from firmware_agent.core.model import ControllerState, MachineState, Moment, ReaderState
from firmware_agent.parts import Parts, reader_place
from hardware.ports import Signal


class PeopleSide:
    """What people see and hear.

    Args:
        parts: Open parts.
        languages: Those that ship.
        usual: Tag of the language that is spoken while nobody's card is there.
    """

    def __init__(
        self, parts: Parts, languages: Languages = ONLY_ENGLISH, usual: str = "en"
    ) -> None:
        self._parts = parts
        self._languages = languages
        self._usual = usual
        self._lines: dict[str, Lines] = {}
        self._signals: dict[str, Signal] = {}
        self._spoken: dict[str, str] = {}

    def refresh(self, state: ControllerState, moment: Moment) -> None:
        """Show what has changed."""
        for machine in state.machines.values():
            if machine.id in self._parts.displays:
                language = self._language(machine.id, self._tag_at(state, machine, moment))
                self._show(
                    machine.id, display_text.machine_screen(state, machine, moment, language)
                )
            if machine.id in self._parts.indicators or machine.id in self._parts.buzzers:
                self._signal(machine.id, display_text.machine_signal(state, machine, moment))
        for reader in state.readers.values():
            place = reader_place(reader.id)
            if place in self._parts.displays:
                language = self._language(place, _tag_at_reader(reader, moment))
                self._show(place, display_text.reader_screen(state, reader, language))
            if place in self._parts.indicators or place in self._parts.buzzers:
                self._signal(place, display_text.reader_signal(state, reader))

    def _tag_at(self, state: ControllerState, machine: MachineState, moment: Moment) -> str:
        """Language of who is at a machine; what is told after a session is for them, too."""
        if machine.entry is not None:
            tag = machine.entry.language
        elif machine.notice is None:
            tag = ""
        else:
            reader = state.readers.get(machine.wiring.reader)
            tag = _tag_at_reader(reader, moment) if reader is not None else ""
            tag = tag or self._spoken.get(machine.id, "")
        self._spoken[machine.id] = tag
        return tag

    def _language(self, place: str, tag: str) -> Language:
        scripts = self._parts.displays[place].scripts
        return self._languages.best(tag, self._usual, scripts=scripts)

    def _show(self, place: str, lines: Lines) -> None:
        if self._lines.get(place) != lines:
            self._lines[place] = lines
            self._parts.displays[place].show(lines)

    def _signal(self, place: str, signal: Signal) -> None:
        if self._signals.get(place) is signal:
            return
        self._signals[place] = signal
        for shown in (self._parts.indicators.get(place), self._parts.buzzers.get(place)):
            if shown is not None:
                shown.show(signal)


def _tag_at_reader(reader: ReaderState, moment: Moment) -> str:
    """Language of who tapped there a moment ago."""
    if reader.pending is not None:
        return reader.pending.entry.language
    if reader.last is None:
        return ""
    return reader.last.entry.language if moment.mono_ms < reader.last.until_ms else ""

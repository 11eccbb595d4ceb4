"""The screen's side in the agent's thread: who stands there, and what they pressed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware_agent.core.allowance import Rights
from firmware_agent.core.inputs import CardForgotten
from firmware_agent.core.language import Languages
from firmware_agent.core.model import ControllerState, Moment
from firmware_agent.errors import StoreError
from firmware_agent.kiosk.board import Board, Done, Press, ScreenInput, Speak
from firmware_agent.kiosk.drawing import Person, Scene, draw, typing_place
from hardware.ports import ButtonPressed, DigitsTyped
from wire.codes import TYPED_LENGTH_MAX
from wire.downlink import CardEntry

LookUp = Callable[[str], tuple[CardEntry | None, tuple[Rights, ...], int]]
"""What is known of a card; raises `StoreError`."""

DeskInput = ButtonPressed | DigitsTyped | CardForgotten


@dataclass(frozen=True, slots=True)
class Manners:
    """How a screen behaves.

    Attributes:
        machines: Ids of the machines that it shows.
        usual: Tag of the language while nobody is there.
        idle_ms: For how long a balance and a chosen language stay.
    """

    machines: tuple[str, ...]
    usual: str
    idle_ms: int


class Desk:
    """Draws the board from the state, and turns presses into inputs.

    Args:
        board: What the server reads.
        languages: Those that ship.
        manners: How the screen behaves.
        look_up: What is known of a card.
    """

    def __init__(
        self, board: Board, languages: Languages, manners: Manners, look_up: LookUp
    ) -> None:
        self._board = board
        self._languages = languages
        self._manners = manners
        self._look_up = look_up
        self._visits = 0
        self._person: Person | None = None
        self._person_until_ms = 0
        self._chosen = ""
        self._chosen_until_ms = 0
        self._is_stale = True

    @property
    def due_ms(self) -> int | None:
        """Monotonic time when something disappears; None: nothing will."""
        times = []
        if self._person is not None:
            times.append(self._person_until_ms)
        if self._chosen:
            times.append(self._chosen_until_ms)
        return min(times, default=None)

    def is_due(self, mono_ms: int) -> bool:
        """Whether the screen has to be drawn anew, though the state is the same."""
        return self._is_stale or (self.due_ms is not None and mono_ms >= self.due_ms)

    @property
    def waiting(self) -> int:
        """How many presses wait."""
        return self._board.waiting

    def tapped(
        self, reader: str, entry: CardEntry | None, rights: tuple[Rights, ...], mono_ms: int
    ) -> None:
        """A card was laid down; None: one that isn't known, or several."""
        self._forget()
        self._is_stale = True
        if entry is None:
            return
        self._visits += 1
        self._person = Person(self._visits, reader, entry, rights)
        self._person_until_ms = mono_ms + self._manners.idle_ms

    def take(self, state: ControllerState, mono_ms: int) -> list[DeskInput]:
        """What was pressed, as the core and the code reader understand it."""
        taken = (self._understand(one, state, mono_ms) for one in self._board.take())
        return [given for given in taken if given is not None]

    def refresh(self, state: ControllerState, moment: Moment) -> None:
        """Draw anew, and let run out what has."""
        self._is_stale = False
        if self._person is not None and moment.mono_ms >= self._person_until_ms:
            self._forget()
        if self._chosen and moment.mono_ms >= self._chosen_until_ms:
            self._chosen = ""
        person = self._person
        if person is not None and person.entry.account not in state.accounts:
            person = self._looked_up(person)
        card = person.entry.language if person is not None else ""
        language = self._languages.best(self._chosen, card, self._manners.usual)
        scene = Scene(self._manners.machines, person, language)
        self._board.show(draw(state, scene, moment))

    def _understand(
        self, given: ScreenInput, state: ControllerState, mono_ms: int
    ) -> DeskInput | None:
        self._is_stale = True
        if isinstance(given, Press):
            return self._press(given.machine, mono_ms)
        if isinstance(given, Speak):
            self._chosen = given.language
            self._chosen_until_ms = mono_ms + self._manners.idle_ms
            return None
        person = self._person
        if person is None or given.visit != person.visit:
            return None
        if isinstance(given, Done):
            self._forget()
            return CardForgotten(person.reader)
        self._person_until_ms = mono_ms + self._manners.idle_ms
        place = typing_place(state, person.reader)
        return DigitsTyped(place, given.digits[:TYPED_LENGTH_MAX], mono_ms) if place else None

    def _press(self, machine: str, mono_ms: int) -> DeskInput | None:
        is_here = machine in self._manners.machines
        return ButtonPressed(machine, mono_ms) if is_here else None

    def _forget(self) -> None:
        self._person = None
        self._chosen = ""

    def _looked_up(self, person: Person) -> Person:
        """With the rights as they are stored; those of a card in play are in the state."""
        try:
            entry, rights, _ = self._look_up(person.entry.card)
        except StoreError:
            return person
        return replace(person, rights=rights) if entry is not None else person

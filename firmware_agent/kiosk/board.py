"""Between the agent's thread and those of the server: what is shown, and what was pressed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from firmware_agent.inbox import Inbox

INPUTS_MAX = 16
"""A person presses once or twice a second and the agent takes them at once."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One machine.

    Attributes:
        machine: Its id.
        name: What people call it.
        shape: How it looks: `free`, `busy`, `low`, `rest` or `fault`.
        status: Its state in a word or two.
        lines: What else there is to say: price, cost so far, time or money left.
        action: What pressing it does: `choose`, `stop`, or nothing.
        is_chosen: Whether it is chosen for the next card.
    """

    machine: str
    name: str
    shape: str
    status: str
    lines: tuple[str, ...] = ()
    action: str = ""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the screen says, in words; nobody changes it.

    Attributes:
        language: Tag.
        tone: Of the headline: `calm`, `good`, `ask` or `bad`.
        headline: The one thing that matters now.
        advice: What to do, or more about it.
        balances: What the tapped card may spend here, one line per unit; empty: no card
            is shown.
        visit: Counts the people who were shown; 0: nobody is shown now.
        is_offline: Whether the hub can't be asked.
        can_type: Whether a code can be typed for who is shown.
        tiles: The machines.
        version: Counts snapshots.
    """

    language: str = "en"
    tone: str = "calm"
    headline: str = ""
    advice: tuple[str, ...] = ()
    balances: tuple[str, ...] = ()
    visit: int = 0
    is_offline: bool = False
    can_type: bool = False
    tiles: tuple[Tile, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Press:
    """A machine was pressed on the screen."""

    machine: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Digits were typed by the person of a visit."""

    visit: int
    digits: str


@dataclass(frozen=True, slots=True)
class Done:
    """The person of a visit is done."""

    visit: int


@dataclass(frozen=True, slots=True)
class Speak:
    """Someone chose a language, by its tag."""

    language: str


ScreenInput = Press | Typed | Done | Speak


class Board:
    """The latest snapshot and a bounded queue.

    Args:
        wake: Set when something was pressed.
    """

    def __init__(self, wake: threading.Event) -> None:
        self._changed = threading.Condition()
        self._snapshot = Snapshot()
        self._inputs: Inbox[ScreenInput] = Inbox(wake, INPUTS_MAX)
        self._closed = False

    @property
    def latest(self) -> Snapshot:
        """What is shown now."""
        return self._snapshot

    def show(self, snapshot: Snapshot) -> None:
        """Show this, in the agent's thread; its version is given here."""
        with self._changed:
            held = self._snapshot
            fresh = replace(snapshot, version=held.version)
            if fresh != held:
                self._snapshot = replace(fresh, version=held.version + 1)
                self._changed.notify_all()

    def wait(self, seen: int, timeout_ms: int) -> Snapshot:
        """Wait for another version than `seen`; gives the latest in any case."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._snapshot.version != seen, timeout_ms / 1000
            )
            return self._snapshot

    def leave(self, given: ScreenInput) -> bool:
        """Leave what was pressed, from a server's thread; False: too much waits already."""
        dropped = self._inputs.dropped
        self._inputs.put(given)
        return self._inputs.dropped == dropped

    def take(self) -> list[ScreenInput]:
        """Take what was pressed, in the agent's thread."""
        return self._inputs.take(INPUTS_MAX)

    @property
    def waiting(self) -> int:
        """How many inputs wait."""
        return len(self._inputs)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

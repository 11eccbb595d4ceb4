"""What waits to be sent down: each controller's news once, however often it changed.

Safe to add to from any thread. All of it is bounded; what doesn't fit is found again
when its controller next says what it holds.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from wire.downlink import Ack, WantAnswer

CONTROLLERS_MAX = 20_000
ACCOUNTS_MAX = 200_000
"""More than change between two looks; beyond it all accounts are looked at."""
COMMANDS_MAX = 1_000
"""More than people give in the minute that a command is good for."""
ANSWERS_PER_CONTROLLER_MAX = 32
"""More taps than a controller has readers; who gets no answer goes by its policy."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the account whose right goes with it."""

    account: str
    answer: WantAnswer


class Pending:
    """What waits to be sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._acks: dict[str, Ack] = {}
        self._answers: dict[str, list[Answered]] = {}
        self._controllers: dict[str, None] = {}
        self._configs: dict[str, None] = {}
        self._accounts: dict[str, None] = {}
        self._commands: dict[str, None] = {}
        self._list_changed = False
        self._everyone = False
        self._accounts_lost = False

    def wait(self, timeout_s: float) -> None:
        """Wait until something is added, or for so long."""
        self._wake.wait(timeout_s)
        self._wake.clear()

    def wake(self) -> None:
        """End a wait."""
        self._wake.set()

    def has_news(self, *, connected: bool) -> bool:
        """Whether something waits that is sent at once.

        Args:
            connected: Whether the broker is there; without it only what people and
                journals wait for is tried.
        """
        urgent = self._acks or self._answers
        others = self._controllers or self._configs or self._commands or self._everyone
        return bool(urgent or (connected and others))

    @property
    def has_accounts(self) -> bool:
        """Whether rights of accounts may have changed."""
        return bool(self._accounts) or self._accounts_lost

    @property
    def has_list_change(self) -> bool:
        """Whether the card list changed."""
        return self._list_changed

    def add_ack(self, ack: Ack) -> None:
        """Send an ack; of one journal the furthest."""
        with self._lock:
            before = self._acks.get(ack.receiver)
            same = before is not None and before.epoch == ack.epoch
            behind = same and before is not None and ack.through_seq < before.through_seq
            fits = before is not None or len(self._acks) < CONTROLLERS_MAX
            if fits and not behind:
                self._acks[ack.receiver] = ack
        self._wake.set()

    def add_answer(self, controller: str, answered: Answered) -> None:
        """Send an answer."""
        with self._lock:
            if len(self._answers) < CONTROLLERS_MAX:
                waiting = self._answers.setdefault(controller, [])
                if len(waiting) < ANSWERS_PER_CONTROLLER_MAX:
                    waiting.append(answered)
        self._wake.set()

    def add_controllers(self, names: Iterable[str]) -> None:
        """Look whether controllers lack something."""
        self._add(self._controllers, names, CONTROLLERS_MAX)

    def add_configs(self, names: Iterable[str]) -> None:
        """Send controllers their configuration."""
        self._add(self._configs, names, CONTROLLERS_MAX)

    def add_commands(self, ids: Iterable[str]) -> None:
        """Send commands."""
        self._add(self._commands, ids, COMMANDS_MAX)

    def add_accounts(self, names: Iterable[str]) -> None:
        """Look whether rights of accounts changed."""
        if not self._add(self._accounts, names, ACCOUNTS_MAX):
            with self._lock:
                self._accounts_lost = True

    def add_everyone(self) -> None:
        """Look after every controller: the broker was away."""
        with self._lock:
            self._everyone = True
        self._wake.set()

    def add_list_change(self) -> None:
        """The card list has a newer revision."""
        with self._lock:
            self._list_changed = True
        self._wake.set()

    def take_acks(self) -> list[Ack]:
        """All acks that wait."""
        with self._lock:
            acks, self._acks = self._acks, {}
        return list(acks.values())

    def take_answers(self) -> dict[str, tuple[Answered, ...]]:
        """All answers that wait, by controller."""
        with self._lock:
            answers, self._answers = self._answers, {}
        return {controller: tuple(waiting) for controller, waiting in answers.items()}

    def take_controllers(self, most: int) -> list[str]:
        """Some controllers to look after, who waited longest first."""
        return self._take(self._controllers, most)

    def take_configs(self, most: int) -> list[str]:
        """Some controllers whose configuration is due."""
        return self._take(self._configs, most)

    def take_commands(self) -> list[str]:
        """All commands that wait."""
        return self._take(self._commands, COMMANDS_MAX)

    def take_accounts(self, most: int) -> list[str]:
        """Some accounts whose rights may have changed."""
        return self._take(self._accounts, most)

    def take_accounts_lost(self) -> bool:
        """Whether so many accounts changed that all must be looked at."""
        with self._lock:
            lost = self._accounts_lost and not self._accounts
            self._accounts_lost = self._accounts_lost and not lost
            return lost

    def take_everyone(self) -> bool:
        """Whether every controller must be looked after."""
        with self._lock:
            everyone, self._everyone = self._everyone, False
            return everyone

    def take_list_change(self) -> bool:
        """Whether the card list changed."""
        with self._lock:
            changed, self._list_changed = self._list_changed, False
            return changed

    def _add(self, waiting: dict[str, None], names: Iterable[str], most: int) -> bool:
        """Add names as far as there is room; False: there wasn't for all."""
        all_fit = True
        with self._lock:
            for name in names:
                if len(waiting) < most:
                    waiting[name] = None
                elif name not in waiting:
                    all_fit = False
        self._wake.set()
        return all_fit

    def _take(self, waiting: dict[str, None], most: int) -> list[str]:
        with self._lock:
            taken = list(itertools.islice(waiting, most))
            for name in taken:
                del waiting[name]
            if waiting:
                self._wake.set()
        return taken

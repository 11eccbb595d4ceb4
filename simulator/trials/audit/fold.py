"""What a journal comes to, event by event, and what no sound journal says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.events import (
    BOOT,
    CASH,
    CODE,
    CONFIG,
    ENDED,
    PROGRESS,
    RELEASED,
    STARTED,
    Event,
    Totals,
)

Complaint = tuple[Invariant, str]
"""Which invariant doesn't hold, and how."""
CUT = "power_lost"
"""Why a session ended that was found open at a start."""


class Fold:
    """The state of one journal.

    Attributes:
        running: The last event of each open session, by id.
        totals: As the last event of each account says.
        unbacked: Spent beyond backed rights, by account.
    """

    def __init__(self) -> None:
        self.running: dict[str, Event] = {}
        self.totals: dict[str, Totals] = {}
        self.unbacked: dict[str, int] = {}
        self._over: set[str] = set()
        self._unsettled: set[str] = set()
        self._config = 0

    def add(self, seq: int, event: Event) -> Iterator[Complaint]:
        """Take in the next event; say what is wrong with it."""
        if event.seq != seq:
            yield Invariant.POWER_CUT, f"event {seq} says that it is {event.seq}"
        if event.kind in _HANDLERS:
            invariant, handler = _HANDLERS[event.kind]
            yield from ((invariant, words) for words in handler(self, event))
        if event.kind in (ENDED, RELEASED, CASH, CODE):
            yield from ((Invariant.BACKED, words) for words in self._add_totals(event))

    def rest(self) -> Iterator[Complaint]:
        """Say what is wrong when nothing more is there: called after all was read."""
        for session in sorted(self._unsettled & self.running.keys()):
            yield Invariant.POWER_CUT, f"{session} was open at a start, and isn't settled"
        self._unsettled = set()

    def session_at(self, machine: str) -> str:
        """The session that is open at a machine; empty: there is none."""
        for session, last in self.running.items():
            if last.machine == machine:
                return session
        return ""

    def _boot(self, event: Event) -> Iterator[str]:
        del event
        self._unsettled = set(self.running)
        yield from ()

    def _start(self, event: Event) -> Iterator[str]:
        session = event.session
        if session in self.running or session in self._over:
            yield f"event {event.seq} starts {session} once more"
        other = self.session_at(event.machine)
        if other:
            yield f"event {event.seq} starts {session} on {event.machine}, where {other} is open"
        self.running[session] = event

    def _progress(self, event: Event) -> Iterator[str]:
        before = self.running.get(event.session)
        if before is None:
            yield f"event {event.seq} goes on with {event.session}, which isn't open"
        elif event.charge_minor < before.charge_minor or event.quantity < before.quantity:
            yield f"event {event.seq} says less of {event.session} than was said before"
        self.running[event.session] = event

    def _end(self, event: Event) -> Iterator[str]:
        before = self.running.pop(event.session, None)
        self._over.add(event.session)
        if before is None:
            yield f"event {event.seq} ends {event.session}, which isn't open"
        elif event.reason == CUT and event.charge_minor not in (0, before.charge_minor):
            yield (
                f"event {event.seq} charges {event.charge_minor} for {event.session}, its last "
                f"checkpoint says {before.charge_minor}"
            )
        if event.backed_minor + event.unbacked_minor != event.charge_minor:
            yield (
                f"event {event.seq}: {event.backed_minor} + {event.unbacked_minor} isn't its charge"
            )

    def _release(self, event: Event) -> Iterator[str]:
        busy = [name for name, last in self.running.items() if last.account == event.account]
        for session in busy:
            yield f"event {event.seq} gives rights of {event.account} back, while {session} is open"

    def _configure(self, event: Event) -> Iterator[str]:
        version = int(event.version)
        if version < self._config:
            yield f"event {event.seq} applies configuration {version} after {self._config}"
        self._config = version

    def _add_totals(self, event: Event) -> Iterator[str]:
        before = self.totals.get(event.account, Totals())
        is_end = event.kind == ENDED
        after = Totals(
            before.spent + (event.backed_minor if is_end else 0),
            before.released + (event.amount_minor if event.kind == RELEASED else 0),
            before.taken_in + (event.amount_minor if event.kind in (CASH, CODE) else 0),
            before.unbacked + (event.unbacked_minor if is_end else 0),
        )
        if event.totals != after:
            yield (
                f"event {event.seq} says {event.totals} of {event.account}, "
                f"its journal gives {after}"
            )
        self.totals[event.account] = event.totals
        if is_end:
            minor = self.unbacked.get(event.account, 0) + event.unbacked_minor
            self.unbacked[event.account] = minor


_HANDLERS: dict[str, tuple[Invariant, Callable[[Fold, Event], Iterator[str]]]] = {
    BOOT: (Invariant.POWER_CUT, Fold._boot),  # noqa: SLF001 its own
    STARTED: (Invariant.POWER_CUT, Fold._start),  # noqa: SLF001 its own
    PROGRESS: (Invariant.POWER_CUT, Fold._progress),  # noqa: SLF001 its own
    ENDED: (Invariant.POWER_CUT, Fold._end),  # noqa: SLF001 its own
    RELEASED: (Invariant.BACKED, Fold._release),  # noqa: SLF001 its own
    CONFIG: (Invariant.SINGLE, Fold._configure),  # noqa: SLF001 its own
}

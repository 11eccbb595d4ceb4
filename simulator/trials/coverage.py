"""What trials reached of what there is: faults, actors, transitions of machines, numbered reasons.

Transitions are counted in the agent's own table, so that a new row of it counts at once;
reasons are those of `wire.errors.Code`. What no trial can reach is listed with why, and a
test holds that nothing else is missing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firmware_agent.core.session import TABLE, State, Trigger
from simulator.trials.audit import Invariant
from simulator.trials.options import ACTORS, FAULTS
from simulator.trials.witness import Fact
from wire.codec import decode_event
from wire.errors import Code, DecodeError
from wire.events import CardRefused, MachineFault, SessionEnded

GROUPS = ("faults", "actors", "transitions", "codes")

_OVER_HTTP = "a program's mistake over HTTP; trials ask the hub's services directly"
_NOT_PLAYED = "no trial plays it: "
_NO_MONEY_PARTS = "machines of trials take no cash and give no goods"

UNREACHED: dict[str, str] = {
    "CARD_REMOVED_EARLY": _NOT_PLAYED + "cards of trials lose no proof",
    "JOURNAL_REPEATED": "nothing gives it: what comes again is trimmed without a word",
    "CARD_RANDOM_UID": _NOT_PLAYED + "nobody has a card that changes its UID",
    "CARD_CLONED": _NOT_PLAYED + "cards of trials count nothing",
    "CARD_TAPS_MISSING": _NOT_PLAYED + "cards of trials count nothing",
    "CARDS_SEVERAL": _NOT_PLAYED + "nobody lays down two cards",
    "MACHINE_NOT_CHOSEN": _NOT_PLAYED + "each machine has a reader of its own",
    "PERMISSION_MISSING": _NOT_PLAYED + "no machine asks for one",
    "PERMISSION_ENDED": _NOT_PLAYED + "no machine asks for one",
    "ACCEPTOR_DOWN": _NOT_PLAYED + _NO_MONEY_PARTS,
    "CASH_LOST": _NOT_PLAYED + _NO_MONEY_PARTS,
    "CASH_UNCLAIMED": _NOT_PLAYED + _NO_MONEY_PARTS,
    "VEND_UNKNOWN": _NOT_PLAYED + _NO_MONEY_PARTS,
    "free offer": _NOT_PLAYED + _NO_MONEY_PARTS,
    "asking offer": _NOT_PLAYED + _NO_MONEY_PARTS,
    "choosing pulse": _NOT_PLAYED + _NO_MONEY_PARTS,
    "choosing leave": _NOT_PLAYED + _NO_MONEY_PARTS,
    "MACHINE_FAULTY": _NOT_PLAYED + "no machine says that it has a fault",
    "DOOR_OPEN": _NOT_PLAYED + "no machine has a door",
    "CODE_EXPIRED": "a run is shorter than a year, and a controller remembers more codes",
    "HOLD_OLD": "a run with all actors is shorter than a week",
    "WINDOW_OVER": _NOT_PLAYED + "nobody asks for refunds over HTTP",
    "DISCONTINUED": _NOT_PLAYED + "a run is shorter than a dunning period",
    "CERTIFICATE_ENDS": _NOT_PLAYED + "lines have no TLS",
    "SECOND_PERSON": _NOT_PLAYED + "no amount needs one",
    "SIGNATURE_INVALID": _NOT_PLAYED + "lines lose, repeat and delay, and change nothing",
    "RECEIVER_WRONG": _NOT_PLAYED + "nobody sends on what is for another",
    "EVENT_UNKNOWN": "hub and agents of a trial are of one version",
    "CONTROLLER_QUARANTINED": "no alarm: the alarm says why, and the state is told over HTTP",
    "OUTCOME_UNKNOWN": "counted as an answer that never came, which has no number",
    "BALANCE_TOO_HIGH": _NOT_PLAYED + "nobody sets how much an account may have",
    "TILL_CLOSED": _NOT_PLAYED + "no till has shifts",
    "PRICE_DIFFERS": "a trial in which agent and hub price otherwise fails",
    "INTERNAL": "a trial in which the hub tells of a fault of its own fails",
    "SCOPE_MISSING": _OVER_HTTP,
    "KEY_INVALID": _OVER_HTTP,
    "IDEMPOTENCY_KEY_MISSING": _OVER_HTTP,
    "TOO_MANY_REQUESTS": _OVER_HTTP,
    "BODY_TOO_LARGE": _OVER_HTTP,
    "OVERLOADED": "one thread asks, and waits for each answer",
}
"""What no trial reaches, and why."""


@dataclass(slots=True)
class Coverage:
    """How often each thing was reached.

    Attributes:
        faults: That began.
        actors: By what they did.
        transitions: Of machines, as `free run`.
        codes: Why something was refused or flagged.
    """

    faults: Counter[str] = field(default_factory=Counter)
    actors: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Coverage) -> None:
        """Count what another trial reached."""
        for group in GROUPS:
            getattr(self, group).update(getattr(other, group))

    def as_dict(self) -> dict[str, dict[str, int]]:
        """All counts by group and name, with what wasn't reached as 0."""
        return {
            group: {name: getattr(self, group)[name] for name in there_is(group)}
            for group in GROUPS
        }


def there_is(group: str) -> tuple[str, ...]:
    """Everything of a group, in order."""
    match group:
        case "faults":
            return FAULTS
        case "actors":
            return ACTORS
        case "transitions":
            steps = ((state, trigger) for state, row in TABLE.items() for trigger in row)
            return tuple(name_of(state, trigger) for state, trigger in steps)
        case _:
            return tuple(code.name for code in Code)


def name_of(state: State, trigger: Trigger) -> str:
    """A transition's name."""
    return f"{state.value} {trigger.name.lower()}"


def missing(coverage: Coverage) -> list[str]:
    """What wasn't reached, though nothing says why it can't be."""
    return [name for name in _not_reached(coverage) if name not in UNREACHED]


def table(coverage: Coverage) -> Iterator[str]:
    """Lines for people: what was reached how often, and what wasn't."""
    for group in GROUPS:
        counts = getattr(coverage, group)
        names = there_is(group)
        reached = [name for name in names if counts[name]]
        yield f"{group}: {len(reached)} of {len(names)} reached"
        width = max((len(name) for name in reached), default=0)
        cells = [f"{name:<{width}} {counts[name]:>9,}" for name in reached]
        yield from _in_columns(cells)
    left = _not_reached(coverage)
    if left:
        yield "not reached:"
        width = max(len(name) for name in left)
        for name in left:
            yield f"  {name:<{width}}  {UNREACHED.get(name, 'in these trials')}"


@contextmanager
def watched_table(counts: Counter[str]) -> Iterator[None]:
    """Count each step that a machine takes in the agent's own table while the block runs."""
    rows = dict(TABLE)
    try:
        for state, row in rows.items():
            TABLE[state] = _Watched(state, row, counts)
        yield
    finally:
        TABLE.update(rows)


class _Watched(dict[Trigger, State]):
    """A row of the table that counts who looks a step up."""

    def __init__(self, state: State, row: dict[Trigger, State], counts: Counter[str]) -> None:
        super().__init__(row)
        self._state = state
        self._counts = counts

    def get(self, trigger: Trigger, default: State | None = None) -> State | None:  # type: ignore[override]  # looked up without a default of another type
        if trigger in self:
            self._counts[name_of(self._state, trigger)] += 1
        return super().get(trigger, default)


def codes_in_hub(path: Path) -> Counter[str]:
    """Every numbered reason that a hub's database tells of."""
    found: Counter[str] = Counter()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for sql in ("SELECT code FROM alarms", "SELECT code FROM wants", _COMMANDS):
            found.update(_named(row[0] for row in connection.execute(sql)))
        found.update(_named(_told_by(row[0]) for row in connection.execute(_EVENTS)))
    return found


def codes_in_facts(facts: Iterable[Fact]) -> Counter[str]:
    """Every numbered reason that the witness was told."""
    return Counter(_named(dict(fact.what).get("code", 0) for fact in facts))


_COMMANDS = "SELECT code FROM commands"
_EVENTS = "SELECT body FROM events WHERE kind IN ('card_refused', 'machine_fault', 'session_ended')"
_OF_ENDS = {"feedback_missing": Code.FEEDBACK_MISSING, "power_lost": Code.POWER_LOST}


def _told_by(raw: bytes) -> int:
    try:
        event = decode_event(raw)
    except DecodeError:
        return 0
    if isinstance(event, CardRefused | MachineFault):
        return event.code
    if isinstance(event, SessionEnded):
        return int(_OF_ENDS.get(event.reason.value, 0))
    return 0


def _named(codes: Iterable[object]) -> Iterator[str]:
    known = {int(code): code.name for code in Code}
    return (known[code] for code in codes if isinstance(code, int) and code in known)


def _not_reached(coverage: Coverage) -> list[str]:
    return [
        name for group in GROUPS for name in there_is(group) if not getattr(coverage, group)[name]
    ]


def _in_columns(cells: list[str], columns: int = 3) -> Iterator[str]:
    for start in range(0, len(cells), columns):
        yield "  " + "   ".join(cells[start : start + columns])


INVARIANTS = tuple(invariant.value for invariant in Invariant)
"""All that is checked, in order."""

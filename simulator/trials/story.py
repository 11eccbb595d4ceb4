"""The story of one trial in words: who tapped, what was cut, where the money went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from simulator.trials.audit import Breach
from simulator.trials.witness import Fact

MS_PER_SECOND = 1_000

TOLD: Mapping[str, str] = {
    "phase": "== {name} ==",
    "fault": "{name} begins at {who}",
    "tapped": "{who}: the card {card} is laid down at {machine}",
    "typed": "{who}: a code is typed at {machine}",
    "pressed": "{who}: the button of {machine} is pressed",
    "relay_on": "{who}: {machine} runs",
    "relay_off": "{who}: {machine} stands still, its meter at {pulses}",
    "cash_in": "{minor} are put into the drawer of {who}",
    "cash_out": "{minor} are taken out of the drawer of {who}",
    "started": "{who} starts",
    "crashed": "{who} is dead",
    "cut": "{who} is cut off",
    "healed": "{who} can be reached again",
    "reachable": "{who} has its {why} again",
    "staff_asked": "{who} asks for {action} of {account} ({minor}) as {id}",
    "staff_answered": "the hub answers {id}: {outcome}",
    "exposure_shown": "the hub shows that {minor} of {account} is at risk at {who}",
    "disk": "{who}: its disk suffers from {fault}",
    "clock": "{who}: its clock suffers from {fault}",
    "alarm": "alarm: {words}",
}
"""Words of each kind of fact. What lacks one of the details is told plainly."""
UNTOLD = frozenset({"metered", "message_lost", "message_doubled", "message_delayed"})
"""So many of them that the rest couldn't be read; they are in `--json`."""


def tell(facts: Iterable[Fact], breaches: Iterable[Breach] = ()) -> Iterator[str]:
    """One line for each fact that is told, and each breach where it was found."""
    waiting = sorted(breaches, key=lambda breach: breach.at_ms)
    for fact in facts:
        while waiting and waiting[0].at_ms < fact.at_ms:
            yield tell_breach(waiting.pop(0))
        if fact.kind == "exposure_shown" and not dict(fact.what).get("minor"):
            continue
        if fact.kind not in UNTOLD:
            yield f"{clock_of(fact.at_ms)}  {words_of(fact)}"
    for breach in waiting:
        yield tell_breach(breach)


def tell_breach(breach: Breach) -> str:
    """A line that nobody overlooks."""
    return f"{clock_of(breach.at_ms)}  !! {breach.invariant}: {breach.words}"


def tell_money(moved: Mapping[str, int], kept: Mapping[str, int]) -> Iterator[str]:
    """Where the money went.

    Args:
        moved: By kind of movement, minor units.
        kept: What stands on each kind of ledger account in the end.
    """
    yield "Moved, minor units:"
    yield from (f"  {kind:<20} {minor:>12,}" for kind, minor in sorted(moved.items()))
    yield "Where it is in the end:"
    yield from (f"  {kind:<20} {minor:>12,}" for kind, minor in sorted(kept.items()) if minor)


def words_of(fact: Fact) -> str:
    """A fact in words."""
    what = dict(fact.what)
    template = TOLD.get(fact.kind)
    if template is not None:
        try:
            words = template.format(who=fact.who, **what)
        except KeyError:
            pass
        else:
            code = what.get("code")
            return f"{words} ({code})" if code else words
    details = ", ".join(f"{name} {value}" for name, value in fact.what if value != "")
    return f"{fact.who}: {fact.kind.replace('_', ' ')}" + (f" ({details})" if details else "")


def clock_of(at_ms: int) -> str:
    """Virtual time since the beginning, as hours, minutes and seconds."""
    seconds = at_ms // MS_PER_SECOND
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

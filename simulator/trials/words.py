"""A trial's options as words of the command line, there and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from simulator.errors import SetupError
from simulator.trials.options import ACTORS, FAULTS, Options

GROUPS = {"faults": frozenset(FAULTS), "actors": frozenset(ACTORS)}
"""What can be chosen from; a group's own name stands for all of it."""
_NUMBERS = ("ticks", "controllers", "machines", "accounts", "sessions_per_hour")
_DEFAULTS = {one.name: one.default for one in fields(Options)}


def choose(only: Iterable[str], without: Iterable[str]) -> dict[str, frozenset[str]]:
    """Faults and actors that take part.

    Args:
        only: Of a group of which one is named here, only those named.
        without: Those left out; `faults` or `actors` leaves all of them out.

    Raises:
        SetupError: There is no such fault or actor.
    """
    named, left_out = frozenset(only), frozenset(without)
    known = frozenset[str]().union(*GROUPS.values())
    for name in sorted((named - known) | (left_out - known - GROUPS.keys())):
        raise SetupError(
            f"there is no fault or actor {name!r}; faults: {', '.join(FAULTS)}; "
            f"actors: {', '.join(ACTORS)}"
        )
    found: dict[str, frozenset[str]] = {}
    for group, names in GROUPS.items():
        chosen = (names & named) or names
        found[group] = frozenset() if group in left_out else chosen - left_out
    return found


def command_of(options: Options) -> str:
    """The command that runs this trial again."""
    words = [f"standpipe-sim check --seed {options.seed}"]
    for name in _NUMBERS:
        value = getattr(options, name)
        if value != _DEFAULTS[name]:
            words.append(f"--{name.replace('_', '-')} {value}")
    for group, names in GROUPS.items():
        words += _choice(group, names, frozenset(getattr(options, group)))
    return " ".join(words)


def _choice(group: str, names: frozenset[str], chosen: frozenset[str]) -> list[str]:
    if not chosen:
        return [f"--without {group}"]
    left_out = names - chosen
    if len(left_out) < len(chosen):
        return [f"--without {name}" for name in sorted(left_out)]
    return [f"--only {name}" for name in sorted(chosen)]

"""What a trial is asked for. A run is a function of these and of the commit alone."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import SetupError

TICK_MS = 60_000
"""A tick is one minute of virtual time."""
TICKS_MAX = 100_000
"""Over two months: what is longer is another trial."""
CONTROLLERS_MAX = 32
MACHINES_MAX = 8
ACCOUNTS_MAX = 500

FAULTS = (
    "loss",
    "duplication",
    "delay",
    "reordering",
    "partition",
    "broker_restart",
    "hub_crash",
    "agent_crash",
    "power_cut",
    "disk_full",
    "torn_page",
    "flipped_bit",
    "lost_tail",
    "restored_image",
    "cloned_image",
    "clock_jump",
    "clock_drift",
    "no_rtc",
    "reader",
    "meter",
    "relay",
    "feedback",
    "cloned_card",
)
"""Everything that can go wrong, by name."""

ACTORS = ("people", "roamers", "staff", "pricing", "clumsy", "programs")
"""Who does something: people with cards; people with one card at two sites that are offline;
staff; those who change prices and policies; operators who make mistakes; other programs
that hold money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Of one trial.

    Attributes:
        seed: Everything random follows from it.
        ticks: How long people and faults go on, in minutes of virtual time.
        controllers: How many.
        machines: At each controller.
        accounts: How many people have one.
        sessions_per_hour: At each controller, on average.
        faults: Which of `FAULTS` happen.
        actors: Which of `ACTORS` take part.

    Raises:
        SetupError: Something is out of range.
    """

    seed: int
    ticks: int = 240
    controllers: int = 4
    machines: int = 2
    accounts: int = 12
    sessions_per_hour: int = 2
    faults: frozenset[str] = frozenset(FAULTS)
    actors: frozenset[str] = frozenset(ACTORS)

    def __post_init__(self) -> None:
        for name, most in _BOUNDS.items():
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise SetupError(f"{name} is 1 to {most}, not {value}")
        strangers = (self.faults - set(FAULTS)) | (self.actors - set(ACTORS))
        if strangers or self.sessions_per_hour < 0:
            raise SetupError(f"nobody knows {', '.join(sorted(strangers)) or 'how to do that'}")


_BOUNDS = {
    "ticks": TICKS_MAX,
    "controllers": CONTROLLERS_MAX,
    "machines": MACHINES_MAX,
    "accounts": ACCOUNTS_MAX,
}

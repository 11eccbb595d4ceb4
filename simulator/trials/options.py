"""What decides a trial, besides the commit: its seed, its size, its faults and its actors."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import SetupError

TICK_MS = 60_000
"""A tick is one minute of virtual time."""
FAULTS = (
    "loss",
    "duplication",
    "delay",
    "reordering",
    "partition",
    "broker_restart",
    "hub_crash",
    "stolen_lease",
    "agent_crash",
    "power_cut",
    "disk_full",
    "torn_page",
    "lost_tail",
    "restored_image",
    "cloned_image",
    "clock_jump",
    "clock_drift",
    "no_rtc",
    "reader",
    "meter",
    "relay",
    "cloned_card",
)
"""Everything that can go wrong."""
ACTORS = ("people", "roamers", "staff", "pricing", "clumsy")
"""Everyone who can take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A trial's options.

    Attributes:
        seed: Where everything random comes from.
        ticks: Minutes in which things go wrong; then all heals.
        controllers: How many.
        machines: At each controller.
        accounts: Households with cards.
        sessions_per_hour: That people begin at each controller.
        faults: Which go wrong.
        actors: Who takes part.
        hubs: Hubs on one database.
    """

    seed: int
    ticks: int = 240
    controllers: int = 4
    machines: int = 2
    accounts: int = 12
    sessions_per_hour: int = 2
    faults: frozenset[str] = frozenset(FAULTS)
    actors: frozenset[str] = frozenset(ACTORS)
    hubs: int = 1

    def __post_init__(self) -> None:
        for name in sorted((self.faults - set(FAULTS)) | (self.actors - set(ACTORS))):
            raise SetupError(f"there is no fault or actor {name!r}")

"""What a fleet run is asked for."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import SetupError

CONTROLLERS_MAX = 10_000
"""What a hub is planned for, and what the brokers here let in."""
RATE_MAX = 2_000
"""Taps a second; this driver is one thread, and must not be what is measured."""
FILES_SPARE = 200
"""Open files beside the connections: databases, logs, pipes, and those of the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """How to run a fleet.

    Attributes:
        controllers: How many.
        rate_per_s: Taps a second, over all of them.
        seconds: For how long people tap.
        seed: Who taps where and when.
        data: Folder that stays; None: a temporary one that goes.
        as_json: Print one JSON object on stdout, everything else on stderr.
    """

    controllers: int
    rate_per_s: int
    seconds: int
    seed: int = 1
    data: Path | None = None
    as_json: bool = False


def allow_connections(controllers: int) -> None:
    """Let this process, and those it starts, have so many connections open.

    Raises:
        SetupError: The system doesn't allow that many files.
    """
    needed = controllers + FILES_SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise SetupError(
                f"{controllers} connections need {needed} open files and the system allows "
                f"{hard}: raise it (ulimit -n, or LimitNOFILE of the service)"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

"""What the auditor is given: databases and what a witness saw.

Facts have a kind, who it is about (for a controller the name of its disk), and details:

| kind | details |
| --- | --- |
| `relay_on` `relay_off` | `machine`, `pulses`: the plant's true count, when the contact moves |
| `cut` `healed` | the controller's network; `healed` before anything gets through |
| `exposure_shown` | `account` (empty: all), `minor`: what the hub shows when it is cut |
| `disk` | `fault`: what was done to the controller's disk; `begun_anew`: it is empty and sound |
| `part` | `machine` (may be empty), `fault`: `meter`, `relay` or `reader`, `begins` 1 or 0 |
| `crashed` `started` | only of who `hub`: it is dead, and it is back and has done nothing yet |
| `fault` | `name`, `lasts_ms`: of these only `clock_drift`, at the controller named |
| `cash_in` `cash_out` | who: the till; `minor`: truly put into or taken from its drawer |
| `staff_asked` | `id`, `action`, `account`, `minor` |
| `staff_answered` | `id`, `outcome`: `done`, `refused` or `unknown` |

Other kinds don't matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Seen(Protocol):
    """A fact as the witness keeps it."""

    @property
    def at_ms(self) -> int:
        """Virtual time."""
        ...

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def who(self) -> str:
        """Whom it happened to."""
        ...

    @property
    def what(self) -> tuple[tuple[str, int | str], ...]:
        """Details by name."""
        ...


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of a controller, or of a clone of it.

    Attributes:
        name: As facts name it; a controller's own disk is named as the controller.
        controller: The name under which its agent speaks to the hub.
        path: The database on it.
    """

    name: str
    controller: str
    path: Path


@dataclass(frozen=True, slots=True)
class Observation:
    """Where to look.

    Attributes:
        hub: The hub's SQLite database.
        disks: Of all controllers; more may be added during a run, as clones are.
        facts: What the witness saw so far; grows during a run.
        now_ms: Virtual time.
    """

    hub: Path
    disks: Sequence[Disk]
    facts: Sequence[Seen]
    now_ms: Callable[[], int]

"""What could be lost, as the live page needs it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from hub.charging.exposure import Exposure, exposures, total_minor

NOTHING = Exposure(
    controller="", site="", floors_minor=0, held_minor=0, left_minor=0, heard_ms=None
)


@dataclass(frozen=True, slots=True)
class Risk:
    """What could be lost, minor units.

    Attributes:
        exposed_minor: Most that could be lost if all lines were cut now.
        by_controller: What is at stake at each.
    """

    exposed_minor: int
    by_controller: dict[str, Exposure]

    def of(self, controller: str) -> Exposure:
        """What is at stake at a controller; one without a journal: nothing."""
        return self.by_controller.get(controller, NOTHING)


def read_risk(connection: Connection, unit: str) -> Risk:
    """Read what could be lost now."""
    found = exposures(connection, unit)
    return Risk(total_minor(found), {one.controller: one for one in found})

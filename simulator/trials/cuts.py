"""Cut lines: who cut a controller's network, and what the hub showed before.

A line that two cut is whole again when both have healed it.
"""

from __future__ import annotations

from hub.charging.exposure import account_exposure, exposures
from hub.ledger.writer import Tx
from simulator.trials.counter import Counter
from simulator.trials.staff_money import UNIT
from simulator.trials.stage import FaultStage

_ACCOUNTS = "SELECT id FROM accounts ORDER BY id"


class Cuts:
    """Cuts lines and heals them.

    Args:
        world: Whose lines.
        counter: Where the hub is asked.
    """

    def __init__(self, world: FaultStage, counter: Counter) -> None:
        self._world = world
        self._counter = counter
        self._by: dict[str, set[str]] = {}

    def cut(self, controller: str, by: str) -> None:
        """Cut a controller off; what the hub shows then is seen, as its exposure.

        Args:
            controller: Which.
            by: Who cuts it.
        """
        mine = self._by.setdefault(controller, set())
        if not mine:
            self._show(controller)
            self._world.network.cut(controller)
            self._world.witness.see("cut", controller)
        mine.add(by)

    def heal(self, controller: str, by: str) -> None:
        """Heal what somebody cut. Healed before: nothing happens."""
        mine = self._by.get(controller, set())
        if by not in mine:
            return
        mine.discard(by)
        if not mine:
            self._world.witness.see("healed", controller)
            self._world.network.heal(controller)

    def heal_all(self) -> None:
        """Heal every line, whoever cut it."""
        for controller in sorted(self._by):
            for by in sorted(self._by[controller]):
                self.heal(controller, by)

    def _show(self, controller: str) -> None:
        def look(tx: Tx) -> dict[str, int]:
            found = {"": 0}
            for one in exposures(tx.connection, UNIT):
                if one.controller == controller:
                    found[""] = one.floors_minor
            for row in tx.connection.exec_driver_sql(_ACCOUNTS).all():
                of_one = account_exposure(tx.connection, row.id, UNIT)
                found[row.id] = of_one.get(controller, 0)
            return found

        shown = self._counter.look(look)
        for account, minor in (shown or {}).items():
            self._world.witness.see("exposure_shown", controller, account=account, minor=minor)

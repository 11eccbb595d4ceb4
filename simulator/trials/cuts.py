"""Outages: who cut a controller's network, and what the hub's book showed before.

A line that two cut is whole again when both have healed it. A hub or a broker that dies
leaves all controllers alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from hub.charging.exposure import account_exposure, exposures
from hub.ledger.writer import Tx
from simulator.trials.counter import Counter
from simulator.trials.staff_money import UNIT
from simulator.trials.stage import FaultStage

LINE, HUB, BROKER = "line", "hub", "broker"
"""What may be broken between a controller and the book."""
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
        self._gone: set[str] = set()
        world.hub.watch(
            lambda book: self._show_all(look_at(book), HUB), lambda: self._all_back(HUB)
        )

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

    def stop_broker(self) -> None:
        """Have the broker die: nobody reaches anybody."""
        shown = self._counter.look(_look)
        self._world.network.stop_broker()
        self._show_all(shown or {}, BROKER)

    def start_broker(self) -> None:
        """Start it again."""
        self._all_back(BROKER)
        self._world.network.start_broker()

    def _show(self, controller: str) -> None:
        shown = self._counter.look(_look) or {}
        self._tell(controller, shown.get(controller, {}), LINE)

    def _show_all(self, shown: Mapping[str, Mapping[str, int]], why: str) -> None:
        self._gone.add(why)
        for controller in sorted(shown):
            self._tell(controller, shown[controller], why)

    def _tell(self, controller: str, shown: Mapping[str, int], why: str) -> None:
        for account, minor in shown.items():
            self._world.witness.see(
                "exposure_shown", controller, account=account, minor=minor, why=why
            )

    def _all_back(self, why: str) -> None:
        was_gone = why in self._gone
        self._gone.discard(why)
        for controller in sorted(self._world.controllers) if was_gone else ():
            self._world.witness.see("reachable", controller, why=why)


def look_at(connection: Connection) -> dict[str, dict[str, int]]:
    """What a book shows for each controller: each account's exposure, and under "" all of it."""
    found = {one.controller: {"": one.floors_minor} for one in exposures(connection, UNIT)}
    for row in connection.exec_driver_sql(_ACCOUNTS).all():
        of_one = account_exposure(connection, row.id, UNIT)
        for controller, shown in found.items():
            shown[row.id] = of_one.get(controller, 0)
    return found


def _look(tx: Tx) -> dict[str, dict[str, int]]:
    return look_at(tx.connection)

"""Who looks after controllers that can't help themselves, as `docs/operating.md` says.

A controller whose journal contradicts what is booked is released once its copy was taken
away; if it is quarantined again, or says itself that its disk is wrong, it gets an empty
disk and begins a new journal. What the old one held waits for a person, who may forfeit it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hub.charging.allowances import forfeit
from hub.fleet.controllers import ControllerState, list_controllers, release
from hub.ledger.writer import Tx
from simulator.trials.counter import Answer, Request
from simulator.trials.draws import happens
from simulator.trials.office import MINUTE_MS, Office
from simulator.trials.stage import ControllerHost, FaultStage
from wire.errors import Code

WHO = "caretaker"
ROUND_MS = 12 * MINUTE_MS
"""How often somebody looks at the list of what needs attention."""
FORFEIT_PERCENT = 60
CONTROLLERS_MAX = 1_000
HEALS_ITSELF = str(int(Code.JOURNAL_UNWRITABLE))
"""What a controller says whose disk is full; whatever else it says, its disk is exchanged."""

_LEFT = """
    SELECT held.account, held.controller, held.epoch FROM allowances AS held
    JOIN controllers ON controllers.id = held.controller AND controllers.epoch <> held.epoch
    WHERE held.granted_minor + held.taken_in_minor
        > held.spent_minor + held.released_minor + held.forfeited_minor
    ORDER BY held.account, held.controller, held.epoch
"""


class Caretaker:
    """Makes rounds.

    Args:
        stage: Where.
        office: Where the hub is asked.
    """

    def __init__(self, stage: FaultStage, office: Office) -> None:
        self._stage = stage
        self._office = office
        self._released: set[str] = set()
        self._decided: set[tuple[str, str, str]] = set()
        self._requests = 0

    def begin(self, until_ms: int) -> None:
        """Make rounds until then."""
        if self._stage.kernel.now_ms < until_ms:
            self._stage.kernel.after(ROUND_MS, partial(self._round, until_ms))

    def look_round(self) -> None:
        """See to every controller once, and to what old journals hold."""
        quarantined = self._office.counter.look(_quarantined) or ()
        for name, host in sorted(self._stage.controllers.items()):
            if name in quarantined or _is_broken(host):
                self._see_to(name, host, is_quarantined=name in quarantined)
        for place in self._office.counter.look(_left_behind) or ():
            self._decide(place)

    def _round(self, until_ms: int) -> None:
        self.look_round()
        self.begin(until_ms)

    def _see_to(self, name: str, host: ControllerHost, *, is_quarantined: bool) -> None:
        if host.has_clone:
            host.stop_clone()
        if _is_broken(host) or name in self._released:
            self._released.discard(name)
            host.begin_anew()
        elif is_quarantined:
            self._released.add(name)
        if is_quarantined:
            self._ask("release", lambda tx: release(tx, name))

    def _decide(self, place: tuple[str, str, str]) -> None:
        """Give up on what an old journal holds, or go on looking for its disk."""
        if place in self._decided:
            return
        self._decided.add(place)
        account, controller, epoch = place
        number = self._requests
        if happens(self._stage.stream(f"{WHO}/{account}/{controller}/{number}"), FORFEIT_PERCENT):
            id_ = f"{WHO}-{number}"
            words = f"the disk of {controller} is lost"

            def give_up(tx: Tx) -> int:
                return forfeit(tx, id_, (account, controller, epoch), words)

            self._ask("forfeit", give_up, account)

    def _ask(self, action: str, job: Any, account: str = "") -> None:
        id_ = f"{WHO}-{self._requests}"
        self._requests += 1
        request = Request(id=id_, action=action, account=account, who=WHO, job=job)
        self._office.counter.ask(request, _accept)


def _is_broken(host: ControllerHost) -> bool:
    return bool(host.alarm) and not host.alarm.startswith(HEALS_ITSELF)


def _accept(answer: Answer) -> None:
    del answer  # a refusal is seen on the next round


def _quarantined(tx: Tx) -> frozenset[str]:
    known = list_controllers(tx.connection, limit=CONTROLLERS_MAX)
    return frozenset(one.id for one in known if one.state is ControllerState.QUARANTINED)


def _left_behind(tx: Tx) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in tx.connection.exec_driver_sql(_LEFT)]

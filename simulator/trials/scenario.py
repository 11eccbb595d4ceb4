"""One trial from beginning to end: people and faults, then all is mended and comes together.

`play` schedules everything on the world's kernel and runs it. In its first phase people,
staff and faults do what they drew. In the second everything is mended, nobody new comes,
and all that is open is ended; it lasts until nothing is missing, or for `SETTLE_MS_MAX`.
"""

from __future__ import annotations

from functools import partial

from simulator.trials.caretaker import Caretaker
from simulator.trials.cuts import Cuts
from simulator.trials.faults import Occurrence, draw_faults
from simulator.trials.mishaps import MISHAPS, Mend, Strike, strike
from simulator.trials.office import MINUTE_MS, Office
from simulator.trials.options import TICK_MS
from simulator.trials.people import schedule_people
from simulator.trials.programs import schedule_programs
from simulator.trials.roamers import schedule_roamers
from simulator.trials.settled import missing
from simulator.trials.settling import move_in
from simulator.trials.slips import schedule_slips
from simulator.trials.staff import schedule_staff
from simulator.trials.thieves import steal
from simulator.trials.town import draw_town
from simulator.trials.world import World

SETTLE_MS_MAX = 90 * MINUTE_MS
"""What must have come together within this time after all was mended: an agent reports
every minute, people hurry, and a disk is exchanged on the second round of the caretaker."""
KIND = "washer"
"""Kind of machines that some gifts are for."""


def play(world: World) -> tuple[str, ...]:
    """Play a trial.

    Returns:
        What hadn't come together in time, in words; nothing: all did.
    """
    return Play(world).run()


class Play:
    """A trial under way.

    Args:
        world: Where; hub and controllers are up, and nobody lives there yet.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        options = world.options
        self._ends_ms = world.kernel.now_ms + options.ticks * TICK_MS
        town = draw_town(world.stream, options.accounts, KIND)
        self.office = Office(world, town)
        self._cuts = Cuts(world, self.office.counter)
        self._caretaker = Caretaker(world, self.office)
        self._mends: dict[Occurrence, Mend] = {}

    def run(self) -> tuple[str, ...]:
        """Play it; see `play`."""
        self._tell("faults")
        move_in(self.office)
        self._world.start()
        self._schedule()
        self._world.kernel.run_until(self._ends_ms)
        self._tell("healing")
        self._mend_all()
        self.office.hurry()
        left = self._settle()
        for host in self._world.controllers.values():
            host.tell_ignored()
        self._tell("unsettled" if left else "settled", "; ".join(left))
        return left

    def _schedule(self) -> None:
        options, length_ms = self._world.options, self._world.options.ticks * TICK_MS
        if "people" in options.actors:
            schedule_people(self.office, options.sessions_per_hour, length_ms)
        if "roamers" in options.actors:
            schedule_roamers(self.office, self._cuts, length_ms)
        if "programs" in options.actors:
            schedule_programs(self.office, length_ms)
        if "staff" in options.actors:
            schedule_slips(self.office, length_ms)
        schedule_staff(self.office, options.actors, length_ms)
        for what in draw_faults(self._world.stream, options.faults, length_ms):
            self._world.kernel.after(what.at_ms, partial(self._begin, what))
        self._caretaker.begin(self._ends_ms)

    def _begin(self, what: Occurrence) -> None:
        it = Strike(self._world, self._cuts, what)
        self._world.witness.see("fault", it.controller, name=what.fault, lasts_ms=what.lasts_ms)
        if what.fault not in MISHAPS:
            steal(self.office, what)
            return
        self._mends[what] = strike(it)
        self._world.kernel.after(what.lasts_ms, partial(self._mend, what))

    def _mend(self, what: Occurrence) -> None:
        mend = self._mends.pop(what, None)
        if mend is not None:
            mend()

    def _mend_all(self) -> None:
        for what in list(self._mends):
            self._mend(what)
        self._cuts.heal_all()
        self._cuts.start_broker()
        self._world.hub.start()
        for host in self._world.controllers.values():
            host.spare_power()
            host.free_disk()
            host.set_clock_right()
            host.start()

    def _settle(self) -> tuple[str, ...]:
        kernel, until_ms = self._world.kernel, self._world.kernel.now_ms + SETTLE_MS_MAX
        while True:
            kernel.run_until(kernel.now_ms + MINUTE_MS)
            self._caretaker.look_round()
            left = tuple(missing(self._world, self.office))
            if not left or kernel.now_ms >= until_ms:
                return left

    def _tell(self, name: str, words: str = "") -> None:
        self._world.witness.see("phase", "trial", name=name, words=words)

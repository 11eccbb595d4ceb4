"""How people behave at machines: they see lamps and displays, and nothing else."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from simulator.bench.stage import Stage
from simulator.demo.people import Person
from simulator.parts.controller import MachineView
from simulator.parts.machine import Fault
from simulator.parts.tags import Tag
from simulator.plan import ControllerPlan, MachinePlan
from wire.machines import Mode

PATIENCE_S = 3.0
"""How long a person waits at a machine that doesn't start: longer than a want may take."""
GLANCE_S = 0.04
"""How often a person looks; a refusal's lamp flickers faster, so some looks see it."""
USE_S = (2.0, 5.0)
"""How long a metered machine is used."""
PAUSE_S = (0.2, 2.0)
"""How long a person stays away."""
PRESS_S = 0.3
"""Between pressing a machine's button and tapping the card."""
CALM_S = 5.0
"""A machine tells why it refused for some seconds; the next person waits for that."""
CALM_GLANCES = 6
"""So many looks without a red lamp: it doesn't flicker any more."""
CYCLE_S = 11.0
"""A program takes no longer, with its start."""
UNLOAD_S = 3.5
RUN_DRY_MS = 15_000
"""How long someone with next to no money waits for it to run out."""
POOR_MINOR = 100
STOP_MS = 5_000
"""A machine that was told to stop has stopped by then, or stays for the next look."""
LINGER_S = 0.6
"""How long a person reads what the display says."""

Tell = Callable[[str], None]
"""Takes a plain line about what happens."""


class Floor:
    """The shop floor: who stands where, and how many taps there were.

    Args:
        stage: The running site.
        tags: Cards by person.
        tell: Told of what happens.
    """

    def __init__(self, stage: Stage, tags: dict[str, Tag], tell: Tell) -> None:
        self.stage = stage
        self.closing = Event()
        """Set when nobody may start any more, and who uses something shall stop."""
        self.closes_at = float("inf")
        """Monotonic time when `closing` will be set, as far as anyone knows."""
        self._tags = tags
        self._tell = tell
        self._lock = Lock()
        self._taken: set[str] = set()
        self._taps = 0

    @property
    def taps(self) -> int:
        """Cards laid down so far."""
        with self._lock:
            return self._taps

    def claim(self, machines: tuple[str, ...], rng: random.Random) -> str | None:
        """Stand at one of these machines that nobody uses; None when all are taken."""
        with self._lock:
            free = [name for name in machines if name not in self._taken]
            if not free:
                return None
            chosen = rng.choice(free)
            self._taken.add(chosen)
            return chosen

    def leave(self, machine: str) -> None:
        """Leave a machine to others."""
        with self._lock:
            self._taken.discard(machine)

    def tap(self, person: Person, controller: str, reader: str) -> None:
        """Lay a card on a reader for a moment."""
        with self._lock:
            self._taps += 1
        self.stage.world.tap(controller, reader, self._tags[person.id])

    def tell(self, line: str) -> None:
        """Say what happens."""
        self._tell(line)


class Visitor:
    """One person, who comes again and again until the floor closes.

    Args:
        person: Who.
        floor: Where.
        rng: What they fancy.
    """

    def __init__(self, person: Person, floor: Floor, rng: random.Random) -> None:
        self._person = person
        self._floor = floor
        self._rng = rng
        self._thread = Thread(target=self._live, name=f"person {person.id}", daemon=True)

    def start(self) -> None:
        """Let them come."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait until they have left for good; False when they still stand there."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _live(self) -> None:
        while not self._floor.closing.wait(self._rng.uniform(*PAUSE_S)):
            name = self._floor.claim(self._person.machines, self._rng)
            if name is None:
                continue
            try:
                self._visit(*self._floor.stage.site.machine(name))
            finally:
                self._floor.leave(name)

    def _visit(self, controller: ControllerPlan, plan: MachinePlan) -> None:
        is_cycle = plan.machine.mode is Mode.CYCLE
        if is_cycle and time.monotonic() + CYCLE_S > self._floor.closes_at:
            return
        if not self._floor.stage.has_power(controller.id) or self._look(controller, plan).relay:
            return
        name = plan.machine.name
        self._wait_for_calm(controller, plan)
        if self._floor.closing.is_set():
            return
        runs, words = self._begin(controller, plan)
        if not runs:
            self._say(f"taps at {name} and is refused{words}")
            self._floor.closing.wait(LINGER_S)
            return
        self._say(f"taps at {name}: it runs{words}")
        if is_cycle:
            self._wait_for_cycle(controller, plan)
        else:
            self._use(controller, plan)
        # Others come when the machine has said goodbye.
        time.sleep(LINGER_S)

    def _begin(self, controller: ControllerPlan, plan: MachinePlan) -> tuple[bool, str]:
        """Tap, and see what comes of it: whether it runs, and what the display says."""
        shared = sum(each.reader == plan.reader for each in controller.machines) > 1
        if shared and plan.button:
            self._floor.stage.world.press(controller.id, plan.button)
            self._floor.closing.wait(PRESS_S)
        before = self._look(controller, plan).display
        words = before
        self._floor.tap(self._person, controller.id, plan.reader)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            view = self._look(controller, plan)
            words = view.display if view.display != before else words
            if view.relay:
                return True, self._read_display(controller, plan)
            if "red" in view.lamps:
                break
            time.sleep(GLANCE_S)
        return False, _quoted(words)

    def _use(self, controller: ControllerPlan, plan: MachinePlan) -> None:
        how = self._rng.choice(("tap", "tap", "button", "idle"))
        name = plan.machine.name
        if self._person.paid_minor is not None and self._person.paid_minor < POOR_MINOR:
            self._wait_off(controller, plan, RUN_DRY_MS)
            if not self._look(controller, plan).relay:
                words = self._read_display(controller, plan)
                self._say(f"stands at {name}, which has stopped{words}")
                return
        self._floor.closing.wait(self._rng.uniform(*USE_S))
        world = self._floor.stage.world
        if how == "idle" and plan.machine.idle_ms and not self._floor.closing.is_set():
            self._say(f"leaves {name} standing idle")
            world.set_fault(controller.id, plan.machine.id, Fault.JAM)
            self._wait_off(controller, plan, plan.machine.idle_ms + STOP_MS)
            world.set_fault(controller.id, plan.machine.id, Fault.NONE)
            return
        if self._floor.closing.is_set():
            how = "button"
        if how == "button" and plan.button:
            world.press(controller.id, plan.button)
        else:
            self._floor.tap(self._person, controller.id, plan.reader)
        self._wait_off(controller, plan, STOP_MS)
        words = self._read_display(controller, plan)
        self._say(f"stops {name} with {'the button' if how == 'button' else 'the card'}{words}")

    def _wait_for_cycle(self, controller: ControllerPlan, plan: MachinePlan) -> None:
        until = time.monotonic() + CYCLE_S
        world, name = self._floor.stage.world, plan.machine.id
        # It needs a moment to spin up before it tells that it runs.
        time.sleep(1)
        while time.monotonic() < until:
            if not world.snapshot()[controller.id].machines[name].running:
                self._say(f"fetches the washing from {plan.machine.name}")
                # A machine counts as done once it has stood still for some seconds.
                time.sleep(UNLOAD_S)
                return
            time.sleep(0.2)

    def _wait_off(self, controller: ControllerPlan, plan: MachinePlan, timeout_ms: int) -> None:
        """Wait until a machine is off, or until the floor closes if it's open now."""
        was_closing = self._floor.closing.is_set()
        until = time.monotonic() + timeout_ms / 1_000
        while time.monotonic() < until and self._look(controller, plan).relay:
            if self._floor.closing.is_set() and not was_closing:
                return
            time.sleep(GLANCE_S)

    def _wait_for_calm(self, controller: ControllerPlan, plan: MachinePlan) -> None:
        """Let the machine finish telling the one before why they were refused."""
        calm = 0
        until = time.monotonic() + CALM_S
        while calm < CALM_GLANCES and time.monotonic() < until and not self._floor.closing.is_set():
            calm = 0 if "red" in self._look(controller, plan).lamps else calm + 1
            time.sleep(GLANCE_S)

    def _look(self, controller: ControllerPlan, plan: MachinePlan) -> MachineView:
        return self._floor.stage.world.snapshot()[controller.id].machines[plan.machine.id]

    def _read_display(self, controller: ControllerPlan, plan: MachinePlan) -> str:
        time.sleep(LINGER_S)
        return _quoted(self._look(controller, plan).display)

    def _say(self, what: str) -> None:
        self._floor.tell(f"{self._person.name} {what}")


def _quoted(display: tuple[str, ...]) -> str:
    words = ", ".join(line for line in display if line)
    return f' ("{words}")' if words else ""

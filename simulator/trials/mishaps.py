"""How each fault is brought about: where it strikes, how it begins, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.trials.cuts import Cuts
from simulator.trials.draws import one_of
from simulator.trials.faults import STRENGTH_MAX, Occurrence
from simulator.trials.stage import ControllerHost, FaultStage
from wire.topics import DOWN_ACCOUNTS, DOWN_ACK

PER_MILLE_MAX = 400
"""At the worst so many of a thousand messages are lost, doubled or overtaken."""
DELAY_MS_MAX = 30_000
"""Longer than any question waits for its answer."""
JUMP_MS_MAX = 3 * 24 * 3_600_000
"""Somebody typed the wrong day, or the battery was empty."""
DRIFT_PPM_MAX = 50_000
"""A clock that gains three seconds in a minute: worse than any quartz."""
WRITES_MAX = 40
"""A power cut strikes at one of the next writes, or after the first if none comes."""
TAIL_COMMITS_MAX = 12
"""How many commits a disk may forget that told a lie about its cache."""
CRASHES_MAX = 6
"""The hub dies when it comes by that point for the n-th time."""
OTHER = 101
"""A number drawn once says several things: by its rests after divisions."""
TRAPS = ("", "", DOWN_ACK, DOWN_ACCOUNTS)
"""What a line may be cut after: what comes next would undo what this did."""
CRASH_POINTS = ("before_commit", "after_commit", "after_ack", "before_publish")


Mend = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at the moment in which it begins.

    Attributes:
        stage: Where.
        cuts: Whose lines are cut.
        what: The fault as it was drawn.
    """

    stage: FaultStage
    cuts: Cuts
    what: Occurrence

    @property
    def controller(self) -> str:
        """Which controller it strikes."""
        return one_of(sorted(self.stage.controllers), self.what.target) or ""

    @property
    def host(self) -> ControllerHost:
        """The same."""
        return self.stage.controllers[self.controller]

    @property
    def machine(self) -> str:
        """Which machine of the controller it strikes."""
        return one_of(self.host.machines, self.what.target // OTHER) or ""

    @property
    def choice(self) -> int:
        """A number for the way in which it strikes."""
        return self.what.target // (OTHER * OTHER)

    @property
    def name(self) -> str:
        """Who did it, where somebody asks."""
        return f"{self.what.fault}-{self.what.number}"

    def share_of(self, most: int) -> int:
        """How much of the most, 1 or more."""
        return max(1, most * self.what.strength // STRENGTH_MAX)


Begin = Callable[[Strike], Mend]


def strike(what: Strike) -> Mend:
    """Bring a fault about; gives what mends it."""
    return MISHAPS[what.what.fault](what)


def _loss(it: Strike) -> Mend:
    return _noise(it, loss=it.share_of(PER_MILLE_MAX))


def _duplication(it: Strike) -> Mend:
    return _noise(it, duplication=it.share_of(PER_MILLE_MAX))


def _delay(it: Strike) -> Mend:
    return _noise(it, delay_ms=it.share_of(DELAY_MS_MAX))


def _reordering(it: Strike) -> Mend:
    return _noise(it, reordering=it.share_of(PER_MILLE_MAX))


def _noise(it: Strike, **kinds: int) -> Mend:
    """Noise of one kind on one line, or on all of them."""
    everywhere = it.choice % 3 == 0
    names = sorted(it.stage.controllers) if everywhere else [it.controller]
    for name in names:
        it.stage.network.set_noise(name, **kinds)

    def mend() -> None:
        for name in names:
            it.stage.network.set_noise(name, **dict.fromkeys(kinds, 0))

    return mend


def _partition(it: Strike) -> Mend:
    """A line that is cut at once, or right after an ack or rights were sent on it."""
    controller, leaf = it.controller, TRAPS[it.choice % len(TRAPS)]
    if leaf:
        it.stage.network.trap(controller, leaf, lambda: it.cuts.cut(controller, it.name))
    else:
        it.cuts.cut(controller, it.name)

    def mend() -> None:
        it.stage.network.disarm(controller)
        it.cuts.heal(controller, it.name)

    return mend


def _broker_restart(it: Strike) -> Mend:
    it.cuts.stop_broker()
    return it.cuts.start_broker


def _hub_crash(it: Strike) -> Mend:
    it.stage.hub.crash_at(CRASH_POINTS[it.choice % len(CRASH_POINTS)], it.share_of(CRASHES_MAX))
    return it.stage.hub.start


def _agent_crash(it: Strike) -> Mend:
    it.host.crash()
    return it.host.start


def _power_cut(it: Strike) -> Mend:
    it.host.power_cut(it.share_of(WRITES_MAX), after=bool(it.choice % 2))

    def mend() -> None:
        it.host.spare_power()
        it.host.start()

    return mend


def _disk_full(it: Strike) -> Mend:
    it.host.fill_disk()
    return it.host.free_disk


def _torn_page(it: Strike) -> Mend:
    it.host.tear_page(it.choice)
    return it.host.start


def _flipped_bit(it: Strike) -> Mend:
    it.host.flip_bit(it.choice)
    return it.host.start


def _lost_tail(it: Strike) -> Mend:
    it.host.lose_tail(it.share_of(TAIL_COMMITS_MAX))
    return it.host.start


def _restored_image(it: Strike) -> Mend:
    """An image is kept when the fault begins, and put back when it ends."""
    it.host.keep_image()
    return it.host.restore_image


def _cloned_image(it: Strike) -> Mend:
    it.host.start_clone()
    return it.host.stop_clone


def _clock_jump(it: Strike) -> Mend:
    by_ms = it.share_of(JUMP_MS_MAX) * (1 if it.choice % 2 else -1)
    it.host.jump_clock(by_ms)
    return lambda: it.host.jump_clock(-by_ms)


def _clock_drift(it: Strike) -> Mend:
    it.host.drift_clock(it.share_of(DRIFT_PPM_MAX) * (1 if it.choice % 2 else -1))
    return lambda: it.host.drift_clock(0)


def _no_rtc(it: Strike) -> Mend:
    it.host.lose_time()
    return it.host.start


def _part(part: str) -> Begin:
    def begin(it: Strike) -> Mend:
        machine = it.machine
        it.host.break_part(machine, part, it.choice)
        return lambda: it.host.mend_part(machine, part)

    return begin


MISHAPS: dict[str, Begin] = {
    "loss": _loss,
    "duplication": _duplication,
    "delay": _delay,
    "reordering": _reordering,
    "partition": _partition,
    "broker_restart": _broker_restart,
    "hub_crash": _hub_crash,
    "agent_crash": _agent_crash,
    "power_cut": _power_cut,
    "disk_full": _disk_full,
    "torn_page": _torn_page,
    "flipped_bit": _flipped_bit,
    "lost_tail": _lost_tail,
    "restored_image": _restored_image,
    "cloned_image": _cloned_image,
    "clock_jump": _clock_jump,
    "clock_drift": _clock_drift,
    "no_rtc": _no_rtc,
    "reader": _part("reader"),
    "meter": _part("meter"),
    "relay": _part("relay"),
    "feedback": _part("feedback"),
}
"""Every fault of things; a cloned card is a person's (`simulator.trials.thieves`)."""

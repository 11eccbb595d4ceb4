"""Each fault strikes a real hub and real agents as it says, and all comes together afterwards."""

from __future__ import annotations

import pytest

from simulator.trials.caretaker import Caretaker
from simulator.trials.cuts import Cuts
from simulator.trials.faults import HABITS, STRENGTH_MAX, Occurrence
from simulator.trials.mishaps import MISHAPS, Strike, strike
from simulator.trials.office import MINUTE_MS, Errand, Office
from simulator.trials.options import FAULTS, Options
from simulator.trials.people import use
from simulator.trials.roamers import roam
from simulator.trials.settled import missing
from simulator.trials.settling import move_in
from simulator.trials.thieves import steal
from simulator.trials.town import draw_town
from simulator.trials.world import World

SETTLE_MINUTES_MAX = 20
NOBODY: frozenset[str] = frozenset()
SEEN_AS = {
    "loss": ("message_lost", "c0", {}),
    "partition": ("cut", "c0", {}),
    "hub_crash": ("crashed", "hub", {"how": "before_commit"}),
    "agent_crash": ("crashed", "c0", {"how": "killed"}),
    "power_cut": ("crashed", "c0", {"how": "power"}),
    "disk_full": ("disk", "c0", {"fault": "disk_full"}),
    "torn_page": ("disk", "c0", {"fault": "torn_page"}),
    "lost_tail": ("disk", "c0", {"fault": "lost_tail"}),
    "cloned_image": ("disk", "c0", {"fault": "cloned_image"}),
    "no_rtc": ("crashed", "c0", {"how": "power"}),
    "reader": ("part", "c0", {"fault": "reader", "begins": 1}),
    "meter": ("part", "c0", {"fault": "meter", "begins": 1}),
    "relay": ("part", "c0", {"fault": "relay", "begins": 1}),
}
"""What a witness sees while a fault is there: kind, whom, and some details."""
FIRST = 4 * 101 * 101
"""A target that means the first controller and its first machine, and the fourth way."""


class Scene:
    def __init__(self, world: World) -> None:
        self.world = world
        town = draw_town(world.stream, world.options.accounts, "washer")
        self.office = Office(world, town)
        self.cuts = Cuts(world, self.office.counter)
        self.caretaker = Caretaker(world, self.office)
        self.number = 0
        move_in(self.office)
        world.start()
        self.pass_minutes(2)

    def pass_minutes(self, minutes: int) -> None:
        self.world.kernel.run_until(self.world.kernel.now_ms + minutes * MINUTE_MS)

    def visit(self, controller: str = "c0", place: int = 0) -> None:
        """Somebody uses a machine."""
        self.number += 1
        name = f"visit-{self.number}"
        house = self.office.town[self.number % len(self.office.town)]
        machine = self.world.controllers[controller].machines[place]
        at = (controller, machine, house.cards[0])
        errand = Errand(name, "people", self.world.stream(name))
        self.office.follow(use(self.office, errand, at))

    def seen(self, since: int, kind: str, who: str, what: dict) -> bool:
        return any(
            (fact.kind, fact.who) == (kind, who) and what.items() <= dict(fact.what).items()
            for fact in self.world.witness.facts[since:]
        )

    def settle(self) -> tuple[str, ...]:
        left: tuple[str, ...] = ()
        for _ in range(SETTLE_MINUTES_MAX):
            self.pass_minutes(1)
            self.caretaker.look_round()
            left = tuple(missing(self.world, self.office))
            if not left:
                break
        return left


@pytest.fixture(scope="module")
def scene():
    options = Options(seed=3, controllers=2, accounts=4, faults=NOBODY, actors=NOBODY)
    with World(options) as world:
        yield Scene(world)


def test_every_fault_has_habits_and_a_way_to_be_brought_about():
    assert set(HABITS) == set(FAULTS)
    assert set(MISHAPS) == set(FAULTS) - {"cloned_card"}


@pytest.mark.parametrize("fault", [name for name in HABITS if name in MISHAPS])
def test_a_fault_is_seen_and_all_comes_together_once_it_is_mended(scene, fault):
    since = len(scene.world.witness.facts)
    strength = STRENGTH_MAX if fault == "loss" else 10  # few messages go while it lasts
    what = Occurrence(fault, scene.number, 0, 3 * MINUTE_MS, FIRST, strength)
    it = Strike(scene.world, scene.cuts, what)
    assert it.controller == "c0"
    mend = strike(it)
    scene.visit()
    scene.visit("c1")
    scene.pass_minutes(3)
    mend()
    assert scene.seen(since, *SEEN_AS.get(fault, ("tapped", "c0", {})))
    scene.office.hurry()
    assert scene.settle() == ()


def test_a_restored_image_ends_in_a_new_journal(scene):
    host = scene.world.controllers["c0"]
    before = host.box.agent.state.epoch
    mend = strike(Strike(scene.world, scene.cuts, Occurrence("restored_image", 0, 0, 1, 0, 1)))
    scene.visit()
    scene.pass_minutes(3)
    since = len(scene.world.witness.facts)
    mend()
    assert scene.seen(since, "disk", "c0", {"fault": "restored_image"})
    assert scene.settle() == ()
    assert host.box.agent.state.epoch != before
    assert not host.alarm


def test_messages_come_twice_late_and_out_of_order_only_while_the_line_is_bad(scene):
    noise = scene.world.network
    for fault in ("duplication", "delay", "reordering"):
        mend = strike(Strike(scene.world, scene.cuts, Occurrence(fault, 0, 0, 1, FIRST, 100)))
        assert any(_noise_of(noise, "c0"))
        mend()
        assert not any(_noise_of(noise, "c0"))


def test_a_clock_that_was_wrong_is_right_again(scene):
    scene.world.controllers["c0"].set_clock_right()
    clock = scene.world.controllers["c0"].box.clock
    true_ms = scene.world.wall_ms
    mend = strike(Strike(scene.world, scene.cuts, Occurrence("clock_jump", 0, 0, 1, FIRST, 50)))
    assert abs(clock.now().wall_ms - true_ms) > 60 * MINUTE_MS
    mend()
    assert abs(clock.now().wall_ms - true_ms) < MINUTE_MS


def test_a_roamer_uses_one_card_at_two_sites_that_are_cut_off(scene):
    since = len(scene.world.witness.facts)
    errand = Errand("roamers-1", "roamers", scene.world.stream("roamers/1"))
    scene.office.follow(roam(scene.cuts, scene.office, errand))
    assert scene.settle() == ()
    facts = scene.world.witness.facts[since:]
    order = [fact.kind for fact in facts if fact.kind in ("exposure_shown", "cut", "healed")]
    assert {fact.who for fact in facts if fact.kind == "cut"} == {"c0", "c1"}
    taps = {(fact.who, dict(fact.what)["card"]) for fact in facts if fact.kind == "tapped"}
    assert {who for who, _ in taps} == {"c0", "c1"}
    assert len({card for _, card in taps}) == 1
    shown = {dict(fact.what)["account"] for fact in facts if fact.kind == "exposure_shown"}
    assert shown >= {""} | {house.account for house in scene.office.town}
    assert order.index("exposure_shown") < order.index("cut") < order.index("healed")
    assert sum(fact.kind == "healed" for fact in facts) == 2


def test_a_line_that_two_cut_is_whole_when_both_have_healed_it(scene):
    since = len(scene.world.witness.facts)
    scene.cuts.cut("c0", "one")
    scene.cuts.cut("c0", "other")
    scene.cuts.heal("c0", "one")
    scene.cuts.heal("c0", "one")
    kinds = [fact.kind for fact in scene.world.witness.facts[since:]]
    assert (kinds.count("cut"), kinds.count("healed")) == (1, 0)
    scene.cuts.heal("c0", "other")
    assert scene.world.witness.facts[-1].kind == "healed"


def test_a_copied_card_proves_nothing_but_its_number(scene):
    since = len(scene.world.witness.facts)
    steal(scene.office, Occurrence("cloned_card", 1, 0, 8 * MINUTE_MS, 2, 50))
    assert scene.settle() == ()
    taps = [dict(f.what)["card"] for f in scene.world.witness.facts[since:] if f.kind == "tapped"]
    cards = {card.uid.hex() for house in scene.office.town for card in house.cards}
    assert len(taps) >= 2
    assert len(set(taps)) == 1
    assert set(taps) < cards


def _noise_of(network, controller: str) -> tuple[int, ...]:
    noise = network._noise[controller]
    return noise.duplication, noise.delay_ms, noise.reordering

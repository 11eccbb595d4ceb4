"""Rights on a lossy network, against a small hub: money is conserved, exposure holds.

The hub and its bookkeeping are written here, without the agent's code; controllers
use `core.allowance` for everything that they decide. Messages are lost, repeated and
reordered; controllers come and go.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_agent.core import allowance
from firmware_agent.core.allowance import Rights
from wire.downlink import Right

ACCOUNTS = ("a", "b")
CONTROLLERS = ("x", "y", "z")
CARD_FLOOR = 60
BATCH_EVENTS = 2
"""Small, so that reports run ahead of what is booked."""


@dataclass
class Controller:
    """A controller: rights by `core.allowance`, and a journal of plain tuples."""

    rights: dict[str, Rights]
    journal: list[tuple[int, str, str, int, int]] = field(default_factory=list)
    revision: int = 0

    def spend(self, account: str, amount: int) -> bool:
        rights = self.rights[account]
        if amount > allowance.local_balance(rights, CARD_FLOOR, 0).left_minor:
            return False
        seq = len(self.journal) + 1
        self.rights[account], _, unbacked = allowance.spend(rights, amount, seq)
        self.journal.append((seq, "spend", account, amount, unbacked))
        return True

    def receive(self, revision: int, rights: dict[str, Right]) -> None:
        newer = revision > self.revision
        for account, right in rights.items():
            held = allowance.merge(self.rights[account], right, newer=newer)
            amount = allowance.excess(held)
            if amount:
                held = allowance.release(held, amount)
                seq = len(self.journal) + 1
                self.journal.append((seq, "release", account, amount, 0))
            self.rights[account] = held
        self.revision = max(self.revision, revision)


@dataclass
class Side:
    """What the hub knows of one (account, controller)."""

    granted: int = 0
    spent: int = 0
    released: int = 0
    floors: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0)])
    unbacked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def escrow(self) -> int:
        return self.granted - self.spent - self.released

    def exposure(self) -> int:
        return max(
            max(0, floor - sum(amount for seq, amount in self.unbacked if seq > as_of))
            for _, floor, as_of in self.floors
        )


class Hub:
    """The book, and what may be out there."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.wallet = dict.fromkeys(ACCOUNTS, 0)
        self.overrun = dict.fromkeys(ACCOUNTS, 0)
        self.revenue = self.topped_up = 0
        self.sides = {(a, c): Side() for a in ACCOUNTS for c in CONTROLLERS}
        self.booked = dict.fromkeys(CONTROLLERS, 0)
        self.revision = dict.fromkeys(CONTROLLERS, 0)
        self.blocked: set[str] = set()

    def grant(self, account: str, controller: str, amount: int) -> None:
        amount = min(amount, max(0, self.wallet[account]))
        self.wallet[account] -= amount
        self.sides[account, controller].granted += amount

    def message(self, controller: str) -> tuple[int, dict[str, Right]]:
        self.revision[controller] += 1
        revision, as_of = self.revision[controller], self.booked[controller]
        rights = {}
        for account in ACCOUNTS:
            side = self.sides[account, controller]
            stopped = account in self.blocked or self.overrun[account]
            floor = 0 if stopped else max(0, min(self.limit, self.wallet[account]))
            # The card's own floor bounds every floor.
            side.floors.append((revision, min(floor, CARD_FLOOR), as_of))
            target = 0 if account in self.blocked else None
            rights[account] = Right(
                account=account,
                granted_minor=side.granted,
                floor_minor=floor,
                as_of_seq=as_of,
                target_minor=target,
            )
        return revision, rights

    def book(self, controller: str, events, *, reported: tuple[int, int]) -> None:
        for seq, kind, account, amount, unbacked in events:
            if seq != self.booked[controller] + 1:
                continue
            self.booked[controller] = seq
            side = self.sides[account, controller]
            if kind == "release":
                side.released += amount
                self.wallet[account] += amount
                continue
            side.spent += amount - unbacked
            self.revenue += amount
            if unbacked:
                from_wallet = min(unbacked, max(0, self.wallet[account]))
                self.wallet[account] -= from_wallet
                self.overrun[account] += unbacked - from_wallet
                side.unbacked.append((seq, unbacked))
        revision, last_seq = reported
        if self.booked[controller] >= last_seq:
            self.confirm(controller, revision)

    def confirm(self, controller: str, revision: int) -> None:
        for account in ACCOUNTS:
            side = self.sides[account, controller]
            kept = [floor for floor in side.floors if floor[0] >= revision]
            side.floors = kept or side.floors[-1:]

    def confirm_on_receipt(self, controller: str, revision: int) -> None:
        """The mistake that seed 56 found: the journal behind isn't booked yet."""
        self.confirm(controller, revision)


class World:
    """Controllers, hub and what is on the way between them."""

    def __init__(self, limit: int) -> None:
        self.hub = Hub(limit)
        self.controllers = {
            # A controller starts without any right; the card's floor counts once one came.
            name: Controller({a: Rights(a, floor_minor=0) for a in ACCOUNTS})
            for name in CONTROLLERS
        }
        self.way: list[tuple[str, str, object, tuple[int, int]]] = []

    def send_up(self, name: str) -> None:
        controller = self.controllers[name]
        first = self.hub.booked[name]
        batch = tuple(controller.journal[first : first + BATCH_EVENTS])
        self.way.append(("up", name, batch, (controller.revision, len(controller.journal))))

    def send_down(self, name: str) -> None:
        self.way.append(("down", name, self.hub.message(name), (0, 0)))

    def deliver(self, index: int) -> None:
        direction, name, body, reported = self.way[index]
        if direction == "up":
            self.hub.book(name, body, reported=reported)
        else:
            self.controllers[name].receive(*body)

    def check(self) -> None:
        hub = self.hub
        escrow = sum(side.escrow for side in hub.sides.values())
        money = sum(hub.wallet.values()) + escrow + hub.revenue - sum(hub.overrun.values())
        assert money == hub.topped_up
        assert all(balance >= 0 for balance in hub.wallet.values())
        for (account, name), side in hub.sides.items():
            rights = self.controllers[name].rights[account]
            assert side.escrow >= rights.backed_minor >= 0
        for account in ACCOUNTS:
            shown = sum(hub.sides[account, name].exposure() for name in CONTROLLERS)
            assert self.at_risk(account) <= shown

    def at_risk(self, account: str) -> int:
        """What the hub doesn't know, and what can still be spent beyond backed rights."""
        total = 0
        for name, controller in self.controllers.items():
            behind = controller.journal[self.hub.booked[name] :]
            total += sum(event[4] for event in behind if event[2] == account)
            total += allowance.floor_available(controller.rights[account], CARD_FLOOR)
        return total

    def heal(self) -> None:
        for name, controller in self.controllers.items():
            while self.hub.booked[name] < len(controller.journal):
                first = self.hub.booked[name]
                self.hub.book(name, controller.journal[first:], reported=(0, 1 << 60))
        spent = sum(e[3] for c in self.controllers.values() for e in c.journal if e[1] == "spend")
        assert self.hub.revenue == spent
        for (account, name), side in self.hub.sides.items():
            assert side.escrow >= self.controllers[name].rights[account].backed_minor


class AllowanceMachine(RuleBasedStateMachine):
    """Whatever the network does, the invariants of `World.check` hold."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limit=40)

    @rule(account=st.sampled_from(ACCOUNTS), amount=st.integers(1, 80))
    def top_up(self, account, amount):
        self.world.hub.wallet[account] += amount
        self.world.hub.topped_up += amount

    @rule(
        account=st.sampled_from(ACCOUNTS),
        name=st.sampled_from(CONTROLLERS),
        amount=st.integers(1, 40),
    )
    def grant(self, account, name, amount):
        if account not in self.world.hub.blocked:
            self.world.hub.grant(account, name, amount)
        self.world.send_down(name)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        name=st.sampled_from(CONTROLLERS),
        amount=st.integers(1, 30),
    )
    def spend(self, account, name, amount):
        self.world.controllers[name].spend(account, amount)

    @rule(account=st.sampled_from(ACCOUNTS))
    def block_or_unblock(self, account):
        self.world.hub.blocked ^= {account}

    @rule(name=st.sampled_from(CONTROLLERS))
    def send_up(self, name):
        self.world.send_up(name)

    @rule(name=st.sampled_from(CONTROLLERS))
    def send_down(self, name):
        self.world.send_down(name)

    @precondition(lambda self: self.world.way)
    @rule(data=st.data(), fate=st.sampled_from(["once", "again later", "lost"]))
    def network(self, data, fate):
        index = data.draw(st.integers(0, len(self.world.way) - 1))
        if fate != "lost":
            self.world.deliver(index)
        if fate != "again later":
            self.world.way.pop(index)

    @invariant()
    def the_books_hold(self):
        self.world.check()

    def teardown(self):
        self.world.heal()


TestAllowances = AllowanceMachine.TestCase
TestAllowances.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def run_seed(seed: int, steps: int, *, confirm_on_receipt: bool = False) -> int:
    """One random run; returns the step at which a check failed, or -1."""
    chance = random.Random(seed)
    world = World(chance.choice([5, 20, 60]))
    if confirm_on_receipt:
        book = world.hub.book

        def hasty(name, events, *, reported):
            book(name, events, reported=reported)
            world.hub.confirm_on_receipt(name, reported[0])

        world.hub.book = hasty
    for step in range(steps):
        _random_step(world, chance)
        try:
            world.check()
        except AssertionError:
            return step
    world.heal()
    return -1


def _random_step(world: World, chance: random.Random) -> None:
    account, name = chance.choice(ACCOUNTS), chance.choice(CONTROLLERS)
    what = chance.random()
    if what < 0.1:
        amount = chance.randint(1, 50)
        world.hub.wallet[account] += amount
        world.hub.topped_up += amount
    elif what < 0.45:
        world.controllers[name].spend(account, chance.randint(1, 25))
    elif what < 0.48:
        world.hub.blocked ^= {account}
    elif what < 0.56:
        world.send_up(name)
    elif what < 0.62:
        if account not in world.hub.blocked:
            world.hub.grant(account, name, chance.randint(1, 40))
        world.send_down(name)
    elif world.way:
        index = chance.randrange(len(world.way))
        fate = chance.random()
        if fate > 0.15:
            world.deliver(index)
        if fate < 0.7:
            world.way.pop(index)


def test_many_random_runs_hold():
    for seed in range(40):
        assert run_seed(seed, 300) == -1, f"run_seed({seed}, 300)"


def test_a_revision_confirmed_before_its_journal_is_booked_hides_exposure():
    """The lesson of seed 56: a report may run ahead of unreported spending."""
    failing = [s for s in range(20) if run_seed(s, 300, confirm_on_receipt=True) != -1]

    assert failing
    assert all(run_seed(seed, 300) == -1 for seed in failing)

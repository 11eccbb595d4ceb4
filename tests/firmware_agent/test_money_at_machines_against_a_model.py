"""Whatever people, machines and power do: every coin and every vend is told exactly once.

The model knows only what was put in, chosen and given; the journal must say the same.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hardware.money.ports import VendResult
from tests.firmware_agent.money_rig import MONEY_MACHINES, MoneyRig
from tests.firmware_agent.rig import ANNA, BERT, entry
from wire.events import (
    CashHeld,
    CashTaken,
    CashUnclaimed,
    SessionEnded,
    SessionStarted,
    VendOutcome,
)

FLOOR = 300
READERS = ("pay", "snack", "gate")
REASONS = {
    VendResult.SUCCESS: "vended",
    VendResult.FAILED: "vend_failed",
    VendResult.UNKNOWN: "vend_unknown",
}


class MoneyAtMachines(RuleBasedStateMachine):
    """A pay-in point, a vending machine and a door at one controller without network."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.rig = MoneyRig(Path(self._folder.name), online=False)
        self.rig.set_up(
            MONEY_MACHINES, entry(floor_minor=FLOOR), entry(BERT, "bert", floor_minor=0)
        )
        self.inserted: list[int] = []
        self.requests = 0
        self.running: tuple[str, int] | None = None
        self.expected: list[tuple[str, int]] = []

    def teardown(self) -> None:
        self.rig.agent.close()
        self._folder.cleanup()

    @rule(reader=st.sampled_from(READERS), uid=st.sampled_from((ANNA, BERT)))
    def tap(self, reader: str, uid: bytes) -> None:
        self.rig.tap(reader, uid)

    @rule(value=st.sampled_from((10, 20, 50, 100, 200)), notes=st.booleans())
    def insert(self, value: int, *, notes: bool) -> None:
        if self.rig.insert(value, "notes" if notes else "coins"):
            self.inserted.append(value)

    @precondition(lambda self: self.running is None)
    @rule(price=st.integers(0, 700), comes_first=st.booleans())
    def choose(self, price: int, *, comes_first: bool) -> None:
        if comes_first and self.rig.state("snacks") == "free":
            self.rig.tap("snack")
        self.requests += 1
        name = f"r{self.requests}"
        is_choosing = self.rig.state("snacks") == "choosing"
        funds = self.rig.vendors["snacks"].funds_minor
        told = self.rig.choose(price, name)
        if told[0] == "approve":
            assert is_choosing
            assert 0 < price <= funds
            self.running = (name, price)
        else:
            assert not is_choosing or not 0 < price <= funds

    @precondition(lambda self: self.running is not None)
    @rule(result=st.sampled_from(VendResult))
    def vended(self, result: VendResult) -> None:
        name, price = self.running
        self.rig.vended(result, name)
        charge = 0 if result is VendResult.FAILED else price
        self._ends(REASONS[result], charge)

    @rule(seconds=st.sampled_from((1, 7, 30, 61, 121)))
    def wait(self, seconds: int) -> None:
        self.rig.run(seconds * 1_000)
        if self.running is not None and self.rig.state("snacks") == "free":
            self._ends("vend_unknown", self.running[1])

    @rule()
    def cut_the_power(self) -> None:
        self.rig.restart()
        if self.running is not None:
            self._ends("vend_unknown", self.running[1])

    def _ends(self, reason: str, charge: int) -> None:
        self.running = None
        self.expected.append((reason, charge))

    @invariant()
    def every_coin_is_told_once(self) -> None:
        taken, held = self.rig.kinds(CashTaken), self.rig.kinds(CashHeld)
        told = [one.amount_minor for one in taken if not one.holding]
        told += [one.amount_minor for one in held]
        assert sorted(told) == sorted(self.inserted)

    @invariant()
    def held_money_is_claimed_unclaimed_or_still_held(self) -> None:
        held = sum(one.amount_minor for one in self.rig.kinds(CashHeld))
        claimed = sum(one.amount_minor for one in self.rig.kinds(CashTaken) if one.holding)
        unclaimed = sum(one.amount_minor for one in self.rig.kinds(CashUnclaimed))
        machines = self.rig.agent.state.machines.values()
        assert held == claimed + unclaimed + sum(one.purse.held_minor for one in machines)

    @invariant()
    def totals_are_those_of_the_journal(self) -> None:
        for account in ("anna", "bert"):
            rights = self.rig.rights(account)
            taken = [one for one in self.rig.kinds(CashTaken) if one.account == account]
            ended = [one for one in self.rig.kinds(SessionEnded) if one.account == account]
            assert rights.taken_in_minor == sum(one.amount_minor for one in taken)
            assert rights.spent_minor == sum(one.backed_minor for one in ended)
            assert rights.unbacked_minor == sum(one.unbacked_minor for one in ended)
            assert rights.backed_minor >= 0
            assert rights.unbacked_minor <= (FLOOR if account == "anna" else 0)

    @invariant()
    def every_vend_ends_once_as_it_went(self) -> None:
        ended = [one for one in self.rig.kinds(SessionEnded) if one.machine == "snacks"]
        assert [(one.reason.value, one.charge_minor) for one in ended] == self.expected
        outcomes = [one.session for one in self.rig.kinds(VendOutcome) if not one.late]
        assert outcomes == [one.session for one in ended]
        started = [one for one in self.rig.kinds(SessionStarted) if one.machine == "snacks"]
        assert len(started) == len(ended) + (self.running is not None)

    @invariant()
    def nothing_is_on_without_a_session(self) -> None:
        assert not self.rig.is_on("door") or self.rig.state("door") == "running"


TestMoneyAtMachines = MoneyAtMachines.TestCase
TestMoneyAtMachines.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

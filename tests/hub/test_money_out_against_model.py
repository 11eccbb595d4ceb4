"""Refunds, payouts, transfers and corrections against a small model of their own rules."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.charging.lots import Gift, give
from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Spill
from hub.ledger.statements import balances_of
from hub.payments import corrections, payouts, topups, transfers
from hub.payments.audit_out import audit_money_out
from hub.payments.payout_rows import Step
from hub.payments.payout_rules import PayoutRules, write_payout_rules
from hub.payments.refunds import Refund, refund_item
from hub.payments.rules import Fee

PEOPLE = ("ann", "bob")
FEE = 7
GIVEN = 300
REFUSED = (ConflictError, InputError, RefusedError)
_numbers = itertools.count()
people = st.sampled_from(PEOPLE)
minors = st.integers(1, 900)


@dataclass
class Purse:
    wallet: int = 0
    lot: int = GIVEN
    overrun: int = 0

    def take_in(self, minor: int) -> None:
        """Paid money comes in: what is owed first."""
        settled = min(minor, self.overrun)
        self.overrun -= settled
        self.wallet += minor - settled


@dataclass
class Charge:
    who: str
    parts: list[tuple[str, int]]  # in the order of paying
    refunded: int = 0

    @property
    def total(self) -> int:
        return sum(minor for _, minor in self.parts)


@dataclass
class Way:
    who: str
    minor: int
    state: str = "requested"


@dataclass
class Model:
    purses: dict[str, Purse] = field(default_factory=lambda: {who: Purse() for who in PEOPLE})
    charges: dict[str, Charge] = field(default_factory=dict)
    payouts: dict[str, Way] = field(default_factory=dict)
    top_ups: dict[str, tuple[str, int, int]] = field(default_factory=dict)  # who, minor, settled

    def charge(self, name: str, who: str, minor: int) -> None:
        purse, parts, left = self.purses[who], [], minor
        for bucket in ("lot", "wallet"):
            part = min(left, getattr(purse, bucket))
            if part:
                setattr(purse, bucket, getattr(purse, bucket) - part)
                parts.append((bucket, part))
                left -= part
        if left:
            purse.overrun += left
            parts.append(("overrun", left))
        self.charges[name] = Charge(who, parts)

    def refund(self, charge: Charge, minor: int) -> None:
        purse = self.purses[charge.who]
        units = [bucket for bucket, part in reversed(charge.parts) for _ in range(part)]
        for bucket in units[charge.refunded : charge.refunded + minor]:
            if bucket == "lot":
                purse.lot += 1
            else:
                purse.take_in(1)
        charge.refunded += minor

    def payable(self, who: str) -> int:
        purse = self.purses[who]
        return max(0, purse.wallet - purse.overrun)


class MoneyOut(RuleBasedStateMachine):
    """The same steps in the hub and in the model; each says the same of every bucket."""

    desk = None

    @initialize()
    def begin(self):
        self.model = Model()
        self.mark = next(_numbers)
        self.names = {who: f"{who}{self.mark}" for who in PEOPLE}
        for who, name in self.names.items():
            self.desk.add_account(name)
            gift = Gift(
                id=f"lot-{who}{self.mark}",
                account=name,
                amount_minor=GIVEN,
                giver=chart.house("promo", "EUR"),
                source="promo",
                reason="",
                by="cli",
            )
            self.desk.run(lambda tx, gift=gift: give(tx, gift))

    def new(self) -> str:
        return f"n{next(_numbers)}"

    def happens(self, job) -> bool:
        """Do something in the hub; True: it wasn't refused."""
        before = self.desk.books()
        try:
            self.desk.run(job)
        except REFUSED:
            assert self.desk.books() == before
            return False
        return True

    @rule(who=people, minor=st.integers(10, 900))
    def top_up(self, who, minor):
        name = self.new()
        asked = topups.TopUp(
            id=name, account=self.names[who], amount_minor=minor, till="counter", by="cli"
        )
        assert self.happens(lambda tx: topups.top_up(tx, asked))
        settled = min(minor, self.model.purses[who].overrun)
        self.model.purses[who].take_in(minor)
        self.model.top_ups[name] = (who, minor, settled)

    @rule(who=people, minor=minors, tax=st.integers(0, 50))
    def charge(self, who, minor, tax):
        name = self.new()
        tax = min(tax, minor)
        account = self.names[who]
        givers = (
            chart.bonus(account, "EUR", f"lot-{who}{self.mark}"),
            chart.wallet(account, "EUR"),
            chart.overrun(account, "EUR"),
        )
        sides = ((chart.revenue("washer", "EUR"), minor - tax), (chart.tax(190_000, "EUR"), tax))
        leg = Spill(givers, tuple(side for side in sides if side[1]))
        item = Item(id=name, unit="EUR", kind="fee", legs=(leg,), ref=name)
        self.desk.run(lambda tx: tx.book.must_post(item))
        self.model.charge(name, who, minor)

    @precondition(lambda self: self.model.charges)
    @rule(data=st.data(), minor=minors, again=st.booleans())
    def refund(self, data, minor, again):
        name = data.draw(st.sampled_from(sorted(self.model.charges)))
        charge = self.model.charges[name]
        asked = Refund(id=self.new(), item=name, amount_minor=minor, reason="broken", by="cli")
        fits = minor <= charge.total - charge.refunded
        assert self.happens(lambda tx: refund_item(tx, asked)) == fits
        if fits:
            self.model.refund(charge, minor)
            assert not again or self.happens(lambda tx: refund_item(tx, asked))

    @rule(who=people, minor=minors)
    def ask_payout(self, who, minor):
        name = self.new()
        asked = payouts.Ask(
            id=name, account=self.names[who], amount_minor=minor, provider="bank", by="cli"
        )
        fits = FEE < minor <= self.model.payable(who)
        assert self.happens(lambda tx: payouts.request_payout(tx, asked)) == fits
        if fits:
            self.model.purses[who].wallet -= minor
            self.model.payouts[name] = Way(who, minor)

    @precondition(lambda self: self.model.payouts)
    @rule(data=st.data(), step=st.sampled_from(["approve", "send", "finish", "fail", "cancel"]))
    def move_payout(self, data, step):
        name = data.draw(st.sampled_from(sorted(self.model.payouts)))
        way = self.model.payouts[name]
        reason = "no" if step in ("fail", "cancel") else ""
        take = payouts.Take(id=self.new(), payout=name, step=Step(step), reason=reason, by="cli")
        after = {
            ("requested", "approve"): "approved",
            ("requested", "cancel"): "cancelled",
            ("approved", "send"): "sent",
            ("approved", "cancel"): "cancelled",
            ("sent", "finish"): "done",
            ("sent", "fail"): "failed",
        }.get((way.state, step))
        assert self.happens(lambda tx: payouts.take_step(tx, take)) == (after is not None)
        if after is not None:
            way.state = after
            if after in ("failed", "cancelled"):
                self.model.purses[way.who].take_in(way.minor)

    @rule(sender=people, receiver=people, minor=minors)
    def transfer(self, sender, receiver, minor):
        asked = transfers.Ask(
            id=self.new(),
            sender=self.names[sender],
            receiver=self.names[receiver],
            amount_minor=minor,
            by="cli",
        )
        fits = sender != receiver and minor <= self.model.payable(sender)
        assert self.happens(lambda tx: transfers.transfer(tx, asked)) == fits
        if fits:
            self.model.purses[sender].wallet -= minor
            self.model.purses[receiver].take_in(minor)

    @precondition(lambda self: self.model.top_ups)
    @rule(data=st.data())
    def correct(self, data):
        name = data.draw(st.sampled_from(sorted(self.model.top_ups)))
        who, minor, settled = self.model.top_ups[name]
        asked = corrections.Ask(id=self.new(), item=name, reason="typed wrong", by="cli")
        purse = self.model.purses[who]
        fits = minor - settled <= purse.wallet
        assert self.happens(lambda tx: corrections.correct(tx, asked)) == fits
        if fits:
            purse.wallet -= minor - settled
            purse.overrun += settled
            twice = corrections.Ask(id=self.new(), item=name, reason="again", by="cli")
            assert not self.happens(lambda tx: corrections.correct(tx, twice))
            del self.model.top_ups[name]

    @invariant()
    def every_bucket_is_the_models(self):
        if not hasattr(self, "model"):
            return
        codes = {}
        for who, name in self.names.items():
            purse = self.model.purses[who]
            codes[chart.wallet(name, "EUR")] = purse.wallet
            codes[chart.bonus(name, "EUR", f"lot-{who}{self.mark}")] = purse.lot
            codes[chart.overrun(name, "EUR")] = -purse.overrun
        with self.desk.store.read() as connection:
            found = balances_of(connection, codes)
        assert {code: found.get(code, 0) for code in codes} == codes

    def teardown(self):
        with self.desk.store.read() as connection:
            assert list(audit_money_out(connection)) == []
        assert self.desk.faults() == []


def test_money_that_goes_back_and_around_follows_its_model(desk):
    rules = PayoutRules(fee=Fee(fixed_minor=FEE))
    desk.run(lambda tx: write_payout_rules(tx, "EUR", rules))
    MoneyOut.desk = desk
    run_state_machine_as_test(
        MoneyOut,
        settings=settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Whatever people, staff and networks do: as long as the hub is right, nothing is found."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from audited import MACHINES, Day, begun
from desk import card_of

from hub.charging import lots
from hub.charging.allowances import forfeit
from hub.charging.lots import Gift
from hub.errors import HubError
from hub.ledger import accounts as chart
from hub.payments.adjustments import Adjustment, Against, Direction, adjust
from hub.payments.transfers import Ask, transfer
from hub.people import cards
from hub.people.accounts import AccountState, change_account
from wire import topics

ACCOUNTS = ("ann", "bob")
SEEDS = range(int(os.environ.get("STANDPIPE_AUDITED_DAYS", "2")))
STEPS = 40


class AnyDay:
    """Draws what happens next."""

    def __init__(self, day: Day, seed: int) -> None:
        self.day = day
        self.chance = random.Random(seed)
        self.number = 0
        self.done: list[str] = []
        self.sessions: list[tuple[str, str]] = []
        self.cut: set[str] = set()

    def step(self) -> None:
        actions: list[tuple[Callable[[], None], int]] = [
            (self.use, 60),
            (self.sync, 15),
            (self.say_again, 10),
            (self.want, 15),
            (self.cut_or_heal, 8),
            (self.pay_in, 8),
            (self.refund, 6),
            (self.pay_out, 4),
            (self.give, 6),
            (self.adjust, 4),
            (self.transfer, 4),
            (self.change_account, 4),
            (self.block, 3),
            (self.forfeit, 3),
            (self.coins, 4),
        ]
        chosen, weights = zip(*actions, strict=True)
        try:
            self.chance.choices(chosen, weights)[0]()
        except HubError:
            self.done.append("refused")
        self.day.desk.clock.advance(self.chance.choice((1_000, 60_000, 600_000)))

    def use(self) -> None:
        name, account = self.a_place(), self.an_account()
        till = self.day.tills[name]
        minutes = self.chance.randint(1, 15)
        if minutes * 10 > till.backed(account) + till.floor(account):
            return
        self.sessions.append((self.day.use(name, account, minutes), account))
        self.done.append("use")

    def sync(self) -> None:
        if (name := self.a_place()) not in self.cut:
            self.day.sync(name)

    def say_again(self) -> None:
        """Some of a journal in any order, some of it twice."""
        name = self.a_place()
        if name in self.cut:
            return
        till = self.day.tills[name]
        payloads = till.batches(self.chance.randint(0, till.last_seq), size=3) * 2
        self.chance.shuffle(payloads)
        self.day.desk.journal(till, *payloads[: self.chance.randint(1, 6)])

    def want(self) -> None:
        name, account = self.a_place(), self.an_account()
        if name not in self.cut:
            till = self.day.tills[name]
            minor = self.chance.randint(10, 600)
            want = till.want(self.an_id("req"), account, card_of(account), MACHINES[name], minor)
            self.day.desk.deliver(till, topics.UP_WANT, want)
            self.day.hear(name)

    def cut_or_heal(self) -> None:
        name = self.a_place()
        if name in self.cut:
            self.day.see("healed", name)
            self.cut.discard(name)
            return
        for account in ACCOUNTS:
            minor = self.day.desk.exposure(account).get(name, 0)
            self.day.see("exposure_shown", name, account=account, minor=minor)
        self.day.see("cut", name)
        self.cut.add(name)

    def pay_in(self) -> None:
        self.day.pay_in(self.an_id("top"), self.an_account(), self.chance.randint(1, 900))

    def refund(self) -> None:
        if self.sessions:
            session, account = self.chance.choice(self.sessions)
            minor = self.chance.randint(1, 60)
            self.day.refund(self.an_id("rfd"), session, account, minor)
            self.done.append("refund")

    def pay_out(self) -> None:
        self.day.pay_out(self.an_id("pay"), self.an_account(), self.chance.randint(1, 300))

    def give(self) -> None:
        now_ms = self.day.now_ms
        gift = Gift(
            id=self.an_id("lot"),
            account=self.an_account(),
            amount_minor=self.chance.randint(20, 300),
            giver=chart.house("promo", "EUR"),
            kinds=self.chance.choice(((), ("machine",))),
            expires_ms=self.chance.choice((None, now_ms + 200_000, now_ms + 4_000_000)),
            source="promo",
            reason="",
            by="test",
        )
        self.day.desk.run(lambda tx: lots.give(tx, gift))
        self.day.desk.run(lambda tx: lots.expire(tx, tx.now_ms, 10))

    def adjust(self) -> None:
        asked = Adjustment(
            id=self.an_id("adj"),
            account=self.an_account(),
            direction=self.chance.choice(tuple(Direction)),
            amount_minor=self.chance.randint(1, 200),
            against=Against.SUSPENSE,
            cause="goodwill",
            reason="so",
            by="staff",
        )
        self.day.desk.run(lambda tx: adjust(tx, asked))

    def transfer(self) -> None:
        giver, taker = self.chance.sample(ACCOUNTS, 2)
        minor = self.chance.randint(1, 300)
        asked = Ask(
            id=self.an_id("trf"), sender=giver, receiver=taker, amount_minor=minor, by="ann"
        )
        self.day.desk.run(lambda tx: transfer(tx, asked))

    def change_account(self) -> None:
        account = self.an_account()
        limit = {"credit_limit_minor": self.chance.randint(0, 500)}
        state = self.chance.choice((None, AccountState.BLOCKED, AccountState.OPEN))
        self.day.desk.run(lambda tx: change_account(tx, account, limit, state))

    def block(self) -> None:
        card = f"crd_{self.an_account()}"
        change = self.chance.choice((cards.block_card, cards.unblock_card))
        self.day.desk.run(lambda tx: change(tx, card))

    def forfeit(self) -> None:
        name = self.a_place()
        place = (self.an_account(), name, self.day.tills[name].epoch)
        number = self.an_id("frf")
        self.day.desk.run(lambda tx: forfeit(tx, number, place, "taken for dead"))

    def coins(self) -> None:
        minor = self.chance.randint(1, 100)
        self.day.tills["pi-2"].cash(self.an_id("csh"), self.an_account(), "dryer", minor)
        self.day.see("cash_in", "pi-2", minor=minor)
        self.day.write("pi-2")

    def heal(self) -> None:
        for name in sorted(self.cut):
            self.day.see("healed", name)
        for _ in range(3):
            self.day.sync()
            self.day.desk.clock.advance(5_000)

    def a_place(self) -> str:
        return self.chance.choice(tuple(MACHINES))

    def an_account(self) -> str:
        return self.chance.choice(ACCOUNTS)

    def an_id(self, kind: str) -> str:
        self.number += 1
        return f"{kind}_{self.number}"


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_found_where_nothing_is_wrong(tmp_path, seed):
    with begun(tmp_path / "day") as day:
        any_day = AnyDay(day, seed)
        for _ in range(STEPS):
            any_day.step()
            day.look()
            assert day.found == []
        any_day.heal()

        assert day.auditor.check_end() == []
        assert day.desk.faults() == []
        assert any_day.done.count("use") >= 3

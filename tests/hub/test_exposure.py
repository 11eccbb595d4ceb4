"""What could be lost is shown before it can be: exposure against what controllers really do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from desk import card_of
from till import Till

from hub.charging import allowances, lots
from hub.charging.lots import Gift
from hub.fleet import controllers, sites
from hub.fleet.machines import put_machine
from hub.ledger import accounts as chart
from hub.people import cards
from wire import topics
from wire.machines import Machine

ACCOUNTS = ("ann", "bob")
TILLS = {"pi-1": "washer", "pi-2": "dryer", "pi-3": "laser"}


def open_till(desk, name: str) -> Till:
    till = desk.add_controller(name, TILLS[name])
    till.__class__ = Till
    till.begin(till.epoch)
    till.boot()
    return till


def hear_all(desk, *tills):
    desk.step()
    for till in tills:
        for body in desk.taken(till.name, topics.DOWN_ACCOUNTS):
            till.hear(body)


def test_the_rule_of_the_site_is_exposed_without_a_row_for_each_account(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)
    desk.add_account("bob", 2_000, level=0)
    desk.journal(till)
    desk.step()

    assert desk.exposure("ann") == {"pi-1": 500}
    assert desk.exposure("bob") == {"pi-1": 200}
    assert desk.total_exposure() == 700
    assert desk.rows("SELECT count(*) FROM floors_sent") == [(0,)]


def test_a_controller_that_never_spoke_exposes_nothing(desk):
    open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)

    assert desk.total_exposure() == 0


def test_a_report_that_runs_ahead_of_unsent_spending_confirms_nothing(desk):
    """The first model confirmed on receipt, and showed less than was already spent."""
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 500)
    desk.journal(till)
    hear_all(desk, till)
    assert till.sell("ann", "washer", 100)
    desk.journal(till, till.batch(2, 3))
    hear_all(desk, till)
    desk.journal(till, till.report())
    assert till.sell("ann", "washer", 240)
    other = open_till(desk, "pi-2")
    desk.journal(other)
    want = other.want("req_1", "ann", card_of("ann"), "dryer", 390)
    desk.deliver(other, topics.UP_WANT, want)
    hear_all(desk, till)
    assert till.rights["ann"].floor_minor == 10

    desk.journal(till, till.report())
    assert desk.exposure("ann")["pi-1"] >= 240

    desk.journal(till, till.batch(4, 5))
    hear_all(desk, till)
    desk.journal(till, till.report())
    assert desk.exposure("ann").get("pi-1", 0) == 0


def test_a_block_is_exposed_until_the_controller_surely_holds_it(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)
    desk.journal(till)
    hear_all(desk, till)
    desk.journal(till, till.report())

    desk.run(lambda tx: cards.block_card(tx, "crd_ann"))
    desk.step()
    assert desk.exposure("ann") == {"pi-1": 500}

    desk.clock.advance(5_000)
    hear_all(desk, till)
    desk.journal(till, till.report())
    assert desk.exposure("ann") == {}
    assert desk.total_exposure() == 0


def test_what_a_running_session_used_of_an_earlier_floor_stays_exposed_until_it_ends(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 500)
    desk.journal(till)
    hear_all(desk, till)
    assert till.sell("ann", "washer", 100)
    desk.journal(till)
    hear_all(desk, till)
    desk.journal(till, till.report())
    till.start("ses_long", "ann", "washer")
    desk.journal(till)

    desk.run(lambda tx: cards.block_card(tx, "crd_ann"))
    desk.clock.advance(5_000)
    hear_all(desk, till)
    desk.journal(till, till.report())
    assert till.rights["ann"].floor_minor == 0
    assert desk.exposure("ann")["pi-1"] >= 300

    till.end("ses_long", "ann", "washer", (0, 300))
    desk.journal(till)
    desk.clock.advance(5_000)
    hear_all(desk, till)
    desk.journal(till, till.report())
    assert desk.exposure("ann") == {}


def test_lower_floors_of_a_site_count_once_they_are_surely_held(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)
    desk.journal(till)
    hear_all(desk, till)
    desk.journal(till, till.report())

    desk.run(lambda tx: sites.change_site(tx, sites.Site(id="cellar", floors_minor=(0, 100, 100))))
    assert desk.exposure("ann") == {"pi-1": 500}
    assert desk.total_exposure() == 500

    hear_all(desk, till)
    desk.journal(till, till.report())
    assert till.floor("ann") == 100
    assert desk.exposure("ann") == {"pi-1": 100}
    assert desk.total_exposure() == 100


@dataclass
class World:
    """Controllers, a bad network, and a hub."""

    desk: object
    chance: random.Random
    tills: list[Till] = field(default_factory=list)
    online: dict[str, bool] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    down: list[tuple[Till, object]] = field(default_factory=list)
    requests: int = 0
    with_lots: bool = False
    gifts: int = 0

    def step(self) -> None:
        chance, desk = self.chance, self.desk
        till = chance.choice(self.tills)
        account = chance.choice(ACCOUNTS)
        action = chance.random()
        if self.with_lots and chance.random() < 0.12:
            self.give(account)
        elif action < 0.07:
            desk.top_up(account, chance.randint(50, 500))
        elif action < 0.40:
            till.sell(account, TILLS[till.name], chance.randint(10, 250))
        elif action < 0.45:
            self.online[till.name] = not self.online[till.name]
        elif action < 0.48:
            self.block(account)
        elif action < 0.56 and self.online[till.name]:
            self.want(till, account)
        elif action < 0.78 and self.online[till.name]:
            self.report(till)
        else:
            self.hear()

    def give(self, account: str) -> None:
        """Give a lot for one kind of machine, or all; some end soon, some are ended."""
        self.gifts += 1
        kinds = self.chance.choice(((), (), *((kind,) for kind in TILLS.values())))
        now_ms = self.desk.clock.now().wall_ms
        gift = Gift(
            id=f"lot_{self.gifts}",
            account=account,
            amount_minor=self.chance.randint(20, 300),
            giver=chart.house("promo", "EUR"),
            kinds=kinds,
            expires_ms=self.chance.choice((None, now_ms + 20_000, now_ms + 90_000)),
            source="promo",
            reason="",
            by="test",
        )
        self.desk.run(lambda tx: lots.give(tx, gift))
        self.desk.run(lambda tx: lots.expire(tx, tx.now_ms, 10))

    def want(self, till: Till, account: str) -> None:
        self.requests += 1
        name = f"req_{self.requests}"
        machine = TILLS[till.name]
        want = till.want(name, account, card_of(account), machine, self.chance.randint(10, 400))
        self.desk.deliver(till, topics.UP_WANT, want)

    def report(self, till: Till) -> None:
        """Send some of the journal, in any order, some of it twice, and what it holds."""
        payloads = [*till.batches(self.chance.randint(0, till.last_seq), size=4), till.report()]
        self.chance.shuffle(payloads)
        for payload in payloads:
            for _ in range(self.chance.choice((0, 1, 1, 2))):
                self.desk.deliver(till, topics.UP_JOURNAL, payload)

    def hear(self) -> None:
        """Let the hub send, and some of what was ever sent arrive: late, twice, never."""
        self.desk.step()
        for till in self.tills:
            bodies = self.desk.taken(till.name, topics.DOWN_ACCOUNTS)
            self.down += [(till, body) for body in bodies]
        self.desk.clock.advance(self.chance.choice((10, 4_000)))
        for _ in range(min(3, len(self.down))):
            till, body = self.down[self.chance.randrange(len(self.down))]
            if self.chance.random() < 0.3:
                self.down.remove((till, body))
            elif self.online[till.name]:
                till.hear(body)

    def block(self, account: str) -> None:
        card = f"crd_{account}"
        if account in self.blocked:
            self.blocked.discard(account)
            self.desk.run(lambda tx: cards.unblock_card(tx, card))
        else:
            self.blocked.add(account)
            self.desk.run(lambda tx: cards.block_card(tx, card))

    def check(self) -> None:
        desk = self.desk
        booked = {
            row[0]: row[1] for row in desk.rows("SELECT controller, through_seq FROM journals")
        }
        for account in ACCOUNTS:
            shown = desk.exposure(account)
            for till in self.tills:
                through = booked.get(till.name, 0)
                unknown = sum(
                    m for seq, who, m in till.unbacked if who == account and seq > through
                )
                possible = unknown + till.floor(account)
                assert possible <= shown.get(till.name, 0), (till.name, account, possible, shown)
            assert desk.wallet(account) >= 0
        assert desk.total_exposure() >= sum(sum(desk.exposure(a).values()) for a in ACCOUNTS)

    def heal(self) -> None:
        """Everyone comes back and says all."""
        for _ in range(4):
            for till in self.tills:
                self.online[till.name] = True
                self.desk.journal(till)
            self.desk.clock.advance(5_000)
            hear_all(self.desk, *self.tills)
            for till in self.tills:
                self.desk.journal(till, till.report())


@pytest.mark.parametrize(
    ("seed", "with_lots"), [(1, False), (2, False), (56, False), (2, True), (56, True)]
)
def test_what_is_lost_was_exposed_before(desk, seed, with_lots):
    world = World(desk, random.Random(seed), with_lots=with_lots)
    for account in ACCOUNTS:
        desk.add_account(account, 600)
    for name, machine in TILLS.items():
        till = open_till(desk, name)
        definition = Machine(id=machine, name=machine, kind=machine, tariff="minute")
        desk.run(lambda tx, at=name, new=definition: put_machine(tx, at, new))
        desk.journal(till)
        world.tills.append(till)
        world.online[name] = True

    for _ in range(60):
        world.step()
        world.check()
    world.heal()

    sold = desk.rows("SELECT sum(charge_minor) FROM sessions")[0][0] or 0
    assert sold == sum(
        totals.spent + totals.unbacked for till in world.tills for totals in till.totals.values()
    )
    assert not [code for code in desk.books() if ":escrow/" in code]
    assert desk.rows("SELECT * FROM allowance_lots") == []
    assert desk.faults() == []
    if with_lots:
        given = [row[0] for row in desk.rows("SELECT count(*) FROM lots WHERE state = 'closed'")]
        assert given[0] > 0


def test_a_journal_that_was_given_up_exposes_nothing_any_more(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)
    desk.journal(till)
    hear_all(desk, till)
    assert till.sell("ann", "washer", 100)
    desk.journal(till, till.batch(2, 3))
    hear_all(desk, till)
    old = till.epoch
    till.begin("epo_new")
    till.boot()
    desk.journal(till)
    assert desk.exposure("ann") == {"pi-1": 1_000}

    place = ("ann", "pi-1", old)
    desk.run(lambda tx: allowances.forfeit(tx, "frf_1", place, "the disk is gone"))

    assert desk.exposure("ann") == {"pi-1": 500}


def test_a_revoked_controller_can_charge_nobody(desk):
    till = open_till(desk, "pi-1")
    desk.add_account("ann", 2_000)
    desk.journal(till)
    hear_all(desk, till)
    assert desk.total_exposure() == 500

    desk.run(lambda tx: controllers.revoke(tx, "pi-1"))

    assert desk.exposure("ann") == {}
    assert desk.total_exposure() == 0

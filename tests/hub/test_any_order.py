"""The same facts, by any path, in any order, however often: the same book."""

from __future__ import annotations

import random

import pytest
from desk import Desk, card_of

from hub.charging.lots import Gift, give
from hub.fleet.machines import put_machine
from hub.ledger import accounts as chart
from wire import topics
from wire.events import CashUnclaimed, Ended
from wire.machines import Machine

ACCOUNTS = ("ann", "bob")
MACHINES = {"pi-1": "washer", "pi-2": "dryer", "pi-3": "charger"}


def facts_of(desk: Desk, *, with_lots: bool) -> list:
    """Three controllers with rights, and what they did while they were cut off."""
    for account in ACCOUNTS:
        desk.add_account(account, 900)
    if with_lots:
        give_lots(desk)
    boxes = []
    for name, machine in MACHINES.items():
        box = desk.add_controller(name, machine, has_acceptor=name == "pi-3")
        definition = Machine(id=machine, name=machine, kind=machine, tariff="minute")
        desk.run(lambda tx, at=name, new=definition: put_machine(tx, at, new))
        box.boot()
        desk.journal(box)
        for account in ACCOUNTS:
            want = box.want(f"req_{name}_{account}", account, card_of(account), machine, 200)
            desk.deliver(box, topics.UP_WANT, want)
        boxes.append(box)
    for number, box in enumerate(boxes):
        machine = MACHINES[box.name]
        for account in ACCOUNTS:
            session = f"ses_{box.name}_{account}"
            box.start(session, account, machine)
            box.wall_ms += 3_600_000
            box.end(session, account, machine, (150, 120 * number), minutes=15 + 12 * number)
            box.release(account, 50)
        if number == 2:
            box.cash("csh_1", "ann", machine, 300)
            box.start("ses_late", "bob", machine)
            box.wall_ms += 24 * 60_000
            box.end("ses_late", "bob", machine, (0, 240), minutes=24)
            box.hold("hld_1", machine, 100, 100)
            box.hold("hld_1", machine, 50, 150)
            box.cash("hld_1", "ann", machine, 150, "hld_1")
            box.hold("hld_2", machine, 70, 70)
            lost = {"holding": "hld_2", "machine": machine, "unit": "EUR", "amount_minor": 70}
            box.append(CashUnclaimed, **lost)
            box.start("ses_vend", "ann", machine)
            box.wall_ms += 12 * 60_000
            unknown = {"reason": Ended.VEND_UNKNOWN, "minutes": 12}
            box.end("ses_vend", "ann", machine, (120, 0), **unknown)
    return boxes


def give_lots(desk: Desk) -> None:
    """Lots for everything and for some machines: some of it is held, some of it is spent."""
    for account, kinds, minor in (
        ("ann", (), 250),
        ("ann", ("dryer", "washer"), 130),
        ("ann", ("washer",), 70),
        ("bob", (), 90),
        ("bob", ("charger",), 400),
    ):
        gift = Gift(
            id=f"lot_{account}_{len(kinds)}_{minor}",
            account=account,
            amount_minor=minor,
            giver=chart.house("promo", "EUR"),
            kinds=kinds,
            source="promo",
            reason="",
            by="test",
        )
        desk.run(lambda tx, gift=gift: give(tx, gift))


def held_of(desk: Desk) -> list:
    return desk.rows(
        "SELECT account, controller, lot, held_minor FROM allowance_lots ORDER BY 1, 2, 3"
    )


def holdings_of(desk: Desk) -> list:
    return desk.rows("SELECT id, held_minor, claimed_minor, state FROM cash_holdings ORDER BY 1")


def told_in_order(desk: Desk, *, with_lots: bool) -> dict[str, int]:
    for box in facts_of(desk, with_lots=with_lots):
        desk.journal(box)
    return desk.books()


@pytest.mark.parametrize("with_lots", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_order_and_repetition_do_not_change_the_book(tmp_path_factory, seed, with_lots):
    chance = random.Random(seed)
    straight, mixed = (Desk(tmp_path_factory.mktemp("hub")) for _ in range(2))
    straight.add_site()
    mixed.add_site()
    expected = told_in_order(straight, with_lots=with_lots)

    boxes = facts_of(mixed, with_lots=with_lots)
    told = {box.name: 0 for box in boxes}
    while any(told[box.name] < box.last_seq for box in boxes):
        box = chance.choice(boxes)
        after_seq = chance.randint(0, min(told[box.name] + 1, box.last_seq - 1))
        payloads = box.batches(after_seq, size=chance.randint(1, 5))
        chance.shuffle(payloads)
        mixed.journal(box, *payloads, payloads[0])
        told = dict(mixed.rows("SELECT controller, through_seq FROM journals"))

    assert mixed.books() == expected
    assert held_of(mixed) == held_of(straight)
    assert holdings_of(mixed) == holdings_of(straight)
    assert mixed.faults() == straight.faults() == []
    assert mixed.alarm_codes() == straight.alarm_codes()
    straight.close()
    mixed.close()

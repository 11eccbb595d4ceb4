"""The same facts, by any path, in any order, however often: the same book."""

from __future__ import annotations

import random

import pytest
from desk import Desk, card_of

from wire import topics

ACCOUNTS = ("ann", "bob")
MACHINES = {"pi-1": "washer", "pi-2": "dryer", "pi-3": "charger"}


def facts_of(desk: Desk) -> list:
    """Three controllers with rights, and what they did while they were cut off."""
    for account in ACCOUNTS:
        desk.add_account(account, 900)
    boxes = []
    for name, machine in MACHINES.items():
        box = desk.add_controller(name, machine, has_acceptor=name == "pi-3")
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
    return boxes


def told_in_order(desk: Desk) -> dict[str, int]:
    for box in facts_of(desk):
        desk.journal(box)
    return desk.books()


@pytest.mark.parametrize("seed", range(3))
def test_order_and_repetition_do_not_change_the_book(tmp_path_factory, seed):
    chance = random.Random(seed)
    straight, mixed = (Desk(tmp_path_factory.mktemp("hub")) for _ in range(2))
    straight.add_site()
    mixed.add_site()
    expected = told_in_order(straight)

    boxes = facts_of(mixed)
    told = {box.name: 0 for box in boxes}
    while any(told[box.name] < box.last_seq for box in boxes):
        box = chance.choice(boxes)
        after_seq = chance.randint(0, min(told[box.name] + 1, box.last_seq - 1))
        payloads = box.batches(after_seq, size=chance.randint(1, 5))
        chance.shuffle(payloads)
        mixed.journal(box, *payloads, payloads[0])
        told = dict(mixed.rows("SELECT controller, through_seq FROM journals"))

    assert mixed.books() == expected
    assert mixed.faults() == straight.faults() == []
    assert mixed.alarm_codes() == straight.alarm_codes()
    straight.close()
    mixed.close()

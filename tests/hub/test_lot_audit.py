"""`verify` names a lot whose money, rights or kinds don't fit together."""

from __future__ import annotations

import pytest
from desk import card_of
from sqlalchemy import text

from hub.charging import lots
from hub.charging.lots import Gift
from hub.ledger import accounts as chart
from wire import topics


@pytest.fixture
def held(desk):
    """Ann has two lots; a controller holds some of the first."""
    desk.add_account("ann", 100)
    desk.add_account("bob")
    for name, kinds in (("one", ("machine", "washer")), ("two", ("washer",))):
        gift = Gift(
            id=name,
            account="ann",
            amount_minor=300,
            giver=chart.house("promo", "EUR"),
            kinds=kinds,
            source="promo",
            reason="",
            by="test",
        )
        desk.run(lambda tx, gift=gift: lots.give(tx, gift))
    box = desk.add_controller("pi-1", "washer")
    box.boot()
    desk.journal(box)
    desk.deliver(box, topics.UP_WANT, box.want("req_1", "ann", card_of("ann"), "washer", 200))
    assert desk.rows("SELECT held_minor FROM allowance_lots") == [(200,)]
    assert desk.faults() == []
    return desk


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        ("UPDATE allowance_lots SET held_minor = 201", "more than its whole right"),
        ("UPDATE allowance_lots SET held_minor = 150", "EUR:escrow/ann/one"),
        ("DELETE FROM allowance_lots", "EUR:escrow/ann/one"),
        ("UPDATE lots SET state = 'closed' WHERE id = 'one'", "is another's or not open"),
        ("UPDATE lots SET state = 'closed' WHERE id = 'two'", "EUR:bonus/ann/two is 300"),
        ("UPDATE lots SET account = 'bob' WHERE id = 'one'", "is another's or not open"),
        ("UPDATE lots SET kinds = '[\"washer\", \"laser\"]' WHERE id = 'two'", "overlap"),
    ],
)
def test_what_was_tampered_with_is_named(held, tampering, named):
    held.run(lambda tx: tx.connection.execute(text(tampering)))

    assert any(named in fault for fault in held.faults()), held.faults()

"""A card that pays from several accounts: each in its own unit, each by its own rights."""

from __future__ import annotations

import pytest
from desk import card_of

from hub.charging import lots
from hub.charging.lots import Gift
from hub.fleet import sites
from hub.ledger import accounts as chart
from hub.people import accounts, cards, purses
from hub.people.accounts import AccountState, Terms
from hub.units import declare_unit
from wire import topics
from wire.errors import Code

PURSE = "ann-washes"


@pytest.fixture
def till(desk):
    """A controller, and Ann, who has euros and ten washes on one card."""
    desk.add_account("ann", 1_000)
    desk.run(lambda tx: declare_unit(tx, "WASH", 0))
    terms = Terms(tariffs={}, permissions={})
    desk.run(lambda tx: accounts.open_account(tx, PURSE, "WASH", terms))
    desk.run(lambda tx: purses.link_purse(tx, "crd_ann", PURSE))
    gift = Gift(
        id="ten",
        account=PURSE,
        amount_minor=10,
        giver=chart.house("promo", "WASH"),
        source="promo",
        reason="",
        by="test",
    )
    desk.run(lambda tx: lots.give(tx, gift))
    box = desk.add_controller("pi-1", "washer")
    box.boot()
    desk.journal(box)
    return box


def want(desk, till, request: str, account: str, minor: int) -> tuple[int, int]:
    """Ask for a right with Ann's card; gives what was granted, and why not more."""
    desk.deliver(till, topics.UP_WANT, till.want(request, account, card_of("ann"), "washer", minor))
    rows = desk.rows(f"SELECT granted_minor, code FROM wants WHERE request = '{request}'")
    return tuple(rows[0])


def test_a_right_is_granted_out_of_the_purse_that_the_card_names(desk, till):
    assert want(desk, till, "req_1", PURSE, 4) == (4, 0)
    assert want(desk, till, "req_2", "ann", 300) == (300, 0)

    assert desk.balance(chart.escrow(PURSE, "WASH", "ten")) == 4
    assert desk.escrow("ann") == 300
    till.start("ses_1", PURSE, "washer")
    till.end("ses_1", PURSE, "washer", (4, 1))
    desk.journal(till)
    assert (
        desk.balance(chart.revenue("washer", "WASH")) + desk.balance(chart.tax(190_000, "WASH"))
        == 5
    )
    assert desk.balance(chart.bonus(PURSE, "WASH", "ten")) == 5
    assert desk.faults() == []


def test_a_purse_has_standing_rights_and_no_floor(desk, till):
    """Its card's entry says a floor in another unit, so offline it pays what is held."""
    desk.run(lambda tx: sites.change_site(tx, sites.Site(id="cellar", standing_minor=7)))
    want(desk, till, "req_1", PURSE, 4)
    desk.step()
    assert told(desk) == [(PURSE, 7, 7, 0)]

    desk.run(lambda tx: cards.block_card(tx, "crd_ann"))
    desk.step()
    assert told(desk) == [(PURSE, 7, 0, 0)]


def told(desk) -> list[tuple[str, int, int, int]]:
    """Rights as sent last: granted, target, floor."""
    rights = [right for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS) for right in body.rights]
    return [(r.account, r.granted_minor, r.target_minor, r.floor_minor) for r in rights[-1:]]


@pytest.mark.parametrize("end", ["unlinked", "blocked", "closed"])
def test_a_purse_that_the_card_names_no_more_grants_nothing(desk, till, end):
    def job(tx):
        if end == "unlinked":
            purses.unlink_purse(tx, "crd_ann", "WASH")
        elif end == "closed":
            accounts.close_account(tx, PURSE)
        else:
            accounts.change_account(tx, PURSE, {}, AccountState.BLOCKED)

    desk.run(job)
    why = {"unlinked": Code.CARD_UNKNOWN, "blocked": Code.CARD_BLOCKED}

    granted, code = want(desk, till, "req_1", PURSE, 4)

    assert (granted, code) == (0, why.get(end, Code.ACCOUNT_CLOSED))
    assert want(desk, till, "req_2", "ann", 300) == (300, 0)

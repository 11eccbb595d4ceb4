"""Coins and notes reach the book once, whoever they are for, and meet a count of the box."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk

from hub.charging.cash_holdings import HoldingState, list_holdings
from hub.payments import shifts, tills
from hub.payments.adjustments import Adjustment, Against, Direction, adjust
from hub.payments.vend_decisions import VendDecision, decide_vend
from wire.errors import Code
from wire.events import CashUnclaimed, Ended, MachineFault


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    """On SQLite; `test_the_book_is_the_same_on_every_database` takes them all."""
    desk = Desk(tmp_path)
    desk.add_site()
    yield desk
    desk.close()


@pytest.fixture
def box(desk):
    controller = desk.add_controller("pi-3", "payer", has_acceptor=True)
    desk.add_account("ann")
    controller.boot()
    return controller


def hold(box, minor: int, held: int, holding: str = "csh_h", unit: str = "EUR") -> None:
    box.hold(holding, "payer", minor, held, unit)


def claim(box, minor: int, holding: str = "csh_h") -> None:
    box.cash(holding, "ann", "payer", minor, holding)


def holdings(desk) -> list[tuple[str, int, int]]:
    with desk.store.read() as connection:
        found = list_holdings(connection, state=None, after=None, limit=10)
    return [(one.state.value, one.held_minor, one.claimed_minor) for one in found]


def test_held_money_waits_in_suspense_and_becomes_the_next_cards(desk, box):
    hold(box, 100, 100)
    hold(box, 200, 300)
    desk.journal(box)
    assert desk.books() == {"EUR:cash/pi-3": -300, "EUR:suspense/": 300}
    assert holdings(desk) == [("held", 300, 0)]

    claim(box, 300)
    for _ in range(3):
        desk.journal(box)

    assert desk.books() == {"EUR:cash/pi-3": -300, "EUR:escrow/ann": 300}
    assert holdings(desk) == [("claimed", 300, 300)]
    assert desk.alarm_codes() == []
    assert desk.faults() == []


def test_what_nobody_claims_waits_for_a_person_who_credits_it(desk, box):
    hold(box, 500, 500)
    box.append(CashUnclaimed, holding="csh_h", machine="payer", unit="EUR", amount_minor=500)
    desk.journal(box)

    assert holdings(desk) == [("unclaimed", 500, 0)]
    assert desk.alarm_codes() == [Code.CASH_UNCLAIMED]

    found = Adjustment(
        id="adj-1",
        account="ann",
        direction=Direction.CREDIT,
        amount_minor=500,
        against=Against.SUSPENSE,
        cause="goodwill",
        reason="she had put it in",
        by="cli",
    )
    desk.run(lambda tx: adjust(tx, found))

    assert desk.books() == {"EUR:cash/pi-3": -500, "EUR:wallet/ann": 500}
    assert desk.faults() == []


def test_a_claim_of_more_than_was_held_counts_against_the_till(desk, box):
    hold(box, 100, 100)
    claim(box, 350)

    desk.journal(box)

    assert desk.books() == {"EUR:cash/pi-3": -350, "EUR:escrow/ann": 350}
    assert desk.alarm_codes() == [Code.AMOUNT_INVALID]
    assert desk.faults() == []


def test_a_claim_is_booked_the_same_however_batches_are_cut(desk, box):
    hold(box, 100, 100)
    claim(box, 100)
    hold(box, 50, 50, "csh_2")

    desk.journal(box, *(box.batch(seq, seq) for seq in range(1, box.last_seq + 1)))

    assert desk.books() == {
        "EUR:cash/pi-3": -150,
        "EUR:escrow/ann": 100,
        "EUR:suspense/": 50,
    }
    assert sorted(holdings(desk)) == [("claimed", 100, 100), ("held", 50, 0)]
    assert desk.faults() == []


def test_money_of_a_unit_that_is_not_known_is_kept_and_not_booked(desk, box):
    hold(box, 100, 100, unit="X:cash/")
    box.append(CashUnclaimed, holding="csh_h", machine="payer", unit="X:cash/", amount_minor=100)

    desk.journal(box)

    assert desk.books() == {}
    assert desk.alarm_codes() == [Code.UNIT_MISMATCH, Code.CASH_UNCLAIMED]
    assert desk.faults() == []


def test_held_money_of_a_controller_without_acceptor_moves_nothing(desk):
    washer = desk.add_controller("pi-1", "payer")
    desk.add_account("ann")
    washer.boot()
    hold(washer, 100, 100)
    claim(washer, 100)

    desk.journal(washer)

    assert desk.books() == {"EUR:suspense/": -100, "EUR:escrow/ann": 100}
    assert desk.alarm_codes() == [Code.BEYOND_RIGHTS]
    assert desk.faults() == []


def test_a_count_of_the_box_meets_what_came_in(desk, box):
    till = tills.Till(id="pi-3", name="Box", kind=tills.TillKind.ACCEPTOR, unit="EUR")
    desk.run(lambda tx: tills.put_till(tx, till))
    opened = shifts.Opening(id="sh-1", till="pi-3", float_minor=0, by="cli")
    desk.run(lambda tx: shifts.open_shift(tx, opened))
    hold(box, 100, 100)
    claim(box, 100)
    box.cash("csh_9", "ann", "payer", 250)
    desk.journal(box)

    desk.run(lambda tx: shifts.begin_count(tx, "pi-3"))
    closing = shifts.Closing(id="cl-1", till="pi-3", counted_minor=350, by="cli")
    closed = desk.run(lambda tx: shifts.close_shift(tx, closing))

    assert closed.difference_minor == 0
    assert desk.faults() == []


def test_a_gap_in_a_devices_count_is_an_alarm_and_no_money(desk, box):
    words = "coins counted 2 more than it told: count its box"
    box.append(MachineFault, machine="payer", code=int(Code.CASH_LOST), detail=words)

    desk.journal(box)

    assert desk.alarm_codes() == [Code.CASH_LOST]
    assert desk.books() == {}


def test_states_of_held_money_are_listed_by_state(desk, box):
    hold(box, 100, 100, "csh_1")
    hold(box, 200, 200, "csh_2")
    box.append(CashUnclaimed, holding="csh_2", machine="payer", unit="EUR", amount_minor=200)
    desk.journal(box)

    with desk.store.read() as connection:
        found = list_holdings(connection, state=HoldingState.UNCLAIMED, after=None, limit=10)

    assert [one.id for one in found] == ["csh_2"]


def test_the_book_is_the_same_on_every_database(tmp_path, database):
    desk = Desk(tmp_path, database)
    desk.add_site()
    desk.add_account("ann", 1_000)
    box = desk.add_controller("pi-3", "payer", has_acceptor=True)
    box.boot()
    hold(box, 100, 100)
    hold(box, 50, 150)
    claim(box, 120)
    hold(box, 70, 70, "csh_2")
    box.append(CashUnclaimed, holding="csh_2", machine="payer", unit="EUR", amount_minor=70)
    box.start("ses_1", "ann", "payer")
    box.wall_ms += 3_600_000
    box.end("ses_1", "ann", "payer", (90, 0), minutes=9, reason=Ended.VEND_UNKNOWN)
    for _ in range(2):
        desk.journal(box)

    assert sorted(holdings(desk)) == [("claimed", 150, 120), ("unclaimed", 70, 0)]
    assert desk.balance("EUR:suspense/") == 30 + 70 + 90
    asked = VendDecision(id="dec-1", session="ses_1", gave=True, reason="seen", by="cli")
    for _ in range(2):
        desk.run(lambda tx: decide_vend(tx, asked))

    assert desk.books() == {
        "EUR:cash/counter": -1_000,
        "EUR:cash/pi-3": -220,
        "EUR:escrow/ann": 30,
        "EUR:revenue/payer": 76,
        "EUR:suspense/": 100,
        "EUR:tax/190000": 14,
        "EUR:wallet/ann": 1_000,
    }
    assert desk.faults() == []
    desk.close()

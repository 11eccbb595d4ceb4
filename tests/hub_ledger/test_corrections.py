"""An item is taken back by its opposite, once."""

from __future__ import annotations

import pytest

from hub.errors import ConflictError, NotFoundError, RefusedError
from hub.ledger import accounts as chart, statements
from hub.ledger.corrections import opposite
from hub.ledger.items import Item, Move, Spill
from hub.ledger.verify import verify_book

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
OVERRUN = chart.overrun("ann", "EUR")
WASHER = chart.revenue("washer", "EUR")
TAX = chart.tax(190_000, "EUR")


@pytest.fixture
def session(writer):
    """A session that took the wallet and went beyond."""
    pay_in = Item(id="in", unit="EUR", kind="top_up", legs=(Move(BANK, WALLET, 100),))
    legs = (Spill((WALLET, OVERRUN), ((WASHER, 110), (TAX, 20))),)
    wash = Item(id="wash", unit="EUR", kind="session", legs=legs, ref="ses-1")
    writer.run(lambda tx: [tx.book.must_post(one) for one in (pay_in, wash)])


def correct(new_id, item_id="wash"):
    def job(tx):
        return tx.book.must_post(opposite(tx.connection, item_id, new_id, "the washer broke"))

    return job


def test_every_bucket_has_back_what_it_gave(store, writer, session):
    writer.run(correct("back"))

    with store.read() as connection:
        found = statements.balances_of(connection, [WALLET, OVERRUN, WASHER, TAX])
        assert found == {WALLET: 100, OVERRUN: 0, WASHER: 0, TAX: 0}
        line = statements.lines_of(connection, WASHER)[0]
        assert (line.kind, line.ref, line.reason) == ("correction", "ses-1", "the washer broke")
        assert list(verify_book(connection)) == []


def test_the_same_correction_again_moves_nothing_and_gives_the_same(store, writer, session):
    first = writer.run(correct("back"))

    assert writer.run(correct("back")) == first
    with store.read() as connection:
        assert statements.balance_of(connection, WASHER) == 0


def test_it_can_be_corrected_within_the_transaction_that_booked_it(store, writer):
    pay_in = Item(id="in", unit="EUR", kind="top_up", legs=(Move(BANK, WALLET, 100),))
    writer.run(lambda tx: [tx.book.must_post(pay_in), correct("back", "in")(tx)])

    with store.read() as connection:
        assert statements.balance_of(connection, WALLET) == 0
        assert list(verify_book(connection)) == []


def test_a_second_correction_is_refused(writer, session):
    writer.run(correct("back"))

    with pytest.raises(ConflictError, match="back"):
        writer.run(correct("more"))


def test_what_was_refunded_in_part_cannot_be_taken_back_whole(writer, session):
    part = Move(WASHER, WALLET, 1)
    refund = Item(id="refund", unit="EUR", kind="refund", legs=(part,), reverses="wash")
    writer.run(lambda tx: tx.book.must_post(refund))

    with pytest.raises(ConflictError, match="refund"):
        writer.run(correct("back"))


def test_an_item_that_is_not_there_cannot_be_corrected(writer):
    with pytest.raises(NotFoundError, match="nothing"):
        writer.run(correct("back", "nothing"))


def test_money_that_was_spent_cannot_be_taken_back(store, writer, session):
    with pytest.raises(RefusedError):
        writer.run(correct("back", "in"))
    with store.read() as connection:
        assert statements.balance_of(connection, BANK) == -100

"""Reading the book: lines with their running balance, in pages; sums."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from hub.ledger import accounts as chart, statements
from hub.ledger.items import Item, Move

BANK = chart.clearing("bank", "EUR")
WALLET = chart.wallet("ann", "EUR")
REVENUE = chart.revenue("washer", "EUR")


def book(writer, number, legs, unit="EUR"):
    item = Item(id=f"item-{number}", unit=unit, kind="test", legs=legs, ref=f"ref-{number}")
    return writer.submit_item(item).result(10)


def all_pages(connection, code, limit):
    lines, before = [], statements.NEWEST
    while page := statements.lines_of(connection, code, before=before, limit=limit):
        assert len(page) <= limit
        lines += page
        before = statements.Place(page[-1].id, page[-1].before_minor)
    return lines


def test_pages_join_to_the_whole_with_running_balances(store, writer):
    expected, balance = [], 0
    for number in range(23):
        gives = number % 3 == 2
        legs = (Move(WALLET, REVENUE, 5),) if gives else (Move(BANK, WALLET, 10 + number),)
        book(writer, number, legs)
        signed = -5 if gives else 10 + number
        balance += signed
        expected.append((f"item-{number}", f"ref-{number}", signed, balance))
    book(writer, 99, (Move(BANK, chart.wallet("bob", "EUR"), 1),))

    with store.read() as connection:
        for limit in (1, 4, 23, 50):
            lines = all_pages(connection, WALLET, limit)
            found = [(line.item, line.ref, line.amount_minor, line.balance_minor) for line in lines]
            assert found == expected[::-1]
        assert statements.balance_of(connection, WALLET) == balance
        assert {line.other for line in lines} == {BANK, REVENUE}


def test_what_is_booked_while_someone_reads_moves_no_page(store, writer):
    for number in range(10):
        book(writer, number, (Move(BANK, WALLET, 1),))
    with store.read() as connection:
        first = statements.lines_of(connection, WALLET, limit=4)
    book(writer, 10, (Move(BANK, WALLET, 100),))

    with store.read() as connection:
        before = statements.Place(first[-1].id, first[-1].before_minor)
        second = statements.lines_of(connection, WALLET, before=before, limit=4)
    assert [line.balance_minor for line in (*first, *second)] == [10, 9, 8, 7, 6, 5, 4, 3]


def test_an_account_that_was_never_used_has_no_lines(store):
    with store.read() as connection:
        assert statements.lines_of(connection, WALLET) == []
        assert statements.balance_of(connection, WALLET) == 0
        assert statements.sum_by_unit(connection) == {}


def test_sums_are_told_by_unit_and_kind(store, writer):
    tax = chart.tax(190_000, "EUR")
    book(writer, 1, (Move(BANK, WALLET, 100), Move(WALLET, REVENUE, 30), Move(WALLET, tax, 6)))
    book(writer, 2, (Move(WALLET, chart.revenue("dryer", "EUR"), 4),))
    yen = (Move(chart.clearing("bank", "JPY"), chart.wallet("ann", "JPY"), 7),)
    book(writer, 3, yen, unit="JPY")

    with store.read() as connection:
        assert statements.sum_of_kind(connection, "revenue") == {"EUR": 34}
        assert statements.sum_of_kind(connection, "tax") == {"EUR": 6}
        assert statements.sum_of_kind(connection, "wallet") == {"EUR": 60, "JPY": 7}
        assert statements.sum_by_unit(connection) == {"EUR": 0, "JPY": 0}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codes=st.lists(st.text(max_size=20), max_size=5))
def test_any_text_can_be_asked_for(store, codes):
    with store.read() as connection:
        assert statements.balances_of(connection, codes) == {}

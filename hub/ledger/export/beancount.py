"""The book in Beancount's language: `bean-check` accepts it, and finds the same balances.

Syntax: "Beancount Language Syntax", sections Directives, Transactions, Balance
Assertions and Metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from hub.ledger.export.names import account_name, amount
from hub.ledger.export.stream import BookedItem, FindUnit
from hub.ledger.items import Transfer

TITLE = "Standpipe ledger"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_beancount(
    items: Iterable[BookedItem], balances: Iterable[tuple[str, int]], find_unit: FindUnit
) -> Iterator[str]:
    """Write a whole book, line by line, without line ends.

    Accounts are opened on the day before the first item, and every balance is asserted
    on the day after the last.

    Args:
        items: All items, in the order of booking.
        balances: Code and balance of each account, as of the same moment.
        find_unit: Looks a unit up.
    """
    balances = list(balances)
    yield f'option "title" "{TITLE}"'
    for currency in sorted({code.partition(":")[0] for code, _ in balances}):
        yield f'option "operating_currency" "{currency}"'
    opened: set[str] = set()
    last = date(1970, 1, 1)
    for item in items:
        day = _day(item.at_ms)
        for code in _touched(item.transfers):
            name = account_name(code)
            if name not in opened:
                opened.add(name)
                # Not the item's own day: the hub's clock may once have been set back.
                yield f"1970-01-01 open {name}"
        yield ""
        yield from _transaction(item, day, find_unit)
        last = max(last, day)
    yield ""
    after = last + timedelta(days=1)
    for code, minor in balances:
        name = account_name(code)
        if name not in opened:  # limits were set, and nothing moved yet
            opened.add(name)
            yield f"1970-01-01 open {name}"
        unit = find_unit(code.partition(":")[0])
        yield f"{after} balance {name}  {amount(-minor, unit)}"


def _transaction(item: BookedItem, day: date, find_unit: FindUnit) -> Iterator[str]:
    unit = find_unit(item.unit)
    words = f'"{_quoted(item.kind)}"'
    if item.reason:
        words += f' "{_quoted(item.reason)}"'
    yield f"{day} * {words}"
    yield f'  item: "{_quoted(item.id)}"'
    yield f"  place: {item.place}"
    yield f'  at: "{_moment(item.at_ms)}"'
    if item.ref:
        yield f'  ref: "{_quoted(item.ref)}"'
    if item.reverses:
        yield f'  reverses: "{_quoted(item.reverses)}"'
    for move in item.transfers:
        yield f"  {account_name(move.debit)}  {amount(move.amount_minor, unit)}"
        yield f"  {account_name(move.credit)}  {amount(-move.amount_minor, unit)}"


def _touched(transfers: tuple[Transfer, ...]) -> list[str]:
    return sorted({code for move in transfers for code in (move.debit, move.credit)})


def _day(at_ms: int) -> date:
    return (_EPOCH + timedelta(milliseconds=at_ms)).date()


def _moment(at_ms: int) -> str:
    return f"{_EPOCH + timedelta(milliseconds=at_ms):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _quoted(words: str) -> str:
    return words.replace("\\", "\\\\").replace('"', '\\"')

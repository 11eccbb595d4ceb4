"""The book as a journal that `ledger` and `hledger` read.

Syntax: "Ledger: Command-Line Accounting", chapter 5 (Commands and comments), and
hledger's manual, section Journal. Comments `key: value` are tags to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from hub.ledger.export.names import account_name, amount
from hub.ledger.export.stream import BookedItem, FindUnit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_journal(
    items: Iterable[BookedItem], balances: Iterable[tuple[str, int]], find_unit: FindUnit
) -> Iterator[str]:
    """Write a whole book, line by line, without line ends.

    The last transaction moves nothing and asserts every balance.

    Args:
        items: All items, in the order of booking.
        balances: Code and balance of each account, as of the same moment.
        find_unit: Looks a unit up.
    """
    last = date(1970, 1, 1)
    for item in items:
        day = (_EPOCH + timedelta(milliseconds=item.at_ms)).date()
        last = max(last, day)
        yield from _transaction(item, day, find_unit)
        yield ""
    yield f"{last + timedelta(days=1)} * balances"
    for code, minor in balances:
        unit = find_unit(code.partition(":")[0])
        yield f"    {account_name(code)}    {amount(0, unit)} = {amount(-minor, unit)}"


def _transaction(item: BookedItem, day: date, find_unit: FindUnit) -> Iterator[str]:
    unit = find_unit(item.unit)
    yield f"{day} * {_one_line(item.kind)}"
    yield f"    ; item: {_one_line(item.id)}"
    if item.ref:
        yield f"    ; ref: {_one_line(item.ref)}"
    if item.reason:
        yield f"    ; reason: {_one_line(item.reason)}"
    if item.reverses:
        yield f"    ; reverses: {_one_line(item.reverses)}"
    for move in item.transfers:
        yield f"    {account_name(move.debit)}    {amount(move.amount_minor, unit)}"
        yield f"    {account_name(move.credit)}    {amount(-move.amount_minor, unit)}"


def _one_line(words: str) -> str:
    return " ".join(words.split())

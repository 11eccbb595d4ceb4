"""The book as CSV (RFC 4180): a line for each transfer, amounts in whole minor units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from hub.ledger.export.stream import BookedItem

COLUMNS = (
    "place",
    "item",
    "ordinal",
    "at",
    "kind",
    "unit",
    "debit",
    "credit",
    "amount_minor",
    "ref",
    "reason",
    "reverses",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def write_table(items: Iterable[BookedItem]) -> Iterator[str]:
    """Write a whole book, line by line, without line ends.

    Words of people that a spreadsheet would take for a formula get an apostrophe in
    front, so that opening the file runs nothing.
    """
    yield _line(COLUMNS)
    for item in items:
        at = f"{_EPOCH + timedelta(milliseconds=item.at_ms):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        for ordinal, move in enumerate(item.transfers):
            yield _line(
                (
                    item.place,
                    item.id,
                    ordinal,
                    at,
                    item.kind,
                    item.unit,
                    move.debit,
                    move.credit,
                    move.amount_minor,
                    _harmless(item.ref),
                    _harmless(item.reason),
                    item.reverses or "",
                )
            )


def _line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _harmless(words: str) -> str:
    return f"'{words}" if words.startswith(_FORMULA) else words

"""From what was decided to the rows that are kept, and the chain over all of them.

Pure: the same entries give the same rows, whoever writes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from hub.ledger.items import About, Item, Transfer, about_of, effect_of

FIRST_HASH = blake2b(b"standpipe ledger v1", digest_size=32).hexdigest()
"""What the first batch's hash continues."""


class Entry(NamedTuple):
    """An item that was booked.

    Attributes:
        item: What was asked.
        digest: Of what was asked.
        transfers: What moved, in order.
    """

    item: Item
    digest: str
    transfers: tuple[Transfer, ...]


class Last(NamedTuple):
    """End of the chain.

    Attributes:
        batch: Number of the last batch; 0: there is none.
        hash: Its hash.
        place: Place of the last item.
    """

    batch: int = 0
    hash: str = FIRST_HASH
    place: int = 0


TransferRow = tuple[str, int, int, int, int, int]
"""item, ordinal, debit, credit, amount, at_ms."""
ItemRow = tuple[str, str, str, str, str, str | None, int, str, str, int]
"""id, unit, kind, ref, reason, reverses, place, digest, effect, batch."""
BatchRow = tuple[int, str, int, int]
"""id, hash, items, at_ms."""


class Moved:
    """What entries do to accounts, gathered as they are decided.

    Attributes:
        rows: For table `transfers`.
        changes: What each account's balance changes by, by its number.
        abouts: What is kept of each item beside.
        digests: Of what was asked, and of what came of it, for each item.
    """

    __slots__ = ("abouts", "changes", "digests", "rows")

    def __init__(self) -> None:
        self.rows: list[TransferRow] = []
        self.changes: defaultdict[int, int] = defaultdict(int)
        self.abouts: list[About] = []
        self.digests: list[tuple[str, str]] = []

    def add(self, entries: Iterable[Entry], ids: Mapping[str, int], at_ms: int) -> None:
        """Add what was booked, in order.

        Args:
            entries: What was booked.
            ids: Numbers of all accounts that they touch.
            at_ms: When.
        """
        rows, changes = self.rows, self.changes
        for item, digest, transfers in entries:
            about = about_of(item)
            self.abouts.append(about)
            self.digests.append((digest, effect_of(about, at_ms, transfers)))
            id_, ordinal = about[0], 0
            for move in transfers:
                debit, credit, minor = ids[move.debit], ids[move.credit], move.amount_minor
                rows.append((id_, ordinal, debit, credit, minor, at_ms))
                changes[debit] -= minor
                changes[credit] += minor
                ordinal += 1  # noqa: SIM113 enumerate makes a pair of each


def chained(moved: Moved, last: Last, at_ms: int) -> tuple[BatchRow, list[ItemRow], Last]:
    """Put items at the end of the chain, as one batch.

    Returns:
        The rows of batch and items, and the new end.
    """
    batch = last.batch + 1
    items = [
        (*about, place, *digests, batch)
        for place, (about, digests) in enumerate(
            zip(moved.abouts, moved.digests, strict=True), last.place + 1
        )
    ]
    hash_ = chain_batch(last.hash, moved.digests)
    head = (batch, hash_, len(items), at_ms)
    return head, items, Last(batch, hash_, last.place + len(items))


def chain_batch(previous: str, digests: Iterable[tuple[str, str]]) -> str:
    """Hash of a batch: the hash before it, then digest and effect of each item."""
    parts = [previous]
    for pair in digests:
        parts += pair
    return blake2b("".join(parts).encode(), digest_size=32).hexdigest()

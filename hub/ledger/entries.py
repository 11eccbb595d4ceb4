"""From what was decided to the rows that are kept, and the chain over all of them.

Pure: the same entries give the same rows, whoever writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


class Moved(NamedTuple):
    """What entries do to accounts.

    Attributes:
        rows: For table `transfers`.
        changes: What each account's balance changes by, by its number.
        abouts: What is kept of each item beside.
        effects: Digest of what came of each item.
    """

    rows: list[TransferRow]
    changes: dict[int, int]
    abouts: list[About]
    effects: list[str]


def moves_of(entries: Iterable[Entry], ids: Mapping[str, int], at_ms: int) -> Moved:
    """Make the rows of transfers.

    Args:
        entries: What was booked, in order.
        ids: Numbers of all accounts that they touch.
        at_ms: When.
    """
    rows: list[TransferRow] = []
    changes: dict[int, int] = {}
    abouts: list[About] = []
    effects: list[str] = []
    for item, _, transfers in entries:
        about = about_of(item)
        abouts.append(about)
        effects.append(effect_of(about, at_ms, transfers))
        for ordinal, move in enumerate(transfers):
            debit, credit, minor = ids[move.debit], ids[move.credit], move.amount_minor
            rows.append((item.id, ordinal, debit, credit, minor, at_ms))
            changes[debit] = changes.get(debit, 0) - minor
            changes[credit] = changes.get(credit, 0) + minor
    return Moved(rows, changes, abouts, effects)


def chained(
    entries: Sequence[Entry], moved: Moved, last: Last, at_ms: int
) -> tuple[BatchRow, list[ItemRow], Last]:
    """Put entries at the end of the chain, as one batch.

    Returns:
        The rows of batch and items, and the new end.
    """
    batch, place = last.batch + 1, last.place
    items = [
        (*about, place_, entry.digest, effect, batch)
        for place_, (entry, about, effect) in enumerate(
            zip(entries, moved.abouts, moved.effects, strict=True), place + 1
        )
    ]
    digests = zip([entry.digest for entry in entries], moved.effects, strict=True)
    hash_ = chain_batch(last.hash, digests)
    head = (batch, hash_, len(items), at_ms)
    return head, items, Last(batch, hash_, place + len(items))


def chain_batch(previous: str, digests: Iterable[tuple[str, str]]) -> str:
    """Hash of a batch: the hash before it, then digest and effect of each item."""
    parts = [previous]
    for pair in digests:
        parts += pair
    return blake2b("".join(parts).encode(), digest_size=32).hexdigest()

"""What becomes of a batch: decided by hashes alone.

`docs/protocol.md`, "The journal goes up", is the table behind `decide`. The
signature and the chain within the batch are checked before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from wire.chain import link, origin
from wire.errors import ChainError
from wire.uplink import JournalHeader

HashAt = Callable[[int], str | None]
"""Chain hash (hex) booked at a seq of the batch's epoch; None: nothing is booked there."""


class Verdict(Enum):
    """What to do with a batch."""

    BOOK = "book"  # all of it
    TRIM = "trim"  # its first events are booked already: book the rest
    OPEN = "open"  # a new journal: book all of it
    PAST = "past"  # all of it is booked already
    AHEAD = "ahead"  # a report of events that are still on their way
    GAP = "gap"  # events before it are missing
    FORK = "fork"  # it contradicts what is booked


@dataclass(frozen=True, slots=True)
class Booked:
    """How far a journal is booked.

    Attributes:
        through_seq: Last seq; 0: nothing yet.
        head_hash: Chain hash there, hex.
    """

    through_seq: int
    head_hash: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and how many leading events to skip when booking."""

    verdict: Verdict
    skip: int = 0


def chained(header: JournalHeader, events: tuple[bytes, ...]) -> tuple[str, ...]:
    """Chain hash (hex) after each event of a batch.

    Raises:
        ChainError: The events aren't those that the signed header speaks of.
    """
    hashes: list[str] = []
    current = bytes.fromhex(header.prev_hash)
    for data in events:
        current = link(current, data)
        hashes.append(current.hex())
    if current.hex() != header.head_hash:
        raise ChainError(
            f"events {header.first_seq} to {header.first_seq + header.count - 1} of "
            f"{header.sender} don't give the hash in their header"
        )
    return tuple(hashes)


def nothing_booked(controller: str, epoch: str) -> Booked:
    """How far a journal is booked of which nothing is."""
    return Booked(0, origin(controller, epoch).hex())


def decide(
    booked: Booked | None, header: JournalHeader, hashes: tuple[str, ...], hash_at: HashAt
) -> Decision:
    """Decide what becomes of a batch.

    Args:
        booked: What is booked of its epoch; None: the epoch is new.
        header: Its header, checked.
        hashes: Chain hash after each of its events (`chained`).
        hash_at: Looks up what is booked; asked at most once, below `through_seq`.
    """
    known = booked or nothing_booked(header.sender, header.epoch)
    if header.first_seq > known.through_seq + 1:
        return Decision(Verdict.GAP if hashes else Verdict.AHEAD)
    last_seq = header.first_seq + len(hashes) - 1
    if last_seq < known.through_seq:
        matches = header.head_hash == hash_at(last_seq)
        return Decision(Verdict.PAST if matches else Verdict.FORK)
    skip = known.through_seq - header.first_seq + 1
    at_through = header.prev_hash if skip == 0 else hashes[skip - 1]
    if at_through != known.head_hash:
        return Decision(Verdict.FORK)
    return _continues(booked, header, len(hashes), skip)


def _continues(booked: Booked | None, header: JournalHeader, count: int, skip: int) -> Decision:
    if booked is None and header.first_seq == 1:
        return Decision(Verdict.OPEN)
    if skip == count:
        return Decision(Verdict.PAST)
    return Decision(Verdict.TRIM if skip else Verdict.BOOK, skip)

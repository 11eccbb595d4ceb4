"""What a ccTalk acceptor keeps in its event buffer, read so that nothing counts twice.

Source: ccTalk Generic Specification 4.7, part 2: header 229 "Read buffered credit or error
codes" and header 159 "Read buffered bill events". The device numbers its events 1 to 255 and
then from 1 again; 0 means that it was switched on or reset. It keeps the last five, the newest
first. A lost answer is asked for again: only the number says what is new.
"""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 5
"""Events that a device keeps."""
_CYCLE = 255
_BUFFER_BYTES = 1 + 2 * KEPT


@dataclass(frozen=True, slots=True)
class Entry:
    """An event.

    Attributes:
        seq: Its number, 1 to 255.
        first: Number of the coin or note; 0: an error or status.
        second: Where it went (coin: sorter path; note: 0 stacked, 1 held); or the code.
    """

    seq: int
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new.

    Attributes:
        entries: The oldest first.
        lost: How many more there were.
        was_reset: Whether the device has begun anew, and forgotten its settings.
        seq: The number up to which everything is known now.
    """

    entries: tuple[Entry, ...]
    lost: int
    was_reset: bool
    seq: int


def fresh_in(buffer: bytes, last: int | None) -> Fresh:
    """Tell what is new in a device's answer.

    Args:
        buffer: Its data: number of the last event, and five pairs.
        last: The number up to which everything is known; None: this is the first look, and
            what is there was before it.

    Raises:
        ValueError: It isn't such an answer.
    """
    if len(buffer) != _BUFFER_BYTES:
        raise ValueError(f"an event buffer has {_BUFFER_BYTES} bytes, not {len(buffer)}")
    seq = buffer[0]
    pairs = [(buffer[at], buffer[at + 1]) for at in range(1, _BUFFER_BYTES, 2)]
    if last is None or seq == last:
        return Fresh((), 0, was_reset=False, seq=seq)
    if seq == 0:
        return Fresh((), 0, was_reset=True, seq=0)
    was_reset = last > seq and not any(map(any, pairs[seq:])) and seq < KEPT
    count = seq if was_reset or last == 0 else (seq - last) % _CYCLE
    newest = [_entry(seq, back, pairs[back]) for back in range(min(count, KEPT))]
    return Fresh(tuple(reversed(newest)), max(0, count - KEPT), was_reset, seq)


def newest_in(buffer: bytes) -> Entry | None:
    """Give the newest event of a buffer; None: there is none.

    Raises:
        ValueError: It isn't such an answer.
    """
    if len(buffer) != _BUFFER_BYTES:
        raise ValueError(f"an event buffer has {_BUFFER_BYTES} bytes, not {len(buffer)}")
    return Entry(buffer[0], buffer[1], buffer[2]) if buffer[0] else None


def _entry(seq: int, back: int, pair: tuple[int, int]) -> Entry:
    return Entry((seq - back - 1) % _CYCLE + 1, *pair)

"""Text in the room that a display has: wrapped at words, and on as many pages as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

PAGES_MAX = 4
"""More text than this nobody waits for; the rest is cut."""

Measure = Callable[[str], int]
"""Width of a text, in whatever a line's room is counted in."""


def pages(
    lines: tuple[str, ...], room: int, rows: int, measure: Measure = len
) -> tuple[tuple[str, ...], ...]:
    """Lay lines out.

    Args:
        lines: As they shall be read; one that is too long goes on in the next row.
        room: Of a row, in the units of `measure`.
        rows: Of a page.
        measure: Width of a text; characters unless told.

    Returns:
        1 to `PAGES_MAX` pages of at most `rows` rows, none wider than `room`.
    """
    wrapped = [row for line in lines for row in _wrap(line, room, measure)]
    found = [tuple(wrapped[at : at + rows]) for at in range(0, len(wrapped), rows)]
    return tuple(found[:PAGES_MAX]) or ((),)


def _wrap(line: str, room: int, measure: Measure) -> Iterator[str]:
    row = ""
    for word in line.split():
        joined = f"{row} {word}" if row else word
        if measure(joined) <= room:
            row = joined
            continue
        if row:
            yield row
        *full, row = _chop(word, room, measure)
        yield from full
    yield row


def _chop(word: str, room: int, measure: Measure) -> Iterator[str]:
    """A word in pieces that fit; Chinese has no blanks, so a line may be one word."""
    piece = ""
    for char in word:
        if piece and measure(piece + char) > room:
            yield piece
            piece = ""
        if measure(char) <= room:
            piece += char
    yield piece

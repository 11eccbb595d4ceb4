"""Text in the letters that a display has."""

from __future__ import annotations

from collections.abc import Callable

from anyascii import anyascii

UNKNOWN = "?"
"""Stands where nothing fits."""

_AS_WRITTEN = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "…": "...",
        "\N{NO-BREAK SPACE}": " ",
    }
)
"""How those who use a letter write it where it is missing; the rest is written by sound."""


def printable(text: str, has: Callable[[str], bool]) -> str:
    """Write `text` with what a display has.

    Args:
        text: Anything. Control characters and marks of direction become blanks or nothing.
        has: Whether the display has a character.

    Returns:
        Printable characters only, each of them one that the display has.
    """
    return "".join(_written(char, has) for char in text)


def _written(char: str, has: Callable[[str], bool]) -> str:
    if char.isprintable() and has(char):
        return char
    instead = char.translate(_AS_WRITTEN)
    if instead == char:
        instead = anyascii(char) if char.isprintable() else " "
    return "".join(one if one.isprintable() and has(one) else UNKNOWN for one in instead)

"""Where in a TOML file a key stands: `tomllib` doesn't say."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\"-]+)\s*\]\]?")
_PAIR = re.compile(r"^\s*([\w\"-]+)\s*=\s*(\[\s*$)?")

Path = tuple[str | int, ...]
"""As `("steps", 2, "part")`."""


def lines_of(text: str) -> dict[Path, int]:
    """Give the line of each table and of each key in one, from 1.

    A list of tables may be written one in a line, as steps are. What is inside a text of
    several lines may be taken for a key, which does no harm: nobody asks for it.
    """
    found: dict[Path, int] = {}
    counts: dict[str, int] = {}
    table: Path = ()
    listed: Path = ()
    entries = 0
    for number, line in enumerate(text.splitlines(), 1):
        if listed:
            if line.lstrip().startswith("{"):
                found[*listed, entries] = number
                entries += 1
            elif line.strip() == "]":
                listed = ()
        elif header := _HEADER.match(line):
            name = header[2].replace('"', "")
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                table = (name, counts[name])
            else:
                table = tuple(name.split("."))
            found.setdefault(table, number)
        elif pair := _PAIR.match(line):
            path = (*table, pair[1].replace('"', ""))
            found.setdefault(path, number)
            if pair[2]:
                listed, entries = path, 0
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest place around it; 1: it's about the whole file."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1

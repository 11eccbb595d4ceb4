"""Bends a good input into one that is nearly good: what a decoder meets in its deepest parts.

Bytes at random hardly ever get past the first check of a decoder. So half of all inputs
are good ones with one value changed into an odd one, a key left out, or a byte hit.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

EDITS_MAX = 4
"""More than a few edits at once only make an input bad at its first check."""
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**53,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**15,
    10**15 + 1,
    10**30,
    10**400,
    1.5,
    "",
    "\0",
    "a\0b",
    "x" * 64,
    "x" * 65,
    "x" * 513,
    "\u0660\u0661",
    "\u202e",
    "\U0001f9fa",
    "..",
    "../../etc/passwd",
    "%s{0}",
    "00" * 32,
    [],
    [[]],
    {},
    {"": ""},
)
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\x00\x00\xff",
    b"\x00\x00\xff\x00\xff\x00",
    b"\xff\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"1e400",
    b"9" * 40,
    b"[" * 2_000,
    b'{"a":' * 1_000,
    b"\x91" * 2_000,
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x80",
    b"\n",
    b"%00",
)


def bend(data: bytes, random: Random) -> bytes:
    """Change an input in one to `EDITS_MAX` places.

    An input may be a few bytes that pick something, and lines of JSON after them.
    """
    for _ in range(random.randint(1, EDITS_MAX)):
        bent = _bend_line(data, random) if random.random() < 0.7 else None
        data = _hit_bytes(data, random) if bent is None else bent
    return data


def _bend_line(data: bytes, random: Random) -> bytes | None:
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    starts = [place for place in (lines[at].find(b"{"), lines[at].find(b"[")) if place >= 0]
    if not starts:
        return None
    head, text = lines[at][: min(starts)], lines[at][min(starts) :]
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if random.random() < 0.1:
        lines.insert(at, lines[at])
    lines[at] = head + json.dumps(_bend_tree(tree, random), separators=(",", ":")).encode()
    return b"\n".join(lines)


def _bend_tree(tree: Any, random: Random) -> Any:
    """Change one node, the deeper ones too."""
    if isinstance(tree, dict) and tree and random.random() < 0.85:
        return _bend_dict(dict(tree), random)
    if isinstance(tree, list) and tree and random.random() < 0.85:
        tree, at = list(tree), random.randrange(len(tree))
        how = random.random()
        if how < 0.1:
            del tree[at]
        elif how < 0.25:
            tree *= random.choice((2, 3, 50))
        else:
            tree[at] = _bend_tree(tree[at], random)
        return tree
    if type(tree) is int and random.random() < 0.5:
        return tree + random.choice((-1, 1, 1_000, -1_000, 10**9))
    return random.choice(ODD_VALUES)


def _bend_dict(tree: dict[str, Any], random: Random) -> dict[str, Any]:
    key = random.choice(sorted(tree))
    how = random.random()
    if how < 0.1:
        del tree[key]
    elif how < 0.15:
        tree[key + "_"] = tree[key]
    elif how < 0.25:
        tree[key] = tree[random.choice(sorted(tree))]
    else:
        tree[key] = _bend_tree(tree[key], random)
    return tree


def _hit_bytes(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    how = random.randrange(5)
    if how == 0 and data:
        at = min(at, len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    if how == 1:
        return data[:at] + random.choice(ODD_BYTES) + data[at:]
    if how == 2:
        return data[:at] + data[at + random.randint(1, 8) :]
    if how == 3:
        end = at + random.randint(1, 16)
        return data[:end] + data[at:end] + data[end:]
    return data[:at] + random.randbytes(random.randint(1, 4)) + data[at + 1 :]

"""Inputs that are kept: what a long run found is tried again in every short one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "corpus"
FILES_MAX = 60
"""Per target; a plain test run tries each of them in a moment."""
BYTES_MAX = 8_000
"""Per target: all targets together stay below 200 kB, what a repository carries easily."""
NAME_LENGTH = 16


def kept(target: str) -> list[bytes]:
    """Inputs kept for a target, in a fixed order."""
    folder = FOLDER / target
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Keep these instead of what was kept: the smallest first, within the limits; says how many."""
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    chosen: dict[str, bytes] = {}
    left = BYTES_MAX
    for data in sorted(set(inputs), key=lambda one: (len(one), one)):
        if len(chosen) >= FILES_MAX or len(data) > left:
            break
        chosen[name_of(data)] = data
        left -= len(data)
    for path in folder.iterdir():
        if path.name not in chosen:
            path.unlink()
    for name, data in chosen.items():
        (folder / name).write_bytes(data)
    return len(chosen)


def name_of(data: bytes) -> str:
    """A file's name: the same input is never kept twice."""
    return hashlib.sha256(data).hexdigest()[:NAME_LENGTH]

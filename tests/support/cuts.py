"""Every power cut that a test tries: after each step of a tape, with each kind of loss."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from quick_disk import quick_folder

from simulator.disk.loss import SECTORS, Everything, Loss, Nothing, Scattered, Torn
from simulator.disk.platter import Platter, write_files
from simulator.disk.steps import Tape

T = TypeVar("T")
IMAGES = int(os.environ.get("STANDPIPE_POWER_CUT_IMAGES", "1"))
"""Disks drawn after each step, for each size of a sector."""
SEED = int(os.environ.get("STANDPIPE_POWER_CUT_SEED", "1"))


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut.

    Attributes:
        count: Steps that were done.
        loss: What it took.
        files: What it left.
    """

    count: int
    loss: Loss
    files: dict[str, bytes]


def plain_cuts(tape: Tape) -> Iterator[Cut]:
    """Every prefix: with everything that was written, and with nothing unsynced."""
    for count, platter in _walk(tape):
        for loss in (Nothing(), Everything()):
            yield Cut(count, loss, platter.cut(loss))


def scattered_cuts(
    tape: Tape, torn: tuple[Torn, ...] = tuple(Torn), every: int = 1
) -> Iterator[Cut]:
    """Prefixes with unsynced sectors there or not, in any combination.

    Args:
        tape: Of the disk.
        torn: What may become of the sector under way.
        every: A cut after so many steps; after each when several disks are drawn.
    """
    every = 1 if IMAGES > 1 else every
    for count, platter in _walk(tape):
        if platter.is_settled() or count % every:
            continue
        for sector_bytes in SECTORS:
            for image in range(IMAGES):
                chance = random.Random(f"{SEED} {count} {sector_bytes} {image}")
                loss = Scattered(chance, sector_bytes, chance.choice(torn))
                yield Cut(count, loss, platter.cut(loss))


class Looks(Generic[T]):
    """Looks at each disk once, however many cuts leave the same.

    Args:
        look: Opens what is in a folder, and gives what it found.
    """

    def __init__(self, look: Callable[[Path], T]) -> None:
        self._look = look
        self._found: dict[int, T] = {}

    def at(self, cut: Cut) -> T:
        """What is found after a cut."""
        key = hash(tuple(sorted(cut.files.items())))
        if key not in self._found:
            with quick_folder() as folder:
                write_files(cut.files, folder)
                self._found[key] = self._look(folder)
        return self._found[key]


def _walk(tape: Tape) -> Iterator[tuple[int, Platter]]:
    platter = Platter(tape.before)
    for count, step in enumerate(tape.steps, 1):
        platter.do(step)
        yield count, platter

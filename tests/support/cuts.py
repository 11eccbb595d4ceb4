"""Every power cut that a test tries: after each step of a tape, with each kind of loss."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from quick_disk import quick_folder

from simulator.disk.loss import SECTORS, Everything, Loss, Nothing, Scattered, Torn
from simulator.disk.platter import Platter, write_files
from simulator.disk.steps import Created, Deleted, Tape

T = TypeVar("T")
IMAGES = int(os.environ.get("STANDPIPE_POWER_CUT_IMAGES", "1"))
"""Disks drawn after each step, for each size of a sector."""
NEW_FILES = 1_000
"""Files of a second life are counted from here."""
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


def continued(tape: Tape, count: int, second: Tape) -> Tape:
    """A disk whose program was killed after so many steps, and started again.

    Nothing is lost with the program; what it hadn't synced is as unsynced as before.

    Args:
        tape: Of the first life.
        count: Its steps.
        second: Of the second life, recorded on what a kill left.
    """
    numbers = {name: number for number, name in enumerate(tape.before)}
    for step in tape.steps[:count]:
        if isinstance(step, Created):
            numbers[step.name] = step.number
        elif isinstance(step, Deleted):
            numbers.pop(step.name, None)
    known = {number: numbers[name] for number, name in enumerate(second.before)}
    steps = [
        replace(step, number=known.get(step.number, NEW_FILES + step.number))
        if hasattr(step, "number")
        else step
        for step in second.steps
    ]
    promises = [(at, said) for at, said in tape.promises if at <= count]
    promises += [(count + at, said) for at, said in second.promises]
    return Tape(tape.before, tape.steps[:count] + steps, promises)


def _walk(tape: Tape) -> Iterator[tuple[int, Platter]]:
    platter = Platter(tape.before)
    for count, step in enumerate(tape.steps, 1):
        platter.do(step)
        yield count, platter

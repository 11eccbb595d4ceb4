"""Every power cut that a test tries: after each step of a tape, with each kind of loss."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.disk.loss import SECTORS, Everything, Loss, Nothing, Scattered, Torn
from simulator.disk.platter import Platter
from simulator.disk.steps import Tape

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


def scattered_cuts(tape: Tape, torn: tuple[Torn, ...] = tuple(Torn)) -> Iterator[Cut]:
    """Every prefix with unsynced sectors there or not, in any combination."""
    for count, platter in _walk(tape):
        if platter.is_settled():
            continue
        for sector_bytes in SECTORS:
            for image in range(IMAGES):
                chance = random.Random(f"{SEED} {count} {sector_bytes} {image}")
                loss = Scattered(chance, sector_bytes, chance.choice(torn))
                yield Cut(count, loss, platter.cut(loss))


def _walk(tape: Tape) -> Iterator[tuple[int, Platter]]:
    platter = Platter(tape.before)
    for count, step in enumerate(tape.steps, 1):
        platter.do(step)
        yield count, platter

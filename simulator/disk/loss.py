"""What of unsynced writes is on disk after a power cut.

A drive writes sectors, in the order that suits it. So each sector's piece of each write
since the last sync is there or not, whichever came first; the one under way may be torn.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulator.disk.steps import Truncated, Written, apply, content_after

SECTORS = (512, 4_096)
"""Bytes of a sector on old and on today's drives and cards."""
SHARES = (0.1, 0.5, 0.9)
"""How many of the pieces survive: few, half, nearly all."""


class Torn(enum.Enum):
    """What becomes of the sector that was being written."""

    WHOLE = "is there or not"
    HALF = "holds the beginning of what was written, then what was there"
    SPOILT = "holds rubbish, also where nothing was to be written"


class Loss(Protocol):
    """Decides what a power cut leaves."""

    def names_kept(self, count: int) -> int:
        """How many of the folder's last changes are on disk."""
        ...

    def leave(self, durable: bytes, pending: Sequence[Written | Truncated]) -> bytes:
        """A file's content, from what was synced and what came after."""
        ...


@dataclass(frozen=True, slots=True)
class Nothing:
    """Everything that was written is there: as when only the program is killed."""

    def names_kept(self, count: int) -> int:
        return count

    def leave(self, durable: bytes, pending: Sequence[Written | Truncated]) -> bytes:
        return content_after(durable, pending)


@dataclass(frozen=True, slots=True)
class Everything:
    """Only what was synced is there."""

    def names_kept(self, count: int) -> int:  # noqa: ARG002 as the protocol has it
        return 0

    def leave(
        self,
        durable: bytes,
        pending: Sequence[Written | Truncated],  # noqa: ARG002 as the protocol has it
    ) -> bytes:
        return durable


@dataclass(frozen=True, slots=True)
class Scattered:
    """Sectors are there or not by chance.

    Args:
        chance: Draws which.
        sector_bytes: Size of a sector.
        torn: What becomes of the last sector that was written.
    """

    chance: random.Random = field(repr=False)
    sector_bytes: int = SECTORS[0]
    torn: Torn = Torn.WHOLE

    def names_kept(self, count: int) -> int:
        return self.chance.randint(0, count)

    def leave(self, durable: bytes, pending: Sequence[Written | Truncated]) -> bytes:
        share = self.chance.choice(SHARES)
        content = bytearray(durable)
        pieces = list(self._pieces(pending))
        torn = self.chance.randrange(len(pieces)) if self.torn is not Torn.WHOLE else None
        for place, piece in enumerate(pieces):
            if place == torn and isinstance(piece, Written):
                self._tear(piece, content)
            elif self.chance.random() < share:
                apply(piece, content, self._rubbish)
        return bytes(content)

    def _pieces(self, pending: Sequence[Written | Truncated]) -> Iterator[Written | Truncated]:
        """Writes, cut where sectors end."""
        for step in pending:
            if isinstance(step, Truncated):
                yield step
                continue
            at, end = step.offset, step.offset + len(step.data)
            while at < end:
                upto = min(end, (at // self.sector_bytes + 1) * self.sector_bytes)
                piece = step.data[at - step.offset : upto - step.offset]
                yield Written(step.number, at, piece)
                at = upto

    def _tear(self, piece: Written, content: bytearray) -> None:
        if self.torn is Torn.HALF:
            kept = piece.data[: self.chance.randrange(len(piece.data) + 1)]
            apply(Written(piece.number, piece.offset, kept), content, self._rubbish)
            return
        start = piece.offset // self.sector_bytes * self.sector_bytes
        spoilt = Written(piece.number, start, self.chance.randbytes(self.sector_bytes))
        apply(spoilt, content, self._rubbish)

    def _rubbish(self, size: int) -> bytes:
        """What stands where a file grew and nothing was written."""
        return self.chance.randbytes(size) if self.chance.random() < 0.5 else bytes(size)  # noqa: PLR2004 one in two

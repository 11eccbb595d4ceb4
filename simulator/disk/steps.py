"""What SQLite did to its files, in order, and what was promised meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Created:
    """A file was made; on disk once the folder is synced."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """A name was taken away; gone for good once the folder is synced."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written; on disk once the file is synced."""

    number: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """A file was cut or lengthened; on disk once the file is synced."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """All that was written to a file before is on disk."""

    number: int


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """All names are on disk."""


Step = Created | Deleted | Written | Truncated | Synced | FolderSynced


@dataclass(slots=True)
class Trouble:
    """Steps that fail: a write finds no room, a truncation or sync an error of the disk.

    Attributes:
        first: Number of the first that fails, from 1; 0: none does.
        count: How many fail in a row.
        seen: How many there were.
    """

    first: int = 0
    count: int = 1
    seen: int = 0

    def strikes(self) -> bool:
        """Whether the next step fails; counts it."""
        self.seen += 1
        return bool(self.first) and self.first <= self.seen < self.first + self.count


@dataclass(slots=True)
class Tape:
    """Steps, and the promises between them.

    Attributes:
        before: Files as they were, by name.
        steps: What was done to them.
        promises: What the program had said to the world, each with the number of steps
            that were done by then.
    """

    before: dict[str, bytes] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    promises: list[tuple[int, object]] = field(default_factory=list)

    def promise(self, said: object) -> None:
        """From now on this must survive."""
        self.promises.append((len(self.steps), said))


def apply(
    step: Written | Truncated, content: bytearray, fill: Callable[[int], bytes] = bytes
) -> None:
    """Do to a file's content what a step says.

    Args:
        step: It.
        content: Changed in place.
        fill: Gives what stands in so many bytes that the file grows by, unwritten.
    """
    size = step.size if isinstance(step, Truncated) else step.offset
    if size > len(content):
        content.extend(fill(size - len(content)))
    if isinstance(step, Truncated):
        del content[size:]
    else:
        content[size : size + len(step.data)] = step.data


def content_after(durable: bytes, pending: Iterable[Written | Truncated]) -> bytes:
    """A file's content when everything that was written to it is there."""
    content = bytearray(durable)
    for step in pending:
        apply(step, content)
    return bytes(content)

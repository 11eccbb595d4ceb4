"""What a disk holds when the power goes: what was synced, and some of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simulator.disk.loss import Loss
from simulator.disk.steps import (
    Created,
    Deleted,
    FolderSynced,
    Step,
    Synced,
    Truncated,
    Written,
    content_after,
)


@dataclass(slots=True)
class _File:
    durable: bytes = b""
    pending: list[Written | Truncated] = field(default_factory=list)


class Platter:
    """A folder on a disk, step by step.

    Names come and go in their order, as on a journalling file system: a cut leaves those
    of some moment since the folder was last synced. Contents keep no order: of what was
    written to a file since its last sync, each piece is there or not.

    Args:
        before: Files that are there and synced, by name.
    """

    def __init__(self, before: Mapping[str, bytes]) -> None:
        self._files = {number: _File(data) for number, data in enumerate(before.values())}
        self._names = {name: number for number, name in enumerate(before)}
        self._renames: list[Created | Deleted] = []

    def do(self, step: Step) -> None:
        """Take a step."""
        match step:
            case Created():
                self._files[step.number] = _File()
                self._renames.append(step)
            case Deleted():
                self._renames.append(step)
            case FolderSynced():
                self._names = self._names_after(len(self._renames))
                self._renames.clear()
            case Synced():
                file = self._files[step.number]
                file.durable = content_after(file.durable, file.pending)
                file.pending.clear()
            case Written() | Truncated():
                self._files[step.number].pending.append(step)

    def is_settled(self) -> bool:
        """Whether a cut now could lose nothing."""
        return not self._renames and not any(file.pending for file in self._files.values())

    def cut(self, loss: Loss) -> dict[str, bytes]:
        """The files that are there when the power comes back."""
        names = self._names_after(loss.names_kept(len(self._renames)))
        return {name: self._after_cut(self._files[number], loss) for name, number in names.items()}

    def _names_after(self, count: int) -> dict[str, int]:
        names = dict(self._names)
        for step in self._renames[:count]:
            if isinstance(step, Created):
                names[step.name] = step.number
            else:
                names.pop(step.name, None)
        return names

    def _after_cut(self, file: _File, loss: Loss) -> bytes:
        return loss.leave(file.durable, file.pending) if file.pending else file.durable


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Put files into a folder, which holds nothing else afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
